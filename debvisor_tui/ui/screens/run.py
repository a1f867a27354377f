"""A run: the playbook on the left, the shown step's own body, its gate and its log on the right."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.run_summary import can_roll_back
from debvisor_tui.model.states import StepState
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.drawing import line, lines, literal
from debvisor_tui.ui.feed import LogGrew
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.screens.run_actions import RunActs
from debvisor_tui.ui.units import name_of
from debvisor_tui.ui.widgets.block import EMPTY, Block
from debvisor_tui.ui.widgets.find_bar import FindBar
from debvisor_tui.ui.widgets.gate import closing_text, gate_text, gate_title, gone_text, trouble_text
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.log_pane import LogPane
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.reflow import hanging_indent
from debvisor_tui.ui.widgets.step_head import ProgressLine, StepTitle
from debvisor_tui.ui.widgets.step_panels.common import RenderContext
from debvisor_tui.ui.widgets.step_panels.registry import body_of
from debvisor_tui.ui.widgets.steps import StepList, mark_of

if TYPE_CHECKING:
    from debvisor_tui.ui.widgets.monitor_body import MonitorBody

GATE_SHORT, GATE_TALL = 9, 14  # rows of the gate's panel at most; see run.tcss
EVIDENCE_SHORT, EVIDENCE_ASKED = 9, 6  # rows of the evidence at most, its title too; see run.tcss
TICK = 1.0  # seconds


class RunScreen(RunActs):
    """Shows run `run` and follows its runner, also on to a rollback; `observe`: never to operate it."""

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    CSS_PATH = "../styles/run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("run", "l", "zoom_log", "log", "The log over the whole screen, and back"),
        key("run", "slash", "find", "find", "Find words in the log"),
        key("run", "e", "zoom_body", "evidence", "The evidence over the whole panel, and back", show=False),
        key("run", "S", "toggle_sql", "SQL", "The SQL of the pending migrations, and back"),
        key("run", "v", "switch_plot", "plot", "Error rate or latency, where only one plot fits"),
        key("run", "up,k", "earlier", "earlier", "Look at the step above; the run goes on", show=False),
        key("run", "down,j", "later", "later", "Look at the step below; the run goes on", show=False),
        key("run", "pageup", "log_page(-1)", "page up", "One page up in the log", show=False),
        key("run", "pagedown", "log_page(1)", "page down", "One page down in the log", show=False),
        key("run", "home", "log_top", "top", "The first line of the log", show=False),
        key("run", "end", "log_end", "end", "The newest line of the log, and follow it", show=False),
        key("run", "n", "find_next", "next", "The next line with the words", show=False),
        key("run", "N", "find_previous", "previous", "The previous line with the words", show=False),
        key(
            "run",
            "escape",
            "escape",
            "back",
            "Leave zoom, search or the other step; then home",
            show=False,
        ),
    ]

    header = query_one(HeaderBar)
    steps = query_one(StepList)
    step_title = query_one(StepTitle)
    progress = query_one(ProgressLine)
    panel = query_one("#panel", Vertical)
    why = query_one("#why", Block)
    commands = query_one("#commands", Block)
    evidence = query_one("#evidence", Block)
    evidence_box = query_one("#evidence-box", VerticalScroll)
    gate_panel = query_one("#gate", Block)
    log_pane = query_one(LogPane)
    find_bar = query_one(FindBar)

    def __init__(self, run: int, *, observe: bool = False) -> None:
        super().__init__(run, observe=observe)
        self._watch_body: MonitorBody | None = None

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "", f"run {self.run_id}")
        with Horizontal(id="frame"):
            yield StepList()
            with Vertical(id="panel"):
                yield StepTitle()
                yield Block(id="why")
                yield Block(id="commands")
                yield ProgressLine()
                with VerticalScroll(id="evidence-box"):
                    yield Block(id="evidence")
                yield Block(id="gate")
                yield LogPane()
                yield FindBar()
        yield Foot()

    def on_mount(self) -> None:
        self.evidence_box.border_title = " evidence "
        self.set_interval(TICK, self._tick, name="run-clock")
        self.start_feed()

    @on(LogGrew)
    def _on_log_grew(self, message: LogGrew) -> None:
        if message.attempt == self.log_pane.attempt:
            self.log_pane.grow(message.last)

    # -- what is shown --------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def on_plots_fit(self) -> None:
        self.refresh_keys()

    def redraw(self) -> None:
        view, step = self.view, self.shown
        if view is None or step is None or not self.is_mounted:
            return
        now = self.session.clock.now()
        back = "ROLLBACK " if view.run.of_run is not None else ""
        self.header.about = f"{back}{view.run.from_version} → {view.run.to_version}"
        self.header.right = self._who_is_here(view)
        self.header.seconds = view.run.age(now)
        self.set_class(self.gate is not None and self.gate.step == step.id, "-asks")
        self.steps.show(view, step.id, now, stranded=self.stranded)
        self._show_step(view, step, now)
        self._show_gate(view, step, now)
        self._show_log(step)
        self.debvisor.title_says(self._title_text(view))
        self.refresh_keys()

    def _title_text(self, view: RunView) -> str:
        """What the terminal's title says: whether somebody is waited for."""
        if self.gate is not None and self.operates:
            return f"! debvisor: waits at {view.step(self.gate.step).title}"
        if self.active and self.listening:
            return f"debvisor: {view.step(self.live).title if self.live else 'run'}"
        return "debvisor"

    def _who_is_here(self, view: RunView) -> str:
        """Whose hand is on the run, and how many watch."""
        run = f"run {view.run.id}"
        if not (self.active and self.listening):
            return f"{run} · {name_of(view.run.operator)}"
        if not self.operates:
            return f"{run} · OBSERVING · {self.operator or 'nobody'} operates"
        others = f", +{self.here - 1} watching" if self.here > 1 else ""
        return f"{run} · you{others}"

    def _show_step(self, view: RunView, step: StepView, now: Instant) -> None:
        elsewhere = view.step(self.live).title if self.active and step.id != self.live else ""
        self.step_title.show(step, mark_of(view, step, stranded=self.stranded), elsewhere, now)
        self.why.show(line((step.why, "$muted")))
        self.commands.show(
            lines(
                row for c in step.commands for row in hanging_indent(c, self._width, 2, ("$ ", "$muted"), "$accent")
            )
        )
        self.commands.set_class(not step.commands, "-empty")
        running = step if step.state is StepState.RUNNING and self.gate is None and self.listening else None
        told = self.told if running is not None and self.told is not None and self.told.step == running.id else None
        self.progress.show(running if step.id != "monitor" else None, told, now)  # the watch counts down itself
        self._show_watch(view, step, now)
        about = self._evidence_of(view, step)
        body = body_of(about.id)(view, about, RenderContext(self._width - 1, now.at, sql=self.sql))
        title = "evidence" if about is step else f"{about.title}: {mark_of(view, about).word}"
        roomy = self.has_class("-zoom-body") or self.has_class("-tall")
        rows = EVIDENCE_ASKED if self.has_class("-asks") else EVIDENCE_SHORT
        more = not roomy and body.plain.count("\n") >= rows - 1
        self.evidence_box.border_title = literal(f" {title} · e shows all " if more else f" {title} ")
        self.evidence.show(body)
        self.evidence_box.set_class(not body.plain, "-empty")

    @property
    def _width(self) -> int:
        """Cells of a row in the panel."""
        return max(self.panel.content_size.width, 20)

    def _evidence_of(self, view: RunView, step: StepView) -> StepView:
        """The step whose evidence is shown: while one waits to begin, what the one before it has shown."""
        at = view.steps.index(step)
        if step.attempts or step.id != self.live or at == 0:
            return step
        return view.steps[at - 1]

    def _show_watch(self, view: RunView, step: StepView, now: Instant) -> None:
        """The monitor's plots stand where other steps have their evidence."""
        wanted = step.id == "monitor" and step.attempt is not None
        self.set_class(wanted, "-watch")
        body = self._watch_body
        if not wanted or step.attempt is None:
            if body is not None:
                body.add_class("-empty")
            return
        from debvisor_tui.ui.widgets.monitor_body import MonitorBody  # with its plots, only once needed
        from debvisor_tui.ui.widgets.monitor_data import watch_of

        if body is None:
            body = self._watch_body = MonitorBody()
            self.panel.mount(body, before=self.gate_panel)
        body.remove_class("-empty")
        if self.samples_of != step.attempt.id:
            self.samples_of, self.samples = step.attempt.id, []
            self.run_worker(self._read_samples(step.attempt.id), group="samples", exclusive=True)
        watch = watch_of(view, self.samples, self.session.settings.monitor, now)
        if watch is not None:
            body.show(watch)

    async def _read_samples(self, attempt: int) -> None:
        try:
            await self.feed.read_samples(attempt)
        except DebvisorError as error:
            self.say_error(error)

    def _show_gate(self, view: RunView, step: StepView, now: Instant) -> None:
        panel, gate = self.gate_panel, self.gate
        title, text, danger = "", EMPTY, False
        if self.trouble is not None:
            title, text, danger = "the run stands still", trouble_text(self.trouble.what, self.trouble.hint), True
        elif gate is not None:
            if gate.step == step.id:
                title = gate_title(gate, self.operator, operates=self.operates)
                room = (GATE_TALL if self.has_class("-tall") else GATE_SHORT) - 1  # its title
                way_back = not can_roll_back(view)
                text = gate_text(
                    replace(gate, danger=self._danger_of(gate)),
                    step.why,
                    self.operator,
                    self._width,
                    room,
                    operates=self.operates,
                    way_back=way_back,
                    takes_over=not self.observe,
                )
                danger = bool(gate.danger) or gate.kind is GateKind.FAILED
        elif self.between_runners:
            title, text = "interrupted", line((self.between_runners, "$muted"))
        elif self.stranded:
            title, text = "interrupted", gone_text(view, now.at, can_resume=not self.observe)
        elif not self.listening:
            title, text = "the run has ended", closing_text(view, now)
        panel.border_title = literal(f" {title} ")
        panel.set_class(danger, "-danger")
        panel.set_class(not text.plain, "-empty")
        panel.show(text)

    def _show_log(self, step: StepView) -> None:
        attempt = step.attempt
        if attempt is None:
            self.log_pane.show_attempt(None, 0, live=False)
        else:
            live = step.state is StepState.RUNNING and self.listening
            self.log_pane.show_attempt(attempt.id, attempt.lines, live=live)

    def _tick(self) -> None:
        """A second has gone by: draw what moves with the clock, and nothing else."""
        if self.view is None or not self.active or self.stranded or not self.is_current:
            return  # beneath a dialog a tick would paint the whole screen anew
        now = self.session.clock.now()
        self.header.seconds = self.view.run.age(now)
        self.steps.tick(now)
        self.step_title.tick(now)
        self.progress.tick(now)

    # -- looking around -------------------------------------------------------------------------------------------

    def refusal(self, action: str) -> str:
        if action == "follow" and self.selected is None and (self.log_pane.following or not self.log_pane.live):
            return "This is the current step."
        if action == "toggle_sql" and (self.shown is None or self.shown.id != "migration-check"):
            return "SQL is shown at the migrations only."
        if action == "switch_plot":
            body = self._watch_body
            both = body is None or body.has_class("-empty") or not body.switchable
            return "There is no other plot to switch to." if both else ""
        return super().refusal(action)

    def key_hints(self) -> Iterator[Binding]:
        zoomed = {"zoom_log": self.has_class("-zoom-log"), "zoom_body": self.has_class("-zoom-body")}
        for bindings in self._bindings.key_to_bindings.values() if any(zoomed.values()) else ():
            yield from (replace(b, description="back to the step") for b in bindings if zoomed.get(b.action))
        yield from (binding for binding in super().key_hints() if not zoomed.get(binding.action))

    def _look_away(self, by: int) -> None:
        view, step = self.view, self.shown
        if view is None or step is None:
            return
        ids = [s.id for s in view.steps]
        to = ids[min(max(ids.index(step.id) + by, 0), len(ids) - 1)]
        self.selected = None if to == self.live else to

    def action_earlier(self) -> None:
        self._look_away(-1)

    def action_later(self) -> None:
        self._look_away(1)

    def action_follow(self) -> None:
        self.selected = None
        self.log_pane.action_end()
        self.refresh_keys()

    def action_switch_plot(self) -> None:
        if self._watch_body is not None:
            self._watch_body.switch_plot()

    def action_toggle_sql(self) -> None:
        self.sql = not self.sql

    def _zoom(self, name: str) -> None:
        """Zoom into "log" or "body", or out of it."""
        on = not self.has_class(f"-zoom-{name}")
        self.remove_class("-zoom-log", "-zoom-body")
        self.set_class(on, f"-zoom-{name}")
        target = self.log_pane if name == "log" else self.evidence_box
        self.set_focus(target if on else None)
        self.call_after_refresh(self.redraw)

    def action_zoom_body(self) -> None:
        self._zoom("body")

    def action_zoom_log(self) -> None:
        self._zoom("log")

    def action_escape(self) -> None:
        if self.log_pane.needle:
            self.log_pane.find("")
        elif self.has_class("-zoom-log") or self.has_class("-zoom-body"):
            self.remove_class("-zoom-log", "-zoom-body")
            self.set_focus(None)
        elif self.selected is not None:
            self.set_focus(None)
            self.selected = None
        else:
            self.action_detach()

    def action_log_page(self, pages: int) -> None:
        self.log_pane.action_page(pages)

    def action_log_top(self) -> None:
        self.log_pane.action_top()

    def action_log_end(self) -> None:
        self.log_pane.action_end()

    def action_find(self) -> None:
        self.find_bar.open()

    def action_find_next(self) -> None:
        self.log_pane.find_next()

    def action_find_previous(self) -> None:
        self.log_pane.find_next(backwards=True)

    @on(FindBar.Asked)
    def _on_find_asked(self, message: FindBar.Asked) -> None:
        self.log_pane.find(message.text)
        self.set_focus(self.log_pane if self.has_class("-zoom-log") else None)
