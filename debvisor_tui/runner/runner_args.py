"""A runner's argument list: what everybody on the host may read of it, and reads to know whose run this is."""

import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final, Self

MODULE: Final = "debvisor_tui.runner.process"


@dataclass(frozen=True, slots=True)
class RunnerArgv:
    """`start`: the private file that tells the runner all it needs. The rest is for who looks at the processes.

    `what`: "release v1.2.0"; `who`: the name of who started it.
    """

    start: str
    config: str
    state_dir: str
    what: str
    who: str

    @property
    def words(self) -> list[str]:
        # -P: no module is taken from the folder where the caller happens to stand, which others may write to.
        return [sys.executable, "-P", "-m", MODULE, *astuple(self)]

    @classmethod
    def parse(cls, words: Sequence[str]) -> Self | None:
        """None if it is no runner's."""
        if MODULE not in words[:5]:
            return None
        told = words[words.index(MODULE) + 1 :]
        return cls(*told) if len(told) == 5 else None
