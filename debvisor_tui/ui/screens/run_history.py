"""One run as it was: its timeline, logs, changes, decisions, evidence and metrics."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.reactive import reactive
from textual.widgets import ContentSwitcher, Static

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.run_summary import can_roll_back
from debvisor_tui.model.states import RunState
from debvisor_tui.model.times import local_day
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import AttemptView, Event, RunView, StepView
from debvisor_tui.ui.drawing import Piece, line
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.log_screen import LogScreen
from debvisor_tui.ui.state_marks import STEP_MARKS, mark_of_run
from debvisor_tui.ui.widgets import run_report
from debvisor_tui.ui.widgets.find_bar import FindBar
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.log_pane import LogPane
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.monitor_body import MonitorBody
from debvisor_tui.ui.widgets.monitor_data import watch_of
from debvisor_tui.ui.widgets.page import Page
from debvisor_tui.ui.widgets.reflow import Build, Fluid
from debvisor_tui.ui.widgets.run_report import MOST_EVENTS

if TYPE_CHECKING:
    from debvisor_tui.store.history import History

SECTIONS = ("timeline", "log", "changes", "decisions", "evidence", "metrics")


@dataclass(frozen=True, slots=True)
class Record:
    """All that is shown of a run but its log lines."""

    view: RunView
    events: list[Event]
    samples: list[Sample]


class RunHistoryScreen(LogScreen[None]):
    """`attempt`, `line`: open at that line of that attempt's log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            key("record", str(number), f"section('{name}')", name, f"The run's {name}", show=False)
            for number, name in enumerate(SECTIONS, 1)
        ),
        key("record", "tab", "attempt(1)", "next step's log", "The log of the next step or attempt"),
        key("record", "shift+tab", "attempt(-1)", "previous log", "The log of the one before", show=False),
        key("record", "slash", "find", "find", "Find words in this log"),
        key("record", "n", "find_next", "next", "The next line with the words", show=False),
        key("record", "N", "find_previous", "previous", "The previous line with the words", show=False),
        key("record", "v", "switch_plot", "other plot", "Error rate or latency, where only one fits"),
        key("record", "r,ctrl+r", "again", "read again", "Read the run from the journal once more", show=False),
        key("record", "escape", "back", "back", "Back to where you came from"),
        key("record", "R", "rollback", "ROLL BACK", "The way back of this release: first the plan, then you decide"),
    ]
    DEFAULT_CSS = """
    RunHistoryScreen #record-head, RunHistoryScreen #record-tabs { height: auto; padding: 0 1; }
    RunHistoryScreen #record-tabs { margin-bottom: 1; }
    RunHistoryScreen ContentSwitcher { height: 1fr; }
    RunHistoryScreen #record-attempt { height: auto; padding: 0 1; }
    RunHistoryScreen #record-metrics { padding: 0 1; }
    """

    record: reactive[Record | None] = reactive(None, init=False)
    """The run as the journal held it when it was read."""
    section: reactive[str] = reactive("timeline", init=False)
    """One of :data:`SECTIONS`."""
    failure: reactive[DebvisorError | None] = reactive(None, init=False)

    header = query_one(HeaderBar)
    head = query_one("#record-head", Static)
    tabs = query_one("#record-tabs", Static)
    switcher = query_one(ContentSwitcher)
    text_page = query_one("#record-page", Page)
    text = query_one("#record-text", Static)
    attempt_line = query_one("#record-attempt", Static)
    log_pane = query_one(LogPane)
    find_bar = query_one(FindBar)
    monitor = query_one(MonitorBody)
    no_metrics = query_one("#record-no-metrics", Static)

    def __init__(self, run: int, attempt: int | None = None, line: int | None = None) -> None:
        super().__init__()
        self.run_id = run
        self._attempt = attempt
        self._line = line
        self._metrics_of = -1

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "history", f"run {self.run_id}")
        yield Static("Reading the journal…", id="record-head", markup=False)
        yield Static(id="record-tabs", markup=False)
        with ContentSwitcher(initial="record-page"):
            with Page(id="record-page"):
                yield Static(id="record-text", markup=False)
            with Vertical(id="record-log"):
                yield Static(id="record-attempt", markup=False)
                yield LogPane(empty="This attempt logged nothing.")
                yield FindBar()
            with Vertical(id="record-metrics"):
                yield Static(id="record-no-metrics", markup=False)
                yield MonitorBody()
        yield Foot()

    def on_plots_fit(self) -> None:
        self.refresh_keys()

    def on_mount(self) -> None:
        self._load()

    # -- reading ------------------------------------------------------------------------------------------------

    @work(group="record", exclusive=True, description="read the run")
    async def _load(self) -> None:
        try:
            record = await self.session.history(partial(_read, self.run_id), None)
        except DebvisorError as error:
            self.failure = error
            return
        if record is None:
            self.failure = DebvisorError(f"There is no run {self.run_id} in the journal.", "Press esc to go back.")
            return
        self.failure = None
        self.record = record
        if self._attempt is not None and self._line is not None:
            self.section = "log"

    # -- what is shown ------------------------------------------------------------------------------------------

    def watch_failure(self, failure: DebvisorError | None) -> None:
        if failure is not None:
            self.head.update(line(("✗ ", "$danger"), (str(failure), "$danger")))

    def watch_record(self, record: Record | None) -> None:
        if record is None:
            return
        run = record.view.run
        mark = mark_of_run(run)
        now = self.session.clock.now().at
        self.header.about = f"{run.kind} {run.from_version or '?'} → {run.to_version}"
        took = f", took {format_duration(run.seconds)}" if run.seconds is not None else ""
        undoes = f" · undoes run {run.of_run}" if run.of_run is not None else ""
        self.head.update(
            line(
                (str(mark), mark.style),
                f" · {local_day(run.started_at, now)}{took} · {run.operator}{undoes}",
            )
        )
        if self._attempt is None:
            attempts = _attempts(record.view)
            wanted = [a for s, a in attempts if s.id == run.step] or [a for _, a in attempts]
            self._attempt = wanted[-1].id if wanted else None
        self._show()

    def watch_section(self) -> None:
        self._show()

    def _show(self) -> None:
        record, section = self.record, self.section
        if record is None:
            return
        self._show_tabs()
        self.switcher.current = f"record-{section}" if section in {"log", "metrics"} else "record-page"
        if section == "log":
            self._show_log(record.view)
            self.log_pane.focus()
        elif section == "metrics":
            self._show_metrics(record)
            self.set_focus(None)
        else:
            self.text.update(Fluid(_story(section, record)))
            self.text_page.scroll_home(animate=False)
            self.text_page.focus()
        self.refresh_keys()

    def _show_tabs(self) -> None:
        pieces: list[Piece] = []
        for number, name in enumerate(SECTIONS, 1):
            chosen = name == self.section
            pieces += ["  "] if pieces else []
            pieces.append((f"{number}", "bold $accent" if chosen else "bold"))
            pieces.append((f" {name}", "bold $accent underline" if chosen else "$muted"))
        self.tabs.update(line(*pieces))

    def _show_log(self, view: RunView) -> None:
        attempts = _attempts(view)
        shown = next(((s, a) for s, a in attempts if a.id == self._attempt), None)
        if shown is None:
            self.attempt_line.update("No step of this run was tried, so there is no log.")
            self.log_pane.show_attempt(None, 0, live=False)
            return
        step, attempt = shown
        mark = STEP_MARKS[attempt.state]
        number = f" · attempt {attempt.number} of {len(step.attempts)}" if len(step.attempts) > 1 else ""
        took = f" · {format_duration(attempt.seconds)}" if attempt.seconds is not None else ""
        error = [(f"\n{attempt.error}", "$danger"), (f"\n{attempt.hint}" if attempt.hint else "", "")]
        self.attempt_line.update(
            line(
                (step.title, "bold"),
                f"{number} · ",
                (str(mark), mark.style),
                took,
                (f"   log {attempts.index(shown) + 1} of {len(attempts)}", "$muted"),
                *(error if attempt.error else []),
            )
        )
        at, self._line = self._line, None
        self.log_pane.show_attempt(attempt.id, attempt.lines, live=False, at=at)

    def _show_metrics(self, record: Record) -> None:
        watch = watch_of(record.view, record.samples, self.session.settings.monitor, self.session.clock.now())
        self.no_metrics.display = watch is None
        self.monitor.display = watch is not None
        if watch is None:
            self.no_metrics.update("This run did not come to its monitor, so nothing was measured.")
        else:
            self.monitor.show(watch)

    # -- keys ---------------------------------------------------------------------------------------------------

    def refusal(self, action: str) -> str:
        record = self.record
        name = action.partition("(")[0]
        if name in {"attempt", "find", "find_next", "find_previous"} and self.section != "log":
            return "That is for the log: press 2 first."
        if name == "switch_plot" and (self.section != "metrics" or not self.monitor.switchable):
            return "There is no other plot here: 6 shows the metrics."
        if name == "rollback":
            if record is None:
                return "The run has not been read."
            if record.view.run.state is RunState.ROLLING_BACK:
                return "This release is being rolled back already."
            return can_roll_back(record.view)
        return ""

    def action_section(self, name: str) -> None:
        self.section = name

    def action_attempt(self, by: int) -> None:
        record = self.record
        attempts = [attempt.id for _, attempt in _attempts(record.view)] if record else []
        if attempts:
            at = attempts.index(self._attempt) if self._attempt in attempts else 0
            self._attempt = attempts[(at + by) % len(attempts)]
            self._show()

    def action_find(self) -> None:
        self.find_bar.open()

    def action_find_next(self) -> None:
        self.log_pane.find_next()

    def action_find_previous(self) -> None:
        self.log_pane.find_next(backwards=True)

    @on(FindBar.Asked)
    def _find_asked(self, message: FindBar.Asked) -> None:
        self.log_pane.find(message.text)
        self.log_pane.focus()

    def action_switch_plot(self) -> None:
        self.monitor.switch_plot()

    def action_again(self) -> None:
        self._load()

    def action_rollback(self) -> None:
        self.debvisor.show_rollback(self.run_id)

    def action_back(self) -> None:
        self.debvisor.pop_screen()


def _read(run: int, history: "History") -> Record | None:
    view = history.run(run)
    if view is None:
        return None
    attempt = next((s.attempt for s in view.steps if s.id == "monitor"), None)
    events = history.events(run, limit=MOST_EVENTS + 1, newest=True)
    return Record(view, events, history.samples(attempt.id) if attempt else [])


def _attempts(view: RunView) -> list[tuple[StepView, AttemptView]]:
    """Every attempt of the run with its step, in the order of the playbook."""
    return [(step, attempt) for step in view.steps for attempt in step.attempts]


def _story(section: str, record: Record) -> Build:
    view = record.view
    draw = {"changes": run_report.changes, "decisions": run_report.decisions, "evidence": run_report.evidence}
    if section in draw:
        return partial(draw[section], view)

    def timeline(width: int) -> Content:
        return run_report.timeline(view, record.events, width)

    return timeline
