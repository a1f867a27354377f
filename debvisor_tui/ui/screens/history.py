"""History: the runs, newest first, filtered as one types; and a search through the logs of all of them."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.reactive import reactive
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.views import RunSummary, SearchHit
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.widgets.filter_input import FilterInput
from debvisor_tui.ui.widgets.header import HeaderBar
from debvisor_tui.ui.widgets.message_line import Foot
from debvisor_tui.ui.widgets.page import Choices
from debvisor_tui.ui.widgets.reflow import Fluid
from debvisor_tui.ui.widgets.run_row import hit_row, run_row, run_text

if TYPE_CHECKING:
    from debvisor_tui.store.history import History

PAGE = 200  # runs shown at first, and more at a time
MOST = 1000  # rows in the list; whoever wants older ones filters
CHUNK = 1000  # runs read from the journal at a time
PAUSE = 0.15  # seconds without a key before the journal is asked
HITS = 100


class HistoryScreen(DebvisorScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        key("history", "enter", "open", "open", "Open the run, or the log at the line that was found"),
        key("history", "tab", "switch", "search logs", "Change between the runs and the search through all logs"),
        key("history", "slash", "search", "search all logs", "Search through the logs of all runs", show=False),
        key("history", "up", "move('cursor_up')", "up", "One row up", show=False),
        key(
            "history",
            "down",
            "move('cursor_down')",
            "down",
            "One row down; at the end older runs are read",
            show=False,
        ),
        key("history", "pageup", "move('page_up')", "page up", "One page up", show=False),
        key("history", "pagedown", "move('page_down')", "page down", "One page down", show=False),
        key("history", "escape", "back", "back", "Clear what was typed, then go back"),
    ]
    DEFAULT_CSS = """
    HistoryScreen #history-line { height: 1; margin-bottom: 1; background: $panel; }
    HistoryScreen #history-what { width: auto; padding: 0 1; color: $muted; background: $panel; }
    HistoryScreen #history-note { height: auto; padding: 0 1; color: $muted; }
    HistoryScreen .-hidden { display: none; }
    """

    runs: reactive[tuple[RunSummary, ...] | None] = reactive(None, init=False)
    """The runs that match, newest first; None while they are read."""
    more: reactive[bool] = reactive(False, init=False)
    """Whether there are older ones that match, too."""
    hits: reactive[tuple[SearchHit, ...] | None] = reactive(None, init=False)
    """The lines found; None while nothing was looked for."""
    unsearched = 0
    """Lines that the last search did not look at."""
    searching: reactive[bool] = reactive(False, init=False)
    """Whether the logs are searched, rather than the runs filtered."""
    failure: reactive[DebvisorError | None] = reactive(None, init=False)

    what = query_one("#history-what", Static)
    note = query_one("#history-note", Static)
    run_filter = query_one("#history-filter", FilterInput)
    log_words = query_one("#history-words", FilterInput)
    run_list = query_one("#history-runs", Choices)
    hit_list = query_one("#history-hits", Choices)

    def __init__(self) -> None:
        super().__init__()
        self._wanted = PAGE

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.session.settings, "history")
        with Horizontal(id="history-line"):
            yield Static(id="history-what", markup=False)
            yield FilterInput("?/", "version, state, operator, release or rollback", name="history-filter")
            yield FilterInput("?", "words that a line holds, all of them", name="history-words")
        yield Choices(id="history-runs", markup=False)
        yield Choices(id="history-hits", markup=False)
        yield Static(id="history-note", markup=False)
        yield Foot()

    def on_mount(self) -> None:
        self.run_list.can_focus = self.hit_list.can_focus = False  # the field keeps the focus, the arrows move
        self.watch_searching()
        self._read_runs("")

    # -- reading ------------------------------------------------------------------------------------------------

    @work(group="history-runs", exclusive=True, description="read the runs")
    async def _read_runs(self, words: str, pause: float = 0.0) -> None:
        await asyncio.sleep(pause)
        nothing: tuple[list[RunSummary], bool] = ([], False)
        try:
            found, more = await self.session.history(partial(_matching, words, self._wanted), nothing)
        except DebvisorError as error:
            self.failure = error
            return
        self.failure = None
        self.more = more
        self.runs = tuple(found)

    @work(group="history-search", exclusive=True, description="search the logs")
    async def _search(self, words: str) -> None:
        await asyncio.sleep(PAUSE)
        if not words.strip():
            self.hits = None
            return
        nothing: tuple[list[SearchHit], int] = ([], 0)
        try:
            found, self.unsearched = await self.session.history(
                lambda history: (history.search(words, HITS), history.unsearched()), nothing
            )
        except DebvisorError as error:
            self.failure = error
            return
        self.failure = None
        self.hits = tuple(found)

    # -- what is shown ------------------------------------------------------------------------------------------

    def watch_searching(self) -> None:
        for widget in (self.run_filter, self.run_list):
            widget.set_class(self.searching, "-hidden")
        for widget in (self.log_words, self.hit_list):
            widget.set_class(not self.searching, "-hidden")
        self.what.update("search all logs" if self.searching else "filter")
        (self.log_words if self.searching else self.run_filter).focus()
        self._tell()

    def watch_runs(self, old: tuple[RunSummary, ...] | None, new: tuple[RunSummary, ...] | None) -> None:
        if new is None:
            return
        rows, at, now = self.run_list, self.run_list.highlighted, self.session.clock.now()
        longer = old is not None and len(new) > len(old) and new[: len(old)] == old
        if longer and old is not None:
            rows.add_options(self._row(run, now) for run in new[len(old) :])
        else:
            rows.clear_options()
            rows.add_options(self._row(run, now) for run in new)
            rows.highlighted = 0 if new else None
        if longer:
            rows.highlighted = at
        self._tell()

    def _row(self, run: RunSummary, now: Instant) -> Option:
        return Option(Fluid(partial(run_row, run, now)), id=str(run.id))

    def watch_hits(self, hits: tuple[SearchHit, ...] | None) -> None:
        words, now = self.log_words.value, self.session.clock.now().at
        self.hit_list.clear_options()
        self.hit_list.add_options(Option(Fluid(partial(hit_row, hit, words, now))) for hit in hits or ())
        self.hit_list.highlighted = 0 if hits else None
        self._tell()

    def watch_failure(self) -> None:
        self._tell()

    def _tell(self) -> None:
        self.note.update(self._note())
        self.refresh_keys()

    def _note(self) -> Content:
        if self.failure is not None:
            return Content.assemble(("✗ ", "$danger"), (str(self.failure), "$danger"))
        if self.searching:
            return Content(self._note_of_hits())
        runs, typed = self.runs, self.run_filter.value.strip()
        if runs is None:
            return Content("Reading the journal…")
        if not runs:
            if typed:
                return Content(f"No run matches “{typed}”. esc clears the filter.")
            return Content("There is no run yet. The first release writes the first one: n on home.")
        if len(runs) >= MOST and self.more:
            return Content(f"The newest {len(runs)} that match. Type more to find older ones.")
        count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        return Content(f"{count}, and older ones at the end" if self.more else count)

    def _note_of_hits(self) -> str:
        hits, typed = self.hits, self.log_words.value.strip()
        if hits is None:
            return "Type words: the newest lines of all runs that hold all of them are listed."
        if not hits:
            if self.unsearched:
                return f"No line holds “{typed}” but for {self.unsearched} new ones, which are not indexed yet."
            return f"No line of any log holds “{typed}”."
        if len(hits) >= HITS:
            return f"The newest {HITS} lines. Type more to narrow them down."
        return "1 line" if len(hits) == 1 else f"{len(hits)} lines"

    # -- keys ---------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#history-filter")
    def _typed_filter(self, event: Input.Changed) -> None:
        self._wanted = PAGE
        self._read_runs(event.value, PAUSE)

    @on(Input.Changed, "#history-words")
    def _typed_words(self, event: Input.Changed) -> None:
        self._search(event.value)

    @on(Input.Submitted)
    async def _entered(self) -> None:
        await self.debvisor.run_action("open", self)

    @on(OptionList.OptionHighlighted, "#history-runs")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        if self.more and self.runs and event.option_index == len(self.runs) - 1 and self._wanted < MOST:
            self._wanted += PAGE
            self._read_runs(self.run_filter.value)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_open()

    def refusal(self, action: str) -> str:
        if action == "open" and self._list.highlighted is None:
            return "There is nothing to open here."
        return ""

    def key_hints(self) -> Iterator[Binding]:
        for binding in super().key_hints():
            if binding.action == "switch" and self.searching:
                yield replace(binding, description="runs")
            else:
                yield binding

    @property
    def _list(self) -> Choices:
        return self.hit_list if self.searching else self.run_list

    def action_move(self, how: str) -> None:
        getattr(self._list, f"action_{how}")()

    def action_open(self) -> None:
        at = self._list.highlighted
        if at is None:
            return
        if self.searching and self.hits:
            hit = self.hits[at]
            self.debvisor.show_run_history(hit.run, hit.attempt, hit.line.number)
        elif not self.searching and self.runs:
            self.debvisor.show_run_history(self.runs[at].id)

    def action_switch(self) -> None:
        self.searching = not self.searching

    def action_search(self) -> None:
        self.searching = True

    def action_back(self) -> None:
        field = self.log_words if self.searching else self.run_filter
        if field.value:
            field.value = ""
        elif self.searching:
            self.searching = False
        else:
            self.debvisor.pop_screen()


def _matching(words: str, limit: int, history: "History") -> tuple[list[RunSummary], bool]:
    """The newest `limit` runs that hold all `words`, and whether there are more."""
    terms = words.lower().split()
    found: list[RunSummary] = []
    before: int | None = None
    chunk = CHUNK if terms else limit + 1
    while runs := history.runs(chunk, before):
        found += [run for run in runs if all(term in run_text(run) for term in terms)]
        if len(found) > limit or len(runs) < chunk:
            break
        before = runs[-1].id
    return found[:limit], len(found) > limit
