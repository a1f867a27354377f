"""The way back of a release: the plan at once, what it costs, switches; `enter` does it, `esc` changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.reactive import reactive
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import Action, RollbackOptions, RollbackPlan, plan_rollback
from debvisor_tui.model.states import BEGUN_ROLLBACK_STATES, RunState, StepState
from debvisor_tui.model.views import RunSummary, RunView
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.prices import downtime
from debvisor_tui.ui.screens.dialogs import ConfirmDialog, TypedDialog
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.page import Choices
from debvisor_tui.ui.widgets.reflow import Fluid
from debvisor_tui.ui.widgets.rollback_view import (
    action_content,
    loss_text,
    notes_content,
    stays_lost_text,
    unmet_text,
)

SWITCHED_BY = {"revert-database": "database", "restore-backup": "restore_backup"}


class RollbackScreen(DebvisorScreen[None]):
    """`run`: the release to undo, or a rollback of it that is to be done again."""

    ANSWERS = frozenset({"proceed"})
    BINDINGS: ClassVar[list[BindingType]] = [
        key("rollback", "enter", "proceed", "ROLL BACK", "Do what the plan says"),
        key("rollback", "space", "switch", "switch", "Switch the action under the cursor on or off"),
        key("rollback", "r,ctrl+r", "again", "refresh", "Look at the database once more"),
        key("rollback", "escape", "back", "back", "Go back; nothing is changed"),
    ]
    DEFAULT_CSS = """
    RollbackScreen #rollback-lead { height: auto; padding: 0 1; margin-bottom: 1; }
    RollbackScreen Choices, RollbackScreen Choices:focus { height: auto; max-height: 1fr; }
    RollbackScreen #rollback-notes { height: auto; max-height: 50%; padding: 0 1; margin-top: 1; }
    """

    view: reactive[RunView | None] = reactive(None, init=False)
    """The release to undo, as journaled."""
    plan: reactive[RollbackPlan | None] = reactive(None, init=False)
    """The way back with the options as they stand."""
    options: reactive[RollbackOptions] = reactive(RollbackOptions(), init=False)
    """What the operator switched."""
    counting: reactive[bool] = reactive(False, init=False)
    """Whether the losses are being counted on the database just now."""
    failure: reactive[DebvisorError | None] = reactive(None, init=False)
    """Why the plan could not be read or checked."""
    starting: reactive[bool] = reactive(False, init=False)
    """Whether it has been asked for."""

    header = query_one(HeaderBar)
    lead = query_one("#rollback-lead", Static)
    actions = query_one("#rollback-actions", Choices)
    notes = query_one("#rollback-notes", Static)

    def __init__(self, run: int) -> None:
        super().__init__()
        self.run_id = run
        self.under_way: RunSummary | None = None  # a rollback of this release that was begun and has not ended

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "roll back", f"run {self.run_id}")
        yield Static(id="rollback-lead", markup=False)
        yield Choices(id="rollback-actions", markup=False)
        yield Static(id="rollback-notes", markup=False)
        yield Foot()

    def on_mount(self) -> None:
        self.actions.focus()
        self._tell()
        self._load()

    # -- reading ------------------------------------------------------------------------------------------------

    @work(group="rollback-load", exclusive=True, description="read the run")
    async def _load(self) -> None:
        try:
            view = await self.session.history(lambda history: history.run(self.run_id), None)
            if view is not None and view.run.kind is RunKind.ROLLBACK and view.run.of_run is not None:
                release = view.run.of_run
                view = await self.session.history(lambda history: history.run(release), None)
            active = await self.session.history(lambda history: history.active(), None)
        except DebvisorError as error:
            self.failure = error
            return
        if view is None:
            self.failure = DebvisorError(f"There is no run {self.run_id} in the journal.", "Press esc to go back.")
            return
        self.under_way = active if active is not None and active.of_run == view.run.id else None
        self.view = view
        self._replan()

    def _replan(self) -> None:
        """The plan from the journal alone, at once; then the same with the rows counted."""
        view = self.view
        if view is not None:
            run = view.run
            begun = run.state in BEGUN_ROLLBACK_STATES or self.under_way is not None
            self.plan = plan_rollback(
                run.id, run.to_version, run.from_version, view.changes, self.options, begun=begun
            )
            self._count(run.id, self.options)

    @work(group="rollback-count", exclusive=True, description="count what would be lost")
    async def _count(self, run: int, options: RollbackOptions) -> None:
        from debvisor_tui.runner import query_client

        self.failure = None
        self.counting = True
        try:
            plan = await query_client.ask_rollback(self.session.settings, self.session.places, run, options)
        except DebvisorError as error:
            plan, self.failure = None, error
        if plan is not None and options == self.options:
            self.plan = plan
        self.counting = False

    # -- what is shown ------------------------------------------------------------------------------------------

    def watch_plan(self, before: RollbackPlan | None, plan: RollbackPlan | None) -> None:
        if plan is None:
            return
        if before != plan:
            self.ask_anew()
        self.header.about = f"roll back {plan.from_version} → {plan.to_version}"
        self.header.right = f"run {plan.run}"
        actions, at = self.actions, self.actions.highlighted
        actions.clear_options()
        actions.add_options(
            Option(Fluid(partial(action_content, action, self._switched(action))), id=action.step)
            for action in plan.actions
        )
        first = next((i for i, action in enumerate(plan.actions) if action.switchable), 0)
        actions.highlighted = first if at is None else at
        self.notes.update(Fluid(partial(notes_content, plan)))
        self.notes.display = bool(plan.blockers or plan.warnings)
        self._tell()

    def watch_counting(self) -> None:
        self._tell()

    def watch_failure(self) -> None:
        self._tell()

    def watch_starting(self) -> None:
        self._tell()

    def _tell(self) -> None:
        self.lead.update(self._lead())
        self.refresh_keys()

    def _lead(self) -> Content:
        plan, failure = self.plan, self.failure
        if failure is not None:
            return Content.assemble(
                ("✗ ", "$danger"), (failure.what, "$danger"), f"\n{failure.hint}" if failure.hint else ""
            )
        if plan is None:
            return Content("Reading what this release has changed…")
        if self.starting:
            return Content("Asked for. Waiting for the runner to begin…")
        if not plan.enabled and not plan.blockers:
            return Content(f"{plan.from_version} has changed nothing that needs undoing.")
        counting = "counting what would be lost…" if self.counting else "Nothing is done before you press enter."
        step, other = self._running_step(), self.under_way
        return Content.assemble(
            ("Back to ", ""),
            (plan.to_version, "bold"),
            (f".  {counting}", "$muted"),
            (f"\n! {step} is running now: it will be cancelled first.", "$warn") if step else "",
            (f"\n! This replaces rollback run {other.id}, which has not ended.", "$warn")
            if other is not None and other.state is not RunState.RUNNING
            else "",
        )

    def _running_step(self) -> str:
        """The title of the step that runs now, or ""."""
        view = self.view
        if view is None or view.run.state is not RunState.RUNNING:
            return ""
        return next((step.title for step in view.steps if step.state is StepState.RUNNING), "")

    # -- keys ---------------------------------------------------------------------------------------------------

    def danger(self, action: str) -> bool:
        return action == "proceed" or super().danger(action)

    def refusal(self, action: str) -> str:
        if action == "proceed":
            return self._no_start()
        if action == "back" and self.starting:
            return "The rollback has been asked for; its screen opens by itself."
        if action == "switch":
            chosen = self._chosen()
            if chosen is None:
                return "There is no plan yet."
            if not chosen.switchable:
                return f"{chosen.title} has no switch: {chosen.blocked or chosen.note or chosen.does}."
        return ""

    def _no_start(self) -> str:
        plan, view, client = self.plan, self.view, self.session.client
        if plan is None or view is None:
            return "There is no plan yet."
        if self.starting:
            return "It has been asked for already."
        if client is not None and client.role != "operator":
            return "You observe this run. Take over on its screen (T) first."
        if view.run.state is RunState.ROLLED_BACK:
            return f"Run {view.run.id} has been rolled back already."
        if self.under_way is not None and self.under_way.state is RunState.RUNNING:
            return f"Run {self.under_way.id} is rolling it back just now. See it there; c cancels its step."
        if plan.blockers:
            return plan.blockers[0]
        if not plan.enabled:
            return "There is nothing to undo."
        return ""

    def key_hints(self) -> Iterator[Binding]:
        for binding in super().key_hints():
            if binding.action == "switch" and (chosen := self._chosen()):
                yield replace(binding, description=f"switch {'off' if chosen.enabled else 'on'}")
            else:
                yield binding

    def _chosen(self) -> Action | None:
        at = self.actions.highlighted
        return self.plan.actions[at] if self.plan is not None and at is not None else None

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_keys()

    @on(OptionList.OptionSelected)
    async def _entered(self, event: OptionList.OptionSelected) -> None:
        await self.debvisor.run_action("proceed", self)

    def action_switch(self) -> None:
        chosen = self._chosen()
        if chosen is not None and (name := SWITCHED_BY.get(chosen.step)):
            self.options = replace(self.options, **{name: not chosen.enabled})
            self._replan()

    def action_again(self) -> None:
        self._load()

    def action_back(self) -> None:
        self.debvisor.pop_screen()

    def action_proceed(self) -> None:
        if self.plan is not None:
            self._go(self.plan, self.options)

    @work(group="rollback-go", exclusive=True, description="roll back")
    async def _go(self, plan: RollbackPlan, options: RollbackOptions) -> None:
        from debvisor_tui.ui.rollback_request import ask_runner_or_start

        question = await self._question(plan, options)
        if question is not None and not await self.app.push_screen_wait(question):
            return
        self.starting = True
        try:
            run = await ask_runner_or_start(self.session, plan.run, options)
        except DebvisorError as error:
            self.starting = False
            self.say_error(error)
            return
        self.debvisor.show_run(run)

    def _switched(self, action: Action) -> bool:
        return action.step == "revert-database" and self.options.database is not None

    async def _question(self, plan: RollbackPlan, options: RollbackOptions) -> ConfirmDialog | TypedDialog | None:
        """What is asked once more: in production always; elsewhere, what loses data, or is not as it was proposed."""
        settings = self.session.settings
        place = f"PRODUCTION {settings.name}" if settings.production else settings.name
        title, text = f"Roll back {place}?", await self._what_it_does(plan)
        unmet, lost = unmet_text(plan), loss_text(plan)
        danger = "\n".join(part for part in (unmet, lost, stays_lost_text(plan)) if part)
        if unmet:
            return TypedDialog(title, text, danger=danger, expected=f"{plan.to_version} WILL FAIL")
        if options.restore_backup:
            return TypedDialog(title, text, danger=danger, expected=settings.name)
        if lost:
            return ConfirmDialog(title, text, danger=danger, agree="roll back and lose it")
        if settings.production or plan.stays_lost or options != RollbackOptions():
            return ConfirmDialog(title, text, danger=danger, agree="roll back")
        return None

    async def _what_it_does(self, plan: RollbackPlan) -> str:
        none: dict[str, float] = {}
        try:
            usual = await self.session.history(lambda history: history.usual(), none)
        except DebvisorError:
            usual = none
        told = [f"Go back from {plan.from_version} to {plan.to_version}:"]
        told += [f"  {action.title}: {action.does}" for action in plan.enabled]
        if any(action.step == "restart" for action in plan.enabled):
            told.append(f"Users notice the restart: the service does not answer {downtime(usual.get('restart'))}.")
        return "\n".join(told)
