"""Help: every key and what it does, read from the screens themselves; the glyphs; how a run works."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.drawing import Piece, line
from debvisor_tui.ui.keys import key, key_name
from debvisor_tui.ui.state_marks import NOT_ALL, RUN_MARKS, STEP_MARKS, Mark
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.page import Page
from debvisor_tui.ui.widgets.reflow import Fluid, hanging_indent, page
from debvisor_tui.ui.widgets.rollback_view import ACTION_MARKS

INDENT = 14  # cells of the key column

#: Where keys are declared: the title here, the module under debvisor_tui.ui, the class.
OWNERS: tuple[tuple[str, str, str], ...] = (
    ("home", "screens.home", "HomeScreen"),
    ("new release", "screens.plan", "PlanScreen"),
    ("run", "screens.run", "RunScreen"),
    ("roll back", "screens.rollback", "RollbackScreen"),
    ("history", "screens.history", "HistoryScreen"),
    ("one run in the history", "screens.run_history", "RunHistoryScreen"),
    ("log, while it has the focus", "widgets.log_pane", "LogPane"),
    ("doctor", "screens.doctor", "DoctorScreen"),
    ("help", "screens.help", "HelpScreen"),
    ("everywhere", "app", "DebvisorApp"),
)

HOW_A_RUN_WORKS = (
    "A release is a run of the playbook's steps, in order. Nothing is touched before the first step is run.",
    "Before each step the run waits at a gate (■): enter runs the step, s skips it with a reason, E ends the run.",
    "The run lives in a process of its own. Leave at any time (d, ctrl+q, a lost connection): it goes on, and waits "
    "at its next gate until somebody comes back.",
    "Every line, change, decision and fact is in the journal before it is on the screen. History shows it all.",
    "A step that fails changes nothing further: retry it (r), skip it (s), end the run (E) or roll back (R).",
    "R shows the way back of what this run really changed. Nothing is undone before enter, and data that would be "
    "lost, or stays lost, is named before you agree.",
    "An answer is meant: a key that is held down, or was typed before its question was there, decides nothing.",
)


class HelpScreen(DebvisorScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        key("help", "escape,question_mark,q", "back", "back", "Back to where you came from"),
    ]

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "help")
        with Page(id="help-page"):
            yield Static(Fluid(self._content), id="help-text", markup=False)
        yield Foot()

    def on_mount(self) -> None:
        self.query_one("#help-page", Page).focus()

    def action_back(self) -> None:
        self.debvisor.pop_screen()

    def _content(self, width: int) -> Content:
        stack = self.app.screen_stack
        here = type(stack[stack.index(self) - 1]).__name__ if self in stack[1:] else ""
        owners = sorted(OWNERS, key=lambda owner: owner[2] != here)  # the screen one came from is first
        rows: list[Content | list[Content]] = [line(("HOW A RUN WORKS", "bold $muted"))]
        rows += [hanging_indent(told, width, 2, ("·", "$muted")) for told in HOW_A_RUN_WORKS]
        for title, module, name in owners:
            heading = f"KEYS HERE: {title}" if name == here else f"KEYS: {title}"
            rows += [Content(), line((heading, "bold $muted"))]
            owner = getattr(import_module(f"debvisor_tui.ui.{module}"), name)
            rows += [hanging_indent(does, width, INDENT, (keys, "bold")) for keys, does in keys_of(owner)]
        rows += [Content(), line(("GLYPHS", "bold $muted"))]
        rows += [_marks("steps", STEP_MARKS.values(), width), _marks("runs", [*RUN_MARKS.values(), NOT_ALL], width)]
        rows.append(_marks("way back", ACTION_MARKS, width))
        places = self.session.places
        rows += [Content(), line(("WHERE THINGS LIE", "bold $muted"))]
        rows.append(hanging_indent(str(places.journal), width, INDENT, "journal"))
        rows.append(hanging_indent(str(places.runner_log), width, INDENT, "runner's log"))
        rows.append(hanging_indent(str(self.session.settings.path), width, INDENT, "config"))
        return page(rows)


def keys_of(owner: type) -> Iterator[tuple[str, str]]:
    """(keys, what they do) of a screen or widget of ours, each action once, its base classes' too."""
    seen: set[str] = set()
    for cls in owner.__mro__:
        if not cls.__module__.startswith("debvisor_tui."):
            continue
        for binding in cls.__dict__.get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.action not in seen and binding.tooltip:
                seen.add(binding.action)
                yield _shown(binding), binding.tooltip


def _shown(binding: Binding) -> str:
    names = [name.strip() for name in binding.key.split(",")]
    if binding.key_display:
        return " ".join([binding.key_display, *(key_name(name) for name in names[1:])])
    return " ".join(key_name(name) for name in names)


def _marks(what: str, marks: Iterable[Mark], width: int) -> list[Content]:
    pieces: list[Piece] = []
    for mark in dict.fromkeys(marks):
        pieces += ["   "] if pieces else []
        pieces.append((str(mark), mark.style))
    return hanging_indent(line(*pieces), width, INDENT, what)
