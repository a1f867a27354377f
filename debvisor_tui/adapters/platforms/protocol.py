"""What the playbook asks of any kind of platform."""

from typing import ClassVar, Protocol

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.services import ServiceState
from debvisor_tui.system.work import Work

Argv = tuple[str, ...]


class ServiceLog(Protocol):
    """A place in the service's own log: what is written after it is new. `name`: for people, and how to look."""

    @property
    def name(self) -> str: ...

    async def lines_since(self, count: int) -> list[str]:
        """The last `count` lines since then, made safe."""


class Platform(Protocol):
    """How the service runs. `subject`: what is restarted, for people. All raise WorkFailed with what can be done.

    `leaves_service`: what a restart command leaves running may be the service itself, and is not to be ended.
    `log`: where the service's own words are, for people; "" if that is not known.
    """

    kind: ClassVar[str]
    leaves_service: ClassVar[bool]
    subject: str
    log: str

    def restart_commands(self, release: Artifact) -> tuple[Argv, ...]:
        """What :meth:`restart` runs, in this order."""

    async def obstacles(self) -> tuple[str, ...]:
        """What would keep :meth:`restart` from working on this host, a sentence each, with what can be done. Nothing
        is changed, and nothing raised."""

    async def state(self) -> ServiceState | None:
        """What runs now; None if nothing does."""

    async def restart(self, work: Work, release: Artifact, before: ServiceState | None) -> ServiceState:
        """Restart it; what runs then, once it is known to stay. `before`: what ran until now."""

    async def mark(self) -> ServiceLog | None:
        """Where its log ends now; None if it has none that can be read here."""
