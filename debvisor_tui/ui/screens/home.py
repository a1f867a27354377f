"""Home: what runs now, the run in progress, the last runs, and the way to everything else."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.reactive import reactive

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.drawing import line
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.widgets.block import Block
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.run_table import RunTable
from debvisor_tui.ui.widgets.status_text import active_text, now_text

if TYPE_CHECKING:  # none of it is needed for the first paint
    from debvisor_tui.model.views import Now, RunView
    from debvisor_tui.ui.run_overview import Past

AGAIN = 15.0  # seconds between two probes while home is shown


class HomeScreen(DebvisorScreen[None]):
    AUTO_FOCUS = "RunTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("home", "n", "new", "new release", "Choose a version and see its plan; nothing is touched yet"),
        key("home", "a", "attach", "attach", "Show the run in progress, or resume the interrupted one"),
        key("home", "h", "history", "history", "All runs, and a search over all their logs"),
        key("home", "D", "doctor", "doctor", "Try each part of the config on this host; nothing is changed by it"),
        key("home", "R", "rollback", "ROLL BACK", "The way back from the last release: see its plan first"),
        key("home", "ctrl+r", "again", "refresh", "Ask the service once more what runs now", display="ctrl+r"),
        key("home", "q", "quit", "quit", "Leave; a run goes on without this terminal"),
    ]
    DEFAULT_CSS = """
    HomeScreen {
        #home { padding: 1 2 0 2; height: 1fr; }
        Block { height: auto; margin-bottom: 1; }
        #now { min-height: 4; }
        #runs-title { margin: 0; }
    }
    """

    past: "reactive[Past | None]" = reactive(None)
    """The runs; None while they are not read."""
    found: "reactive[Now | None]" = reactive(None)
    """What runs now, as of `probed_at`."""
    asking: reactive[bool] = reactive(False)
    """Whether the operator waits for an answer; the quiet question every 15 s is not shown."""
    failed: reactive[str] = reactive("")
    """Why the last question about now has no answer."""

    header = query_one(HeaderBar)
    now_block = query_one("#now", Block)
    active_block = query_one("#active", Block)
    table = query_one(RunTable)

    def __init__(self) -> None:
        super().__init__()
        self._probed_at: float | None = None

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.face, "", str(self.session.person))
        with Vertical(id="home"):
            yield Block(now_text(None, None, asking=True, failed=""), id="now")
            yield Block(line(("IN PROGRESS", "$muted"), "   reading the journal…"), id="active")
            yield Block(line(("LAST RUNS", "$muted")), id="runs-title")
            yield RunTable()
        yield Foot()

    def on_mount(self) -> None:
        # After the first paint: what is read now needs SQLAlchemy and a process of its own.
        self.call_after_refresh(self._look, loud=True)
        self.set_interval(AGAIN, self._look_again, name="home-again")

    def on_screen_resume(self) -> None:
        if self._probed_at is not None:
            self._look()

    def _look_again(self) -> None:
        if self.is_current:
            self._look()

    def _look(self, *, loud: bool = False) -> None:
        if loud:
            self.asking = True
        self.run_worker(self._read_past(), group="home-past", exclusive=True, description="read the last runs")
        self.run_worker(self._ask_now(), group="home-now", exclusive=True, description="ask what runs now")

    async def _read_past(self) -> None:
        from debvisor_tui.ui.run_overview import Past, read_past

        first = self.past is None
        try:
            self.past = await self.session.history(read_past, Past())
            if first and self._active is not None:
                self.debvisor.found_in_progress(self._active.run.id)
        except DebvisorError as error:
            self.active_block.show(line(("! ", "bold $warn"), str(error)))

    async def _ask_now(self) -> None:
        try:
            await self.session.load()
        except DebvisorError as error:  # the config is wrong: there is nothing to work on
            self.debvisor.fail(error)
            return
        from debvisor_tui.runner.query_client import ask_now

        try:
            found = await ask_now(self.session.settings, self.session.places)
        except DebvisorError as error:
            self.failed = str(error)
        else:
            self.failed = ""
            self._probed_at = self.session.clock.now().at
            self.found = found
        self.asking = False
        self._show_now()

    # -- what is shown --------------------------------------------------------------------------------------------

    def _show_now(self) -> None:
        if self.is_mounted:
            self.now_block.show(now_text(self.found, self._probed_at, asking=self.asking, failed=self.failed))

    def watch_asking(self) -> None:
        self._show_now()

    def watch_past(self, past: "Past | None") -> None:
        if past is None or not self.is_mounted:
            return
        view, now = past.active, self.session.clock.now().at
        self.active_block.show(active_text(view, now))
        self.query_one("#runs-title", Block).show(
            line(("LAST RUNS", "$muted"), "" if past.runs else "   none yet: n begins the first release")
        )
        self.table.show(past.runs, now)
        self.refresh_keys()

    # -- keys -----------------------------------------------------------------------------------------------------

    @property
    def _active(self) -> "RunView | None":
        return self.past.active if self.past is not None else None

    def refusal(self, action: str) -> str:
        active = self._active
        match action:
            case "new" if active is not None:
                return f"Run {active.run.id} has not ended; a shows it. End it there, or roll it back."
            case "attach" if active is None:
                return "No run is in progress."
            case "rollback" if self.past is None or self.past.last is None:
                return "No release has changed anything that is still in place."
            case _:
                return ""

    def key_hints(self) -> Iterator[Binding]:
        for binding in super().key_hints():
            interrupted = self._active is not None and self._active.run.state is RunState.INTERRUPTED
            yield replace(binding, description="resume") if binding.action == "attach" and interrupted else binding

    def action_new(self) -> None:
        self.debvisor.show_plan()

    def action_attach(self) -> None:
        if self._active is not None:
            self.debvisor.show_run(self._active.run.id)

    def action_history(self) -> None:
        self.debvisor.show_history()

    def action_doctor(self) -> None:
        self.debvisor.show_doctor()

    def action_rollback(self) -> None:
        if self.past is not None and self.past.last is not None:
            self.debvisor.show_rollback(self.past.last)

    def action_again(self) -> None:
        self._look(loud=True)

    def action_quit(self) -> None:
        self.debvisor.leave()

    @on(RunTable.Opened)
    def _on_opened(self, message: RunTable.Opened) -> None:
        if message.run.state in ACTIVE_RUN_STATES | {RunState.INTERRUPTED, RunState.ROLLING_BACK}:
            self.debvisor.show_run(message.run.id)
        else:
            self.debvisor.show_run_history(message.run.id)
