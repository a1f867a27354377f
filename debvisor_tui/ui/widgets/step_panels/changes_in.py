"""Bodies of review and CI: what is about to change, and who or what has looked at it."""

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.times import local_day
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.widgets.step_panels.common import (
    RenderContext,
    last,
    mapping,
    number,
    others,
    page,
    row,
    sequence,
    short,
    text_of,
)

SHOWN = 50  # commits; the rest is counted
RESULTS = {
    "passed": ("✓ passed ", "$ok"),
    "failed": ("✗ failed ", "bold $danger"),
    "pending": ("· pending", "$warn"),
}


def review(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = others(view, step, "commits")
    found = last(view.found(step.id, "commits"))
    if found is not None:
        commits = sequence(found.get("commits"))
        versions = f"{text_of(found.get('from_version'))} → {text_of(found.get('to_version'))}"
        rows.append(row("commits", f"{len(commits)} · {versions}"))
        wide = context.width >= 76
        for commit in commits[:SHOWN]:
            one = mapping(commit)
            when = number(one.get("at"))
            day = f"{local_day(when, context.now)[:10]:10} " if wide and when is not None else ""
            rows.append(
                line(
                    (f"{short(one.get('commit'))} ", "$accent"),
                    (day, "$muted"),
                    cell(text_of(one.get("author")), 16 if wide else 12, "$muted"),
                    " ",
                    cell(text_of(one.get("subject"), "(no subject)"), max(context.width - (37 if wide else 21), 8)),
                )
            )
        if len(commits) > SHOWN:
            rows.append(line((f"… and {len(commits) - SHOWN} more: git log shows them all", "$muted")))
        if not commits:
            rows.append(line("No commits between the two: the same code."))
    return page(rows, context)


def ci(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    found = last(view.found(step.id, "checks"))
    if found is not None:
        checks = [mapping(check) for check in sequence(found.get("checks"))]
        rows.append(row("commit", (short(found.get("commit")), "$accent"), f" · {len(checks)} checks"))
        width = min(max((len(text_of(c.get("name"))) for c in checks), default=8), 28)
        for check in checks:
            result, style = RESULTS.get(str(check.get("result")), ("? unknown", "$warn"))
            seconds = number(check.get("seconds"))
            rows.append(
                line(
                    (result, style),
                    "  ",
                    cell(text_of(check.get("name")), width),
                    cell("" if seconds is None else format_duration(seconds), 13, "$muted", right=True),
                    ("  " + text_of(check.get("detail"), ""), "$muted"),
                )
            )
    return page([*rows, *others(view, step, "checks")], context)
