"""A toy platform: a service is known by the generation that its control program has started."""

import json
from pathlib import Path
from typing import ClassVar, Literal

from debvisor_tui.adapters.platforms.protocol import Argv
from debvisor_tui.config.parts import Argv as Command
from debvisor_tui.config.parts import KindPart
from debvisor_tui.config.secrets import AnyPath
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.services import ServiceState
from debvisor_tui.system.work import Work


class ToyPlatformSettings(KindPart):
    kind: Literal["toy"]
    control: Command
    generation: AnyPath


class ToyPlatform:
    kind: ClassVar[str] = "toy"
    leaves_service: ClassVar[bool] = True
    log = "the toy's box"

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.platform, ToyPlatformSettings)
        self._control = settings.platform.control
        self._generation = settings.platform.generation
        self.subject = "the toy"

    def restart_commands(self, release: Artifact) -> tuple[Argv, ...]:
        return ((*self._control, release.version),)

    async def state(self) -> ServiceState | None:
        found = _read(self._generation)
        return ServiceState({"generation": found}, f"generation {found}") if found else None

    async def restart(self, work: Work, release: Artifact, before: ServiceState | None) -> ServiceState:
        for argv in self.restart_commands(release):
            await work.execute(argv)
        now = await self.state()
        if now is None or now == before:
            raise WorkFailed("The toy did not turn", "Wind it up, and retry.")
        return now

    async def obstacles(self) -> tuple[str, ...]:
        return ()

    async def mark(self) -> None:
        return None


def _read(path: Path) -> int:
    return int(json.loads(path.read_text())) if path.exists() else 0
