"""A toy metrics source: it counts the lines of a file, and none of them is an error."""

import time
from typing import ClassVar, Literal, Self

from debvisor_tui.adapters.metrics.protocol import Baseline, NoData
from debvisor_tui.config.monitors import Monitor
from debvisor_tui.config.secrets import AnyPath
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.verdict import Sample


class ToyMetricsSettings(Monitor):
    kind: Literal["toy"]
    tally: AnyPath


class ToyMetrics:
    kind: ClassVar[str] = "toy"

    def __init__(self, settings: Settings, limit: float) -> None:
        assert isinstance(settings.monitor, ToyMetricsSettings)
        self._tally = settings.monitor.tally
        self._last: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def describe(self) -> tuple[str, ...]:
        return (f"wc -l {self._tally}",)

    async def baseline(self) -> Baseline:
        raise NoData("a toy does not remember")

    async def sample(self) -> Sample | None:
        if not self._tally.exists():
            raise NoData("there is no tally")
        with self._tally.open("a") as tally:
            tally.write("tick\n" * 20)
        now, last = time.monotonic(), self._last
        self._last = now
        return None if last is None else Sample(time.time(), 0.0, now - last, 20.0, 0.0, 5.0, 9.0, 10.0)

    def begin_anew(self) -> None:
        self._last = None
