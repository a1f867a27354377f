"""The colours: few, each with one meaning, calm on a dark terminal, and never the only sign of anything."""

from textual.theme import Theme

#: Meaning → colour. Use them in CSS and in Content styles as $accent, $ok, $warn, $danger, $muted.
COLOURS = {
    "ok": "#8fbc8f",
    "warn": "#d8a657",
    "danger": "#e5727a",
    "muted": "#8a949e",
    "faint": "#3a434d",
    "alarm": "#8c2030",
}

THEME = Theme(
    name="debvisor",
    dark=True,
    primary="#7fa6c9",
    secondary="#7fa6c9",
    accent="#7fa6c9",
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
        "input-selection-background": "#7fa6c9 35%",
    },
)
