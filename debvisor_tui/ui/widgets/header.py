"""The first line of every screen: the program, the target (red if it is production), the run, and its clock."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from debvisor_tui.config.glance import Face
from debvisor_tui.ui.paint import LineWidget, between, line

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings

NAME = "debvisor-tui"


def clock_text(seconds: float) -> str:
    """`seconds` as HH:MM:SS."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class HeaderBar(LineWidget):
    DEFAULT_CSS = """
    HeaderBar { dock: top; height: 1; padding: 0 1; background: $panel; color: $foreground; }
    HeaderBar.-production { background: $alarm; color: #ffffff; }
    """

    about: reactive[str] = reactive("")
    """What the screen is about: "v1.1.0 → v1.2.0", "history"."""
    right: reactive[str] = reactive("")
    """Whose run it is: "run 42 · anna"."""
    seconds: reactive[float | None] = reactive(None, repaint=False)
    """The run's age; its clock, at the right end, is drawn alone when it ticks."""

    def __init__(self, settings: "Settings | Face", about: str = "", right: str = "") -> None:
        super().__init__(classes="-production" if settings.production else "")
        self._target = target_name(settings)
        self._production = settings.production
        self.set_reactive(HeaderBar.about, about)
        self.set_reactive(HeaderBar.right, right)

    def watch_seconds(self, old: float | None, new: float | None) -> None:
        if old is None or new is None or len(clock_text(old)) != len(clock_text(new)):
            self.refresh()
        elif clock_text(old) != clock_text(new):
            width = len(clock_text(new))
            # refresh counts from the widget's outer corner, padding included
            self.refresh_line(0, self.outer_size.width - width - 1, width)

    def line_at(self, y: int) -> Content:
        about = f" · {self.about}" if self.about else ""
        left = line((self._target, "bold" if self._production else ""), about)
        parts = [self.right] if self.right else []
        if self.seconds is not None:
            parts.append(clock_text(self.seconds))
        right = Content(" · ".join(parts))
        named = line((NAME, "bold"), "  ", left)  # the name gives way first
        fits = named.cell_length + right.cell_length < self.size.width
        return between(named if fits else left, right, self.size.width)


def target_name(settings: "Settings | Face") -> str:
    """ "PRODUCTION · process", with the target's own name where it says more."""
    name = settings.name
    if settings.production:
        name = "PRODUCTION" if name.lower() in {"production", "prod"} else f"PRODUCTION {name}"
    kind = settings.kind if isinstance(settings, Face) else settings.platform.kind
    return f"{name} · {kind}"
