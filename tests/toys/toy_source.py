"""A toy source: a shelf of folders, one a version; a link says which of them is in place."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from debvisor_tui.adapters.migrations.host import HostCode
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.sources.protocol import Argv, Resolved
from debvisor_tui.config.parts import KindPart
from debvisor_tui.config.secrets import AnyPath
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact, Commits
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.views import Version
from debvisor_tui.system.work import Work


class ToySourceSettings(KindPart):
    kind: Literal["toy"]
    shelf: AnyPath
    link: AnyPath


class ToySource:
    kind: ClassVar[str] = "toy"
    change: ClassVar[ChangeKind] = ChangeKind.IMAGE

    def __init__(self, settings: Settings) -> None:
        assert isinstance(settings.source, ToySourceSettings)
        self._settings = settings
        self._shelf, self._link = settings.source.shelf, settings.source.link
        self.subject = str(self._link)

    def _artifact(self, version: str) -> Artifact:
        text = (self._shelf / version / "VERSION").read_bytes()
        return Artifact(version, {"box": hashlib.sha256(text).hexdigest()})

    async def installed(self) -> Artifact:
        return self._artifact(self._link.resolve().name)

    async def versions(self) -> tuple[Version, ...]:
        here = self._link.resolve().name
        names = sorted((folder.name for folder in self._shelf.iterdir()), reverse=True)
        return tuple(
            Version(self._artifact(name), 0.0, "a box", name == here, newer=name > here, fresh=True) for name in names
        )

    async def resolve(self, version: str, *, fetch: bool) -> Resolved:
        if not (self._shelf / version).is_dir():
            return Resolved(await self.installed(), None, (f"There is no box {version}.",))
        return Resolved(await self.installed(), self._artifact(version))

    async def commits(self, work: Work, old: Artifact, new: Artifact, *, fetch: bool) -> Commits:
        return Commits((), 0, "the shelf")

    async def require_merged(self, new: Artifact) -> None:
        return None

    def revision(self, artifact: Artifact) -> str:
        return artifact.exact

    async def stays(self, old: Artifact, new: Artifact) -> tuple[str, ...]:
        return ()

    async def obtain(self, work: Work, new: Artifact) -> Mapping[str, Any]:
        return {}

    async def tidy(self, work: Work, needed: Sequence[Artifact]) -> None:
        pass

    def obtain_commands(self, new: Artifact) -> tuple[Argv, ...]:
        return ()

    async def prepare(self, work: Work, new: Artifact, *, begun: bool) -> Artifact:
        work.log(f"the box of {new} is on the shelf")
        return await self.installed()

    async def install(self, work: Work, new: Artifact) -> None:
        for argv in self.install_commands(new):
            await work.execute(argv)

    async def prepare_revert(self, work: Work, recorded: Artifact, other: Artifact) -> Artifact:
        return await self.installed()

    async def revert(self, work: Work, recorded: Artifact) -> None:
        await self.install(work, recorded)

    async def difference(self, old: Artifact, new: Artifact) -> dict[str, Any]:
        return {}

    async def inspect(self, wanted: Artifact, other: Artifact) -> Finding:
        here = await self.installed()
        done = here.is_same_code(wanted)
        return Finding(Found.DONE if done else Found.NOT_DONE, f"the link leads to {here}", here.facts())

    @asynccontextmanager
    async def code(self, artifact: Artifact | None = None) -> AsyncIterator[CodeRunner]:
        yield HostCode(self._settings, self._link, self._shelf / artifact.version if artifact else None)

    def locks(self) -> tuple[Path, ...]:
        return (self._shelf,)

    def environment(self, old: Artifact, new: Artifact) -> Mapping[str, str]:
        return {"TOY_BOX": new.exact}

    def review_commands(self, old: Artifact, new: Artifact) -> tuple[Argv, ...]:
        return (("ls", str(self._shelf)),)

    def install_commands(self, new: Artifact) -> tuple[Argv, ...]:
        return (("ln", "-sfn", str(self._shelf / new.version), str(self._link)),)

    def revert_commands(self, recorded: Artifact) -> tuple[Argv, ...]:
        return self.install_commands(recorded)
