"""The colours: few, each with one meaning, calm on a dark terminal, and never the only sign of anything."""

from textual.theme import Theme

#: Meaning → colour. Each keeps its hue where the terminal has only 256 or 16 colours (a test holds that).
#: Use them in CSS and in Content styles as $accent, $ok, $warn, $danger, $muted.
COLOURS = {
    "ok": "#5faf5f",
    "warn": "#d7af00",
    "danger": "#e5727a",
    "muted": "#8a949e",
    "faint": "#3a434d",
    "alarm": "#af0000",
}

THEME = Theme(
    name="debvisor",
    dark=True,
    primary="#5fb0f0",
    secondary="#5fb0f0",
    accent="#5fb0f0",
    success=COLOURS["ok"],
    warning=COLOURS["warn"],
    error=COLOURS["danger"],
    foreground="#d3d9df",
    background="#11151a",
    surface="#161b21",
    panel="#1e252d",
    variables={
        **COLOURS,
        "border": "#3a434d",
        "input-cursor-text-style": "none",
        "input-selection-background": "#5fb0f0 35%",
    },
)
