"""The monitor: verdict, numbers and plots that read without colour, at any size."""

from dataclasses import replace
from typing import Any

import pytest
from looks import plots_fit
from stage import play, until
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from debvisor_tui.model.verdict import Outcome, Sample, Thresholds, Verdict
from debvisor_tui.ui.theme import THEME
from debvisor_tui.ui.widgets.monitor_body import MonitorBody
from debvisor_tui.ui.widgets.monitor_text import Watch, percent, sparkline
from debvisor_tui.ui.widgets.plots import Chart, Level, Series, TimePlot, plot_text

LIMITS = Thresholds(max_error_rate=0.02, max_p95=250.0)


def samples(count: int, *, bad_from: int = 10_000, no_data: int = 0) -> tuple[Sample, ...]:
    """One a second: 20 requests, 45 ms; from `bad_from` on 10 % errors and 400 ms; the last `no_data` say nothing."""

    def one(i: int) -> Sample:
        if i > count - no_data:
            return Sample(at=1000.0 + i, elapsed=float(i), seconds=1.0, problem="HTTP 503 [/] from /metrics")
        errors, p95, p99 = (2.0, 400.0, 500.0) if i >= bad_from else (0.0, 45.0, 60.0)
        return Sample(1000.0 + i, float(i), 1.0, 20.0, errors, 9.0, p95, p99)

    return tuple(one(i) for i in range(1, count + 1))


GOOD = Watch(samples(20), LIMITS, {"error_rate": 0.001, "p95": 40.0}, None, 10.0, 20.0, 30.0)
BAD = replace(GOOD, samples=samples(25, bad_from=18), elapsed=25.0)


class Stage(App[None]):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name
        self._watch = watch

    def compose(self) -> ComposeResult:
        yield MonitorBody()

    def on_mount(self) -> None:
        self.body.show(self._watch)

    @property
    def body(self) -> MonitorBody:
        return self.query_one(MonitorBody)


def text_of(app: App[None]) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def settled(app: "Stage", pilot: Pilot[None]) -> None:
    """Until the watch is shown and every plot is drawn in the size it has."""
    for _ in range(2):
        await until(lambda: "requests" in text_of(app) and plots_fit(app), pilot)  # type: ignore[arg-type]
        await pilot.pause(0.1)


def drawn(watch: Watch, size: tuple[int, int]) -> str:
    """What the monitor shows of `watch` at `size`."""
    found: list[str] = []

    async def look() -> None:
        app = Stage(watch)
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            found.append(text_of(app))

    play(look())
    return found[0]


def test_a_good_watch_says_what_it_would_be_judged_now_and_what_is_left() -> None:
    told = drawn(GOOD, (80, 24))
    assert "✓ so far: pass · error rate 0.00% over 400 requests, p95 at most 45 ms" in told
    assert "00:20 of 00:30, 00:10 left · 400 requests, 20.0/s" in told
    assert [line.split() for line in told.splitlines() if line.startswith(("errors", "p95 "))][:2] == [
        ["errors", "0.0", "%", "0.1", "%", "2.0", "%"],
        ["p95", "45", "ms", "40", "ms", "250", "ms"],
    ]
    for word in ("limit 2.0 %", "restart", "p95 before 40 ms", "p95 limit 250 ms ↑", "00:30"):
        assert word in told


def test_a_bad_watch_says_by_how_much_and_how_often() -> None:
    told = drawn(BAD, (100, 24))
    assert "✗ so far: fail · error rate 10.0% over 2.0% and p95 400 ms over 250 ms, 3 times in a row" in told
    assert "10.0 % ✗ over" in told
    assert "400 ms ✗ over" in told
    begun = drawn(replace(GOOD, samples=samples(20, bad_from=19)), (80, 24))
    assert "! over a limit 2 of 3 times in a row" in begun


def test_no_data_is_never_a_pass() -> None:
    told = drawn(replace(GOOD, samples=samples(6, no_data=4)), (80, 24))
    assert "! so far: inconclusive" in told
    assert "! no data: HTTP 503 [/] from /metrics" in told
    assert "waiting for the first scrape" in drawn(replace(GOOD, samples=()), (80, 24))


def test_a_verdict_is_told_with_its_reason() -> None:
    verdict = Verdict(Outcome.FAIL, "error rate 8.0% over 2.0%, 3 times in a row", 500, 0.08, 400.0)
    told = drawn(replace(BAD, verdict=verdict), (100, 24))
    assert "✗ FAIL · error rate 8.0% over 2.0%, 3 times in a row" in told
    assert "watched for 00:25" in told
    assert "8.0 % ✗ over" in told


@pytest.mark.parametrize(("size", "plots"), [((120, 40), 2), ((80, 24), 2), ((54, 14), 1), ((54, 9), 0)])
def test_as_many_plots_as_there_is_room_for(size: tuple[int, int], plots: int) -> None:
    async def look() -> None:
        app = Stage(BAD)
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            assert sum(plot.size.height > 0 for plot in app.query(TimePlot)) == plots
            assert app.body.switchable is (plots == 1)
            if plots == 0:
                assert "errors  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁████████" in text_of(app)
            if plots == 1:
                assert "error rate" in text_of(app)
                app.body.switch_plot()
                await until(lambda: "p95 limit 250 ms" in text_of(app), pilot)  # type: ignore[arg-type]

    play(look())


def test_the_same_watch_is_not_drawn_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    draws: list[int] = []

    def counted(chart: Chart, width: int, height: int, colour: Any) -> Any:
        draws.append(1)
        return plot_text(chart, width, height, colour)

    monkeypatch.setattr("debvisor_tui.ui.widgets.plots.plot_text", counted)

    async def look() -> None:
        app = Stage(GOOD)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: "p95 limit" in text_of(app), pilot)  # type: ignore[arg-type]
            await pilot.pause(0.1)  # the first layout has settled
            before = len(draws)
            for second in range(5):  # the clock ticks, no new sample
                app.body.show(replace(GOOD, elapsed=21.0 + second))
                await pilot.pause()
            assert "00:25 of 00:30" in text_of(app)
            assert len(draws) == before
            app.body.show(BAD)
            await until(lambda: len(draws) > before, pilot)  # type: ignore[arg-type]

    play(look())


def test_a_plot_survives_any_numbers() -> None:
    def colour(_tone: str) -> tuple[int, int, int]:
        return (10, 20, 30)

    for values in ([], [None], [0.0], [0.0, None, 0.0], [1e9, 1e-9], [5.0] * 5000):
        points = tuple((float(i), value) for i, value in enumerate(values))
        chart = Chart((Series("now", points, "main"),), 0.0, 30.0, percent, (Level("limit", 0.01, "limit"),))
        told = plot_text(chart, 60, 8, colour).plain
        assert "limit 1.0 %" in told
        assert "00:30" in told
        assert all(len(line) <= 60 for line in told.splitlines())


def test_a_sparkline_marks_what_is_missing_and_what_is_over() -> None:
    assert sparkline([0.0, 0.5, 1.0, 3.0, None], 1.0) == "▁▄██·"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (54, 14), (54, 9)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", ["good", "bad"])
def test_picture(snap_compare: Any, scene: str, size: tuple[int, int]) -> None:
    app = Stage(GOOD if scene == "good" else BAD)

    async def set_the_scene(pilot: Pilot[None]) -> None:
        await settled(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=set_the_scene)
