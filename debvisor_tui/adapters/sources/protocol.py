"""What the playbook asks of any kind of source."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.model.artifacts import Artifact, Commits
from debvisor_tui.model.changes import ChangeKind
from debvisor_tui.model.findings import Finding
from debvisor_tui.model.views import Version
from debvisor_tui.system.work import Work

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """`artifact`: what a version means now; None if nothing. `problems`: why it may not be put in place."""

    installed: Artifact | None
    artifact: Artifact | None
    problems: tuple[str, ...] = ()


class Source(Protocol):
    """Where releases come from, and how one of them is put in place. All raise WorkFailed with what can be done.

    `change`: what kind of change putting one in place is; `subject`: of what, for people: "/srv/debvisor".
    """

    kind: ClassVar[str]
    change: ClassVar[ChangeKind]
    subject: str

    async def installed(self) -> Artifact:
        """What is in place now."""

    async def versions(self) -> tuple[Version, ...]:
        """The versions on offer, newest first; those known here if the remote is gone."""

    async def resolve(self, version: str, *, fetch: bool) -> Resolved:
        """What `version` means now, and what stands in its way; never raises for either. `fetch`: ask the remote."""

    async def commits(self, work: Work, old: Artifact, new: Artifact, *, fetch: bool) -> Commits:
        """The commits of `new` that `old` does not have."""

    async def require_merged(self, new: Artifact) -> None:
        """WorkFailed if something in `new` is not on the branch that releases are made from."""

    def revision(self, artifact: Artifact) -> str:
        """The commit that `artifact` was made from, as pipelines and forges know it; "" if that is not known."""

    async def stays(self, old: Artifact, new: Artifact) -> tuple[str, ...]:
        """What of `new` is left as it is when `old` is put in place again, for people; never raises."""

    async def obtain(self, work: Work, new: Artifact) -> Mapping[str, Any]:
        """Have at hand what running the code of `new` needs, beside what runs now: evidence "environment" of it,
        empty if nothing is needed. Nothing is put in place."""

    async def prepare(self, work: Work, new: Artifact, *, begun: bool) -> Artifact:
        """Have `new` at hand, and prove that it may be put in place; what is in place. `begun`: an earlier attempt
        may have been cut off. Nothing is put in place yet."""

    async def install(self, work: Work, new: Artifact) -> None:
        """Put in place what :meth:`prepare` has proven."""

    async def prepare_revert(self, work: Work, recorded: Artifact, other: Artifact) -> Artifact:
        """Prove that `recorded` can be put in place again; what is in place. `other`: the release that goes."""

    async def revert(self, work: Work, recorded: Artifact) -> None:
        """Put `recorded` in place again."""

    async def difference(self, old: Artifact, new: Artifact) -> dict[str, Any]:
        """What the evidence of a move says besides the two: {"files": how many differ}."""

    async def inspect(self, wanted: Artifact, other: Artifact) -> Finding:
        """Where a step stands that was to go from `other` to `wanted`."""

    async def tidy(self, work: Work, needed: Sequence[Artifact]) -> None:
        """Remove what :meth:`obtain` has brought and nobody needs any more; `needed`: by what stands or goes on."""

    def code(self, artifact: Artifact | None = None) -> AbstractAsyncContextManager[CodeRunner]:
        """The code of `artifact`, without putting it in place; without one, the code that is in place."""

    def locks(self) -> tuple[Path, ...]:
        """What two targets must not move at the same time."""

    def environment(self, old: Artifact, new: Artifact) -> Mapping[str, str]:
        """What commands of the config learn of the release."""

    def review_commands(self, old: Artifact, new: Artifact) -> tuple[Argv, ...]: ...

    def obtain_commands(self, new: Artifact) -> tuple[Argv, ...]: ...

    def install_commands(self, new: Artifact) -> tuple[Argv, ...]:
        """What :meth:`prepare` and :meth:`install` run, in this order."""

    def revert_commands(self, recorded: Artifact) -> tuple[Argv, ...]: ...
