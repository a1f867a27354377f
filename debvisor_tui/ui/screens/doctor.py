"""Whether a release could be made on this host now: every part of the config, tried; nothing is changed by it."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.getters import query_one
from textual.reactive import reactive
from textual.widgets import Static

from debvisor_tui.model.checks import Check, CheckState
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import local_time
from debvisor_tui.model.wording import counted
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.state_marks import Mark
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.page import Page
from debvisor_tui.ui.widgets.reflow import Fluid, hanging_indent, page

INDENT = 14  # cells of the mark and the part's name
MARKS = {
    CheckState.GOOD: Mark("✓", "good", "$ok"),
    CheckState.WARNING: Mark("!", "to be known before a release", "bold $warn"),
    CheckState.BAD: Mark("✗", "stops a release", "bold $danger"),
}


class DoctorScreen(DebvisorScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        key("doctor", "r,ctrl+r", "again", "look again", "Try everything once more"),
        key("doctor", "escape", "back", "back", "Back to where you came from"),
    ]
    DEFAULT_CSS = """
    DoctorScreen #doctor-lead { height: auto; padding: 0 1; margin-bottom: 1; }
    """

    checks: "reactive[tuple[Check, ...] | None]" = reactive(None, init=False)
    """What was found; None while it is being looked for."""
    failure: reactive[DebvisorError | None] = reactive(None, init=False)
    """Why nothing was found out."""

    lead = query_one("#doctor-lead", Static)
    text_page = query_one("#doctor-page", Page)
    text = query_one("#doctor-text", Static)

    def __init__(self) -> None:
        super().__init__()
        self._looked_at = 0.0

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "doctor")
        yield Static(id="doctor-lead", markup=False)
        with Page(id="doctor-page"):
            yield Static(id="doctor-text", markup=False)
        yield Foot()

    def on_mount(self) -> None:
        self.text_page.focus()
        self._look()

    @work(group="doctor", exclusive=True, description="try each part of the config")
    async def _look(self) -> None:
        from debvisor_tui.runner import query_client

        self.checks, self.failure = None, None
        self._tell()
        try:
            self.checks = await query_client.ask_doctor(self.session.settings, self.session.places)
        except DebvisorError as error:
            self.failure = error
        self._looked_at = self.session.clock.now().at
        self._tell()

    def _tell(self) -> None:
        self.lead.update(self._lead())
        checks = self.checks or ()
        self.text.update(Fluid(lambda width: page(row for check in checks for row in _rows(check, width))))

    def _lead(self) -> Content:
        checks, failure = self.checks, self.failure
        if failure is not None:
            return line(("✗ ", "$danger"), (str(failure), "$danger"))
        if checks is None:
            return line("Trying each part of the config on this host; nothing is changed by it…")
        looked = f"  looked at {local_time(self._looked_at)}"
        stop = sum(check.state is CheckState.BAD for check in checks)
        if stop:
            told = f"✗ {stop} of {counted(len(checks), 'check')} would stop a release."
            return line((told, "bold $danger"), (looked, "$muted"))
        warn = sum(check.state is CheckState.WARNING for check in checks)
        more = f" {counted(warn, 'thing')} to know before it." if warn else ""
        return line(("✓ ", "$ok"), f"Nothing was found that would stop a release.{more}", (looked, "$muted"))

    def refusal(self, action: str) -> str:
        return "It is being looked at." if action == "again" and self.checks is None and self.failure is None else ""

    def action_again(self) -> None:
        self._look()

    def action_back(self) -> None:
        self.debvisor.pop_screen()


def _rows(check: Check, width: int) -> list[Content]:
    mark = MARKS[check.state]
    head = line((f"{mark.glyph} ", mark.style), cell(check.part, INDENT - 2, "$muted"))
    style = "" if check.state is CheckState.GOOD else mark.style
    rows = hanging_indent(Content.styled(one_line(check.text), style), width, INDENT, head)
    if check.fix:
        rows += hanging_indent(one_line(check.fix), width, INDENT + 2, (" " * INDENT + "→", "$muted"))
    return rows
