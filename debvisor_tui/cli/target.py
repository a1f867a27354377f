"""Which target a command is about: its settings, its places, and a reader of its journal."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from debvisor_tui.model.errors import UsageError

if TYPE_CHECKING:
    from debvisor_tui.config.preview import TargetPreview
    from debvisor_tui.config.settings import Settings
    from debvisor_tui.runner.discovery import GoingOn
    from debvisor_tui.runner.paths import TargetPaths
    from debvisor_tui.store.history import History


@dataclass(frozen=True, slots=True)
class Named:
    """A target of which no more is known yet."""

    name: str
    path: Path


@dataclass(slots=True)
class Choice:
    """The options that stand before every command; resolved only when a command needs them."""

    config: Path | None = None
    target: str | None = None
    state_dir: Path | None = None

    def settings(self) -> "Settings":
        from debvisor_tui.config.load import load_settings

        if self.config is not None and self.target is not None:
            raise UsageError("--config and --target both name a target.", "Give one of them.")
        return load_settings(self.config, self.target)

    def named(self) -> "Named | Settings":
        """The target's name and config file, without reading all of it: a runner that is started will do that."""
        from debvisor_tui.config.discovery import find_config
        from debvisor_tui.config.preview import glance

        path = find_config(self.config, self.target)
        face = glance(path)
        return self.settings() if face is None else Named(face.name, path)

    def that_goes_on(self, runs: "Sequence[GoingOn]") -> "Choice":
        """Where the options leave open which config or state folder is meant: that of the one of `runs` that fits.

        UsageError if there is no config and not just one run.
        """
        from debvisor_tui.config.discovery import VARIABLE, find_config
        from debvisor_tui.runner.paths import STATE_DIR_VARIABLE

        if self.state_dir is not None or os.environ.get(STATE_DIR_VARIABLE):
            return self
        try:
            config = find_config(self.config, self.target).resolve()
        except UsageError:
            if self.config is not None or self.target is not None or os.environ.get(VARIABLE) or not runs:
                raise
            config = None
        fitting = [run for run in runs if config in {None, run.config}]
        if len(fitting) == 1:
            return Choice(fitting[0].config, None, fitting[0].state_dir)
        if config is None:
            lines = (shlex.join(("debvisor-tui", *run.options, "attach")) for run in fitting)
            raise UsageError(f"{len(fitting)} runs go on. Which?", "\n".join(lines))
        return self

    def places(self, settings: "Settings | TargetPreview | Named") -> "TargetPaths":
        from debvisor_tui.runner.paths import TargetPaths, find_state_dir

        return TargetPaths(find_state_dir(self.state_dir), settings.name)

    def history(self) -> "History":
        """The runs as they stand; UsageError if there is no journal yet."""
        from debvisor_tui.runner.live_history import LiveHistory

        places = self.places(self.settings())
        if not places.has_journal():
            raise UsageError(
                f"There is no history of {places.target} yet: no release was started.",
                f"It will be at {places.journal}.",
            )
        return LiveHistory(places)
