"""What a screen with a log pane does for it: reads the lines it draws, and looks for words, in workers."""

from textual import on
from textual.screen import ScreenResultType

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.views import LogLine
from debvisor_tui.ui.base import DebvisorScreen
from debvisor_tui.ui.widgets.log_pane import LogPane


class LogScreen(DebvisorScreen[ScreenResultType]):
    @on(LogPane.Wanted)
    def _on_lines_wanted(self, message: LogPane.Wanted) -> None:
        # Not exclusive: the pane asks for one window at a time, and a cancelled read would starve it.
        self.run_worker(self._read_lines(message), group="log-window", description="read log lines")

    async def _read_lines(self, wanted: LogPane.Wanted) -> None:
        found: list[LogLine] = []
        try:
            found = await self.session.history(lambda h: h.lines(wanted.attempt, wanted.first, wanted.last), [])
        except DebvisorError as error:
            self.say_error(error)
        wanted.pane.supply(wanted.attempt, found)

    @on(LogPane.FindWanted)
    def _on_find_wanted(self, message: LogPane.FindWanted) -> None:
        self.run_worker(self._find(message), group="log-find", exclusive=True, description="find in the log")

    async def _find(self, wanted: LogPane.FindWanted) -> None:
        try:
            found = await self.session.history(
                lambda h: (
                    h.find(wanted.attempt, wanted.text, wanted.start, backwards=wanted.backwards)
                    # round the end: on from the other one
                    or h.find(wanted.attempt, wanted.text, _other_end(wanted), backwards=wanted.backwards)
                ),
                None,
            )
        except DebvisorError as error:
            self.say_error(error)
            return
        wanted.pane.found(wanted.text, found)


def _other_end(wanted: LogPane.FindWanted) -> int:
    return 2**62 if wanted.backwards else 0
