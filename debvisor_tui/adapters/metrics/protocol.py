"""What the watch asks of any kind of metrics source."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.verdict import Sample


class NoData(WorkFailed):
    """Why there are no numbers now."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the service has done before the release. `text`: in a line; `value`: the evidence "baseline"."""

    text: str
    value: Mapping[str, Any]


class MetricsSource(AbstractAsyncContextManager["MetricsSource"], Protocol):
    """Where the numbers of the watch come from; to be entered before it is asked."""

    kind: ClassVar[str]

    def describe(self) -> tuple[str, ...]:
        """What it does to get them, a line each, as the operator could type it."""

    async def baseline(self) -> Baseline:
        """What the running service has done so far; NoData says why that is not known."""

    async def sample(self) -> Sample | None:
        """What has happened since the last call that had numbers; None at the first. NoData says why there are none.

        The sample's `elapsed` is the caller's to fill in.
        """

    def begin_anew(self) -> None:
        """What happened until now does not count: the next sample is a first one."""
