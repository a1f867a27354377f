"""The TUI's application: it owns the session and the stack of screens, and ends cleanly when its terminal goes."""

import asyncio
import gc
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.screen import Screen

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.text import one_line
from debvisor_tui.ui.asks import Asks
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.drawing import literal
from debvisor_tui.ui.hand import Hand
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.message import Message
from debvisor_tui.ui.screens.home import HomeScreen
from debvisor_tui.ui.screens.too_small import TooSmallScreen, too_small
from debvisor_tui.ui.session import Session
from debvisor_tui.ui.theme import THEME
from debvisor_tui.ui.widgets.message_line import MessageLine


@dataclass(frozen=True)
class Opening:
    """What is shown at once above home; see :func:`debvisor_tui.ui.start.run_tui`."""

    attach: int | None = None
    observe: bool = False
    plan: str | None = None
    rollback: int | None = None
    in_progress: bool = False  # the run that goes on, or was interrupted, if there is one


class DebvisorApp(App[int]):
    """`opening`: what is shown at once, above home."""

    TITLE = "debvisor-tui"
    CSS_PATH = "styles/app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("app", "ctrl+q", "quit", "quit", "Leave; a run goes on without this terminal", show=False, priority=True),
        key("app", "question_mark", "help", "help", "Every key and what it does"),
    ]

    def __init__(
        self,
        session: Session,
        *,
        opening: Opening | None = None,
        driver_class: type[Driver] | None = None,
        hand: Hand | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.hand = hand or Hand()
        self._acting: events.Key | None = None  # the key whose binding runs
        self.animation_level = "none"  # each step of one costs bytes on a bad line
        self._title_said = ""
        self.message: Message | None = None  # what the message line says
        self.session = session
        self._opening = opening or Opening()
        self._failed: DebvisorError | None = None
        self._held = False  # nothing is painted: the terminal does not keep up
        self._unpainted = False  # a frame was made meanwhile, and is lost
        self.register_theme(THEME)
        self.theme = THEME.name

    def get_default_screen(self) -> Screen[None]:
        return HomeScreen()

    def on_mount(self) -> None:
        self._open(self._opening)

    def on_resize(self, event: events.Resize) -> None:
        small = too_small(event.size)
        if small and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())
        elif not small and isinstance(self.screen, TooSmallScreen):
            self.pop_screen()

    def _fatal_error(self) -> None:
        # No traceback on the operator's terminal: whoever started the app gets the error, and words it.
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """The error that ended the app, or None."""
        return self._failed or self._exception

    def fail(self, error: DebvisorError) -> None:
        """End with an error that the operator has to fix first."""
        self._failed = error
        self.leave(error.exit_code)

    def leave(self, code: int = 0) -> None:
        """End the TUI; runs go on."""
        self.exit(code, return_code=code)

    # -- what the driver tells ----------------------------------------------------------------------------------

    def hold_paint(self) -> None:
        """The terminal does not keep up: paint nothing until it does, then all that has changed, once."""
        if not self._held:
            self._held = True
            self._begin_batch()

    def release_paint(self, whole: bool) -> None:
        """The terminal has swallowed all there was. `whole`: some of it was dropped."""
        if self._held:
            self._held = False
            self._end_batch()
        if self._running and (whole or self._unpainted):
            self._unpainted = False
            self.screen.refresh()
        elif self._running:
            self.screen.check_idle()

    def flood_ignored(self) -> None:
        self.say("That came too fast to have been typed; it was ignored.")

    async def copy(self, text: str) -> str:
        """Copy `text`; which way it went, in words."""
        from debvisor_tui.ui.clipboard import copy

        self._clipboard = text
        driver = self._driver
        return await asyncio.to_thread(copy, text, driver.write if driver is not None else lambda _: None)

    def title_says(self, text: str) -> None:
        """Set the terminal's title. Step names are read from a journal, so they are cleaned here, too."""
        text = one_line(text, 80)
        if text != self._title_said and self._driver is not None and not self.is_headless:
            self._title_said = text
            self._driver.write(f"\x1b]2;{text}\x07")

    def came_together(self, times: list[float]) -> None:
        self.hand.came_together(times)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._heard(event)
        await super().on_event(event)

    def _heard(self, key: events.Key) -> None:
        self.hand.heard(key)
        # What was said is read by now; but a held key says the same again, and that is counted.
        if self.message is not None and self.hand.is_new(key):
            self.message = None
            self._show_message()

    async def _on_key(self, event: events.Key) -> None:
        # Textual runs this before its own handler, which looks up what is bound to the key.
        self._acting = event

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self._held:
            self._unpainted = True
            return
        super()._display(screen, renderable)

    async def on_unmount(self) -> None:
        self.session.close()

    def on_ready(self) -> None:
        gc.freeze()  # what start-up made lives as long as the program
        gc.enable()

    def _open(self, opening: Opening) -> None:
        if opening.attach is not None:
            self.show_run(opening.attach, observe=opening.observe)
        elif opening.plan is not None:
            self.show_plan(opening.plan)
        elif opening.rollback is not None:
            self.show_rollback(opening.rollback)

    def found_in_progress(self, run: int) -> None:
        """Home has read the journal for the first time, and this run has not ended."""
        if self._opening.in_progress and isinstance(self.screen, HomeScreen):
            self.show_run(run)

    # -- going places -------------------------------------------------------------------------------------------

    def show_run(self, run: int, *, observe: bool = False) -> None:
        """Show a run, straight above home. `observe`: never to operate it."""
        from debvisor_tui.ui.screens.run import RunScreen

        self.show_home()
        self.push_screen(RunScreen(run, observe=observe))

    def show_home(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def show_plan(self, version: str | None = None) -> None:
        from debvisor_tui.ui.screens.plan import PlanScreen

        self.push_screen(PlanScreen(version))

    def show_rollback(self, run: int) -> None:
        from debvisor_tui.ui.screens.rollback import RollbackScreen

        self.push_screen(RollbackScreen(run))

    def show_history(self) -> None:
        from debvisor_tui.ui.screens.history import HistoryScreen

        self.push_screen(HistoryScreen())

    def show_doctor(self) -> None:
        from debvisor_tui.ui.screens.doctor import DoctorScreen

        self.push_screen(DoctorScreen())

    def show_run_history(self, run: int, attempt: int | None = None, line: int | None = None) -> None:
        from debvisor_tui.ui.screens.run_history import RunHistoryScreen

        self.push_screen(RunHistoryScreen(run, attempt=attempt, line=line))

    def action_help(self) -> None:
        from debvisor_tui.ui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    # -- keys and palette ---------------------------------------------------------------------------------------

    async def run_action(
        self,
        action: str | tuple[str, str, tuple[object, ...]],
        default_namespace: DOMNode | None = None,
        namespaces: "dict[str, DOMNode] | None" = None,  # type: ignore[override]
    ) -> bool:
        """As Textual's, but a screen that refuses the action is asked why, and says so."""
        if isinstance(default_namespace, DebvisorScreen) and isinstance(action, str):
            why = default_namespace.refusal(action)
            if why:
                default_namespace.say(why, wrong=True)
                return True
        if isinstance(default_namespace, Asks) and action in default_namespace.ANSWERS:
            why = self.hand.why_not(self._acting, default_namespace.asked_at)
            if why:
                self.say(why)
                return True
        return await super().run_action(action, default_namespace, namespaces)

    async def _run_from_palette(self, action: str, owner: DOMNode) -> None:
        """What was chosen there was read there: its key answers, unless it was held down."""
        why = self.hand.why_not(self._acting, -math.inf)
        self._acting = None
        if why:
            self.say(why)
        else:
            await self.run_action(action, owner)

    def say(self, text: str, *, wrong: bool = True) -> None:
        """Say it on the message line of the screen on top, or beneath the dialog on top: the last message counts."""
        self.message = self.message.again(text, wrong=wrong) if self.message else Message(text, wrong)
        self._show_message()

    def _show_message(self) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DebvisorScreen):
                for line in screen.query(MessageLine):
                    line.tell(self.message)
                return

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """All that the screen's keys do, with the reason where it cannot be done now."""
        seen: set[str] = set()
        for bindings in [*screen._bindings.key_to_bindings.values(), *self._bindings.key_to_bindings.values()]:
            for binding in bindings:
                if binding.action in seen or not binding.tooltip or binding.system:
                    continue
                seen.add(binding.action)
                owner = screen if bindings in screen._bindings.key_to_bindings.values() else self
                why = screen.refusal(binding.action) if isinstance(screen, DebvisorScreen) else ""
                shown = f"{binding.description.capitalize()}  ({binding.key_display or binding.key})"
                run = partial(self._run_from_palette, binding.action, owner)
                yield SystemCommand(shown, literal(why or binding.tooltip), run)
