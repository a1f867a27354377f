"""The plan of a release: choose the version, see every step with its commands; nothing is touched before `enter`."""

import asyncio
import time
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

from debvisor_tui.model.errors import DebvisorError, LockHeld
from debvisor_tui.model.views import ReleasePlan, Version
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.screens.dialogs import ConfirmDialog
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.page import Choices, Page
from debvisor_tui.ui.widgets.plan_view import plan_content, version_line
from debvisor_tui.ui.widgets.reflow import Fluid

FRESH = 120.0  # seconds for which what the remote has just said of a version holds for its plan
AUTO_WARNING = "Auto is on: it goes on to the change and the restart without asking, until a person must decide."


class PlanScreen(DebvisorScreen[None]):
    """`version`: the one to show the plan of at once; without it the versions on offer are shown."""

    ANSWERS = frozenset({"proceed"})
    BINDINGS: ClassVar[list[BindingType]] = [
        key("plan", "enter", "proceed", "choose", "Choose the version, then start its release"),
        key("plan", "a", "auto", "auto", "Let the run pass its gates by itself until a person must decide"),
        key("plan", "r,ctrl+r", "again", "refresh", "Read the versions, or this plan, once more"),
        key("plan", "escape", "back", "back", "Back to the versions, then home; nothing was touched"),
    ]
    DEFAULT_CSS = """
    PlanScreen #plan-lead { height: auto; padding: 0 1; margin-bottom: 1; }
    PlanScreen .-hidden { display: none; }
    """

    versions: reactive[tuple[Version, ...] | None] = reactive(None, init=False)
    """What is on offer; None while it is not known."""
    chosen: reactive[str] = reactive("", init=False)
    """The version whose plan is shown, or asked for; "" while the versions are."""
    plan: reactive[ReleasePlan | None] = reactive(None, init=False)
    """The chosen version's plan; None while it is not known."""
    failure: reactive[DebvisorError | None] = reactive(None, init=False)
    """Why the last question has no answer."""
    auto: reactive[bool] = reactive(False, init=False)
    """Whether the run is to pass its gates by itself."""
    starting: reactive[bool] = reactive(False, init=False)
    """Whether the runner is being started just now."""
    warning: reactive[str] = reactive("", init=False)
    """What the operator must know of this host before a run is started on it."""

    header = query_one(HeaderBar)
    lead = query_one("#plan-lead", Static)
    offers = query_one("#plan-versions", Choices)
    steps_page = query_one("#plan-page", Page)
    steps = query_one("#plan-steps", Static)

    def __init__(self, version: str | None = None) -> None:
        super().__init__()
        self._version = version
        self._read_at = 0.0  # when the versions were read, monotonic seconds

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "new release")
        yield Static(id="plan-lead", markup=False)
        yield Choices(id="plan-versions", markup=False)
        with Page(id="plan-page", classes="-hidden"):
            yield Static(id="plan-steps", markup=False)
        yield Foot()

    def on_mount(self) -> None:
        self._tell()
        self._ask_host()
        if self._version:
            self.chosen = self._version
            self._ask_plan(self.chosen, fetch=True)
        else:
            self._ask_versions()

    # -- questions ----------------------------------------------------------------------------------------------

    @work(group="plan-host", exclusive=True, description="ask what a logout ends")
    async def _ask_host(self) -> None:
        from debvisor_tui.runner import launch

        self.warning = await asyncio.to_thread(launch.logout_ends_it)

    @work(group="plan-versions", exclusive=True, description="ask for versions")
    async def _ask_versions(self) -> None:
        from debvisor_tui.runner import query_client

        self.failure = None
        self.versions = None
        try:
            versions = await query_client.ask_versions(self.session.settings, self.session.places)
        except DebvisorError as error:
            self.failure = error
            return
        self._read_at = time.monotonic()
        self.versions = versions

    @work(group="plan", exclusive=True, description="ask for the plan")
    async def _ask_plan(self, version: str, *, fetch: bool) -> None:
        from debvisor_tui.runner import query_client

        self.failure = None
        self.plan = None
        try:
            plan = await query_client.ask_plan(self.session.settings, self.session.places, version, fetch=fetch)
        except DebvisorError as error:
            self.failure = error
            return
        if version == self.chosen:
            self.plan = plan

    @work(group="plan-start", exclusive=True, description="start the release")
    async def _start(self, plan: ReleasePlan) -> None:
        from debvisor_tui.runner import spawn

        session = self.session
        if session.settings.production and not await self.app.push_screen_wait(
            ConfirmDialog(
                f"PRODUCTION {session.settings.name}",
                f"Release {plan.to_version} to {session.settings.name}? Now in place: {plan.from_version or '?'}.",
                danger=AUTO_WARNING if self.auto else "",
                agree="start the release",
            )
        ):
            return
        self.starting = True
        try:
            run = await spawn.start_release(
                session.settings,
                session.places,
                plan.to_version,
                session.person,
                auto=self.auto,
                seen=plan.new,
            )
        except LockHeld as held:  # somebody was quicker: that run can be looked at instead
            self.starting = False
            self.failure = held
            return
        except DebvisorError as error:
            self.starting = False
            self.say_error(error)
            return
        self.debvisor.show_run(run)

    # -- what is shown ------------------------------------------------------------------------------------------

    def watch_versions(self, versions: tuple[Version, ...] | None) -> None:
        offers = self.offers
        offers.clear_options()
        widest = max((len(version.name) for version in versions or ()), default=0)
        for version in versions or ():
            prompt = Fluid(partial(version_line, version, widest))
            offers.add_option(Option(prompt, id=version.name, disabled=not version.newer))
        newest = next((i for i, version in enumerate(versions or ()) if version.newer), None)
        offers.highlighted = newest
        if not self.chosen:
            # Without anything to choose enter belongs to the screen, which says why.
            self.set_focus(offers if newest is not None else None)
        self._tell()

    def watch_chosen(self) -> None:
        self.offers.set_class(bool(self.chosen), "-hidden")
        self.steps_page.set_class(not self.chosen, "-hidden")
        # Not at once: what was hidden until now takes no focus before it is laid out.
        self.call_after_refresh((self.steps_page if self.chosen else self.offers).focus)
        self.ask_anew()
        self.header.about = f"new release · {self.chosen}" if self.chosen else "new release"
        self._tell()

    def watch_plan(self, plan: ReleasePlan | None) -> None:
        self.steps.update(Fluid(partial(plan_content, plan)) if plan else "")
        self.steps_page.scroll_home(animate=False)
        self.ask_anew()
        self._tell()

    def watch_failure(self) -> None:
        self._tell()

    def watch_auto(self) -> None:
        self._tell()

    def watch_starting(self) -> None:
        self._tell()

    def watch_warning(self) -> None:
        self._tell()

    def _tell(self) -> None:
        """The lead: where we are, what can be done, or what went wrong."""
        self.lead.update(self._lead())
        self.refresh_keys()

    def _lead(self) -> Content:
        if isinstance(self.failure, LockHeld):
            return Content.assemble(
                ("! ", "$warn"),
                (self.failure.what, "$warn"),
                "\nNothing was started. ",
                ("enter", "bold"),
                " attaches to it.",
            )
        if self.failure is not None:
            return Content.assemble(
                ("✗ ", "$danger"),
                (self.failure.what, "$danger"),
                f"\n{self.failure.hint}" if self.failure.hint else "",
            )
        if self.starting:
            return Content("Starting the runner of this release…")
        if self.chosen:
            return self._plan_lead()
        if self.versions is None:
            return Content.assemble("Which version?  ", ("reading the versions on offer…", "$muted"))
        if not self.versions:
            return Content("There is no version on offer: no tag matches the config's source.tags. Tag one, press r.")
        if not any(version.newer for version in self.versions):
            return Content.assemble(
                ("Nothing is newer than what runs now. ", "$warn"),
                "Tag a version and press r, or roll back with R from home.",
            )
        return Content.assemble("Which version?  ", ("Nothing is touched by looking.", "$muted"))

    def _plan_lead(self) -> Content:
        if self.plan is None:
            return Content.assemble(
                f"The plan for {self.chosen}  ", ("working it out; nothing is touched…", "$muted")
            )
        if self.plan.problems:
            return Content.assemble((f"✗ {self.chosen} cannot be released yet. ", "$danger"), "Nothing was touched.")
        gates = (
            "it stops only where a person must decide (auto)" if self.auto else "it waits for you before every step"
        )
        warning = ((f"\n! {self.warning}", "$warn"),) if self.warning else ()
        return Content.assemble("Nothing is touched yet. ", ("enter", "bold"), f" starts; {gates}.", *warning)

    # -- keys ---------------------------------------------------------------------------------------------------

    def key_hints(self) -> Iterator[Binding]:
        for binding in super().key_hints():
            if binding.action == "proceed" and isinstance(self.failure, LockHeld):
                yield replace(binding, description="attach to it")
            elif binding.action == "proceed" and self.chosen:
                yield replace(binding, description="start the release")
            elif binding.action == "auto":
                yield replace(binding, description=f"auto: {'on' if self.auto else 'off'}")
            else:
                yield binding

    def refusal(self, action: str) -> str:
        if action in {"proceed", "auto", "back"} and self.starting:
            return "The release is being started; its screen opens by itself."
        if action == "auto" and not self.chosen:
            return "Choose a version first."
        if action == "proceed" and isinstance(self.failure, LockHeld):
            return ""
        if action == "proceed" and self.chosen:
            if self.plan is None:
                return "There is no plan yet." if self.failure is None else "Without a plan nothing is started."
            if self.plan.problems:
                return f"It cannot start: {self.plan.problems[0]}"
        elif action == "proceed" and not any(version.newer for version in self.versions or ()):
            return "There is no newer version to choose."
        return ""

    @on(OptionList.OptionSelected, "#plan-versions")
    async def _choose(self, event: OptionList.OptionSelected) -> None:
        if self.chosen:  # the list is hidden and had the focus still: this enter was for the plan
            await self.debvisor.run_action("proceed", self)
            return
        self.chosen = event.option_id or ""
        offered = next((version for version in self.versions or () if version.name == self.chosen), None)
        known = offered is not None and offered.fresh and time.monotonic() - self._read_at < FRESH
        self._ask_plan(self.chosen, fetch=not known)

    @work(group="plan-attach", exclusive=True, description="attach to the run that goes on")
    async def _attach_instead(self) -> None:
        active = await self.session.history(lambda history: history.active(), None)
        if active is not None:
            self.debvisor.show_run(active.id)
        else:
            self.say("That run has ended just now: r looks again.", wrong=True)

    def action_proceed(self) -> None:
        if isinstance(self.failure, LockHeld):
            self._attach_instead()
        elif not self.chosen:
            self.offers.action_select()
        elif self.plan is not None:
            self._start(self.plan)

    def action_auto(self) -> None:
        self.auto = not self.auto

    def action_again(self) -> None:
        if self.chosen:
            self._ask_plan(self.chosen, fetch=True)
        else:
            self._ask_versions()

    def action_back(self) -> None:
        if self.chosen:
            self.failure, self.plan, self.chosen = None, None, ""
            if self.versions is None:
                self._ask_versions()
        else:
            self.debvisor.pop_screen()
