"""The first line of every screen: the program, the target (red if it is production), the run, and its clock."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive

from debvisor_tui.config.preview import TargetPreview
from debvisor_tui.ui.drawing import LineWidget, between, line
from debvisor_tui.ui.widgets.ticker import Ticker

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings

NAME = "debvisor-tui"


def clock_text(seconds: float) -> str:
    """`seconds` as HH:MM:SS."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class _Words(LineWidget):
    DEFAULT_CSS = "_Words { width: 1fr; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = Content(""), Content("")

    def line_at(self, y: int) -> Content:
        named = line((NAME, "bold"), "  ", self.left)  # the name gives way first
        fits = named.cell_length + self.right.cell_length < self.size.width
        return between(named if fits else self.left, self.right, self.size.width)


class HeaderBar(Horizontal):
    DEFAULT_CSS = """
    HeaderBar { dock: top; height: 1; padding: 0 1; background: $panel; color: $foreground; }
    HeaderBar.-production { background: $alarm; color: #ffffff; }
    """

    about: reactive[str] = reactive("", repaint=False)
    """What the screen is about: "v1.1.0 → v1.2.0", "history"."""
    right: reactive[str] = reactive("", repaint=False)
    """Whose run it is: "run 42 · anna"."""
    seconds: reactive[float | None] = reactive(None, repaint=False)
    """The run's age, on the clock at the right end."""

    def __init__(self, settings: "Settings | TargetPreview", about: str = "", right: str = "") -> None:
        super().__init__(classes="-production" if settings.production else "")
        self._target = target_name(settings)
        self._production = settings.production
        self._words = _Words()
        self._clock = Ticker("bold")
        self.set_reactive(HeaderBar.about, about)
        self.set_reactive(HeaderBar.right, right)
        self._say()

    def compose(self) -> ComposeResult:
        yield self._words
        yield self._clock

    def watch_about(self) -> None:
        self._say()

    def watch_right(self) -> None:
        self._say()

    def watch_seconds(self, before: float | None, now: float | None) -> None:
        self._clock.show("" if now is None else clock_text(now))
        if (before is None) != (now is None):
            self._say()

    def _say(self) -> None:
        about = f" · {self.about}" if self.about else ""
        self._words.left = line((self._target, "bold" if self._production else ""), about)
        self._words.right = line(self.right, " · " if self.right and self.seconds is not None else "")
        self._words.refresh()


def target_name(settings: "Settings | TargetPreview") -> str:
    """ "PRODUCTION · process", with the target's own name where it says more."""
    name = settings.name
    if settings.production:
        name = "PRODUCTION" if name.lower() in {"production", "prod"} else f"PRODUCTION {name}"
    kind = settings.kind if isinstance(settings, TargetPreview) else settings.platform.kind
    return f"{name} · {kind}"
