"""What a run's screen knows: the run as last read, which step is looked at, who operates, whether a runner speaks."""

from textual import on
from textual.reactive import reactive

from debvisor_tui.model.errors import Refused
from debvisor_tui.model.gates import Gate
from debvisor_tui.model.run_summary import live_step
from debvisor_tui.model.states import ACTIVE_RUN_STATES, RunState
from debvisor_tui.model.verdict import Sample
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.feed import (
    UNFINISHED,
    FeedEnded,
    GuestSeen,
    Noticed,
    Progressed,
    RoleSet,
    RunFeed,
    RunRead,
    Sampled,
    Troubled,
    Unread,
)
from debvisor_tui.ui.log_screen import LogScreen
from debvisor_tui.ui.units import tell_apart

LOOK_AGAIN = 2.0  # seconds between two looks whether a run that has lost its runner has another one


class RunStateScreen(LogScreen[None]):
    """The state, and the one place where each piece of it changes; subclasses draw it in `redraw`."""

    view: reactive[RunView | None] = reactive(None)
    """The run as the journal held it at the last read."""
    selected: reactive[str | None] = reactive(None)
    """The step the operator looks at; None: the one the run is at."""
    operates: reactive[bool] = reactive(False)
    """Whether this client's commands are obeyed."""
    operator: reactive[str | None] = reactive(None)
    """Who operates; "": nobody does; None: not known yet."""
    listening: reactive[bool] = reactive(True)
    """Whether a runner speaks for the run, or is being looked for."""
    trouble: reactive[Troubled | None] = reactive(None)
    """Why the run stands still although nobody is asked anything: its journal cannot be written."""
    answered: reactive[Gate | None] = reactive(None)
    """The gate whose answer is on its way: it is not offered a second time."""
    resuming: reactive[bool] = reactive(False)
    """Whether a new runner is being started from here for a run that has lost its own."""
    sql: reactive[bool] = reactive(False)
    """Whether migrations are shown as SQL."""

    def __init__(self, run: int, *, observe: bool = False) -> None:
        super().__init__()
        self.run_id = run
        self.observe = observe
        self._question: object = None
        self.here = 1  # how many are attached, this one too
        self.told: Progressed | None = None
        self.samples: list[Sample] = []
        self.samples_of: int | None = None

    def start_feed(self) -> None:
        self.listening = True
        self.feed = RunFeed(self.session, self.run_id, self.post_message, observe=self.observe)
        self.run_worker(self.feed.follow(), group="feed", exclusive=True, description="follow the run")

    def look_for_runner(self) -> None:
        """Somebody may take the run up again, here or elsewhere: then it is followed again, by itself."""
        self.set_timer(LOOK_AGAIN, self._look_for_runner, name="look-for-runner")

    async def _look_for_runner(self) -> None:
        if self.listening or (self.view is not None and self.view.run.state not in UNFINISHED):
            return
        if await self.feed.has_runner():
            self.start_feed()
            return
        await self.feed.look()
        self.look_for_runner()

    def redraw(self) -> None:
        """Draw all that depends on the state."""
        raise NotImplementedError

    # -- derived --------------------------------------------------------------------------------------------------

    @property
    def live(self) -> str:
        """The step the run is at."""
        return live_step(self.view) if self.view is not None else ""

    @property
    def shown(self) -> StepView | None:
        """The step that is looked at."""
        if self.view is None or not self.view.steps:
            return None
        wanted = self.selected or self.live
        return next((step for step in self.view.steps if step.id == wanted), self.view.steps[0])

    @property
    def gate(self) -> Gate | None:
        """The gate that waits for an answer, unless one is on its way or nobody would hear it."""
        gate = self.view.gate if self.view is not None and self.listening else None
        return None if gate == self.answered else gate

    @property
    def active(self) -> bool:
        return self.view is not None and self.view.run.state in ACTIVE_RUN_STATES

    @property
    def stranded(self) -> bool:
        """The run has not ended, and no runner speaks for it."""
        return (self.active or self._interrupted) and not self.listening

    @property
    def between_runners(self) -> str:
        """The run has lost its runner, and another may be about to speak: what happens meanwhile; "" if not so."""
        if self.resuming:
            return "The run is being resumed: what was done is checked, then it waits for you."
        return "Looking for a runner that has taken this run up…" if self._interrupted and self.listening else ""

    @property
    def _interrupted(self) -> bool:
        return self.view is not None and self.view.run.state is RunState.INTERRUPTED

    # -- what the feed tells --------------------------------------------------------------------------------------

    @on(RunRead)
    def _on_run_read(self, message: RunRead) -> None:
        view = message.view
        if view is None:
            self.say(f"There is no run {self.run_id} in the journal.", wrong=True)
            return
        if view.run.id != self.run_id:  # the runner went on to a rollback
            self.run_id = view.run.id
            self.selected = None
            self.told = None
        if self.view is None or view.seq != self.view.seq:
            self.answered = None
        self.view = view

    @on(Progressed)
    def _on_progressed(self, message: Progressed) -> None:
        self.told = message
        self.redraw()

    @on(Sampled)
    def _on_sampled(self, message: Sampled) -> None:
        self.samples_of, self.samples = message.attempt, message.samples
        self.redraw()

    @on(RoleSet)
    def _on_role_set(self, message: RoleSet) -> None:
        self.operates = message.operates
        self.operator = tell_apart(message.operator, str(self.session.person))

    @on(GuestSeen)
    def _on_guest_seen(self, message: GuestSeen) -> None:
        self.here = message.here
        who = tell_apart(message.who, str(self.session.person))
        match message.what:
            case "joined":
                self.say(f"{who} is attached to this run now.")
            case "left":
                self.say(f"{who} has left.")
            case "took over":
                before = tell_apart(message.before, str(self.session.person))
                self.say(
                    f"{who} has taken this run over{f' from {before}' if before else ''}; you observe.", wrong=True
                )
                self.app.bell()
        self.redraw()

    @on(Noticed)
    def _on_noticed(self, message: Noticed) -> None:
        self.say(message.text)

    @on(Troubled)
    def _on_troubled(self, message: Troubled) -> None:
        self.trouble = message if message.what else None

    @on(Unread)
    def _on_unread(self, message: Unread) -> None:
        self.say_error(message.error)

    @on(FeedEnded)
    def _on_feed_ended(self, message: FeedEnded) -> None:
        self.operates = False
        self.operator = None
        self.here = 1
        self.listening = False
        self.trouble = None
        if message.error is not None:
            self.say_error(message.error)
        refused = isinstance(message.error, Refused)  # asking again would not change its mind
        gone = message.state is None and message.error is None  # there is no such run
        if not refused and not gone and (message.state is None or message.state in UNFINISHED):
            self.look_for_runner()

    def watch_view(self) -> None:
        question = (self.run_id, self.view.gate, self.view.run.step) if self.view is not None else None
        if question != self._question:  # no key that was typed before it is painted answers it
            self._question = question
            self.ask_anew()
        self.redraw()

    def watch_selected(self) -> None:
        self.redraw()

    def watch_trouble(self) -> None:
        self.redraw()

    def watch_operates(self) -> None:
        self.redraw()

    def watch_operator(self) -> None:
        self.redraw()

    def watch_listening(self) -> None:
        self.redraw()

    def watch_resuming(self) -> None:
        self.redraw()

    def watch_answered(self) -> None:
        self.redraw()

    def watch_sql(self) -> None:
        self.redraw()
