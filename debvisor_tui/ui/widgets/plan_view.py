"""A release's plan and the versions on offer, drawn for a width."""

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.times import date_of
from debvisor_tui.model.views import PlannedStep, ReleasePlan, Version
from debvisor_tui.ui.drawing import between, cell, line
from debvisor_tui.ui.widgets.reflow import hanging_indent, page

INDENT = 6


def version_line(version: Version, widest: int, width: int) -> Content:
    """One version in one line: name (the longest has `widest` cells), day, its place beside what runs, subject."""
    if version.current:
        standing = line(("✓ runs now", "$ok"))
    elif version.newer:
        standing = line("newer")
    else:
        standing = line(("older; to go back use R", "$muted"))
    day = date_of(version.at) if version.at else ""
    name = min(widest, 24) + 2
    head = line(
        cell(version.name, name, "bold" if version.newer else ""), cell(day, 11, "$muted"), cell(standing, 26)
    )
    return line(head, cell(version.subject, max(width - head.cell_length, 0), "" if version.newer else "$muted"))


def plan_content(plan: ReleasePlan, width: int) -> Content:
    """The whole plan: what is in the way, from where to where, then each step with its exact commands."""
    rows: list[Content | list[Content]] = []
    for problem in plan.problems:
        rows.append(hanging_indent(problem, width, 2, ("✗", "$danger"), "$danger"))
    if plan.problems:
        rows += [line(("Fix this, then press r to refresh.", "$muted")), Content()]
    rows.append(
        line(
            (plan.from_version or "an unknown version", "bold"),
            (f" {plan.old.exact[:7]}", "$muted"),
            " → ",
            (plan.to_version, "bold"),
            (f" {plan.new.exact[:7]}", "$muted"),
            (f"   {_estimate(plan.steps)}", "$muted"),
        )
    )
    for warning in plan.warnings:
        rows.append(hanging_indent(warning, width, 2, ("!", "$warn"), "$warn"))
    phase = None
    for number, step in enumerate(plan.steps, 1):
        if step.phase is not phase:
            phase = step.phase
            rows += [Content(), line((str(phase).upper(), "bold $muted"))]
        rows.append(_step(number, step, width))
    return page(rows)


def _step(number: int, step: PlannedStep, width: int) -> list[Content]:
    usual = f"usually {format_duration(step.usual)}" if step.usual is not None else ""
    manual = line(("■ by hand, you attest it  ", "$warn")) if step.manual else Content()
    title = line((f"{number:>2}  ", "$muted"), (step.title, "bold"))
    rows = [between(title, line(manual, (usual, "$muted")), width)]
    rows += hanging_indent(step.why, width, 4, style="$muted")
    for command in step.commands:
        rows += hanging_indent(command, width, INDENT, ("    $ ", "$muted"), "$accent")
    return rows


def _estimate(steps: tuple[PlannedStep, ...]) -> str:
    """How long it takes in all, as far as earlier runs tell."""
    known = [step.usual for step in steps if step.usual is not None]
    if not known:
        return "no earlier run to estimate the time by"
    missing = len(steps) - len(known)
    rest = f" and {missing} {'step' if missing == 1 else 'steps'} not timed yet" if missing else " in all"
    return f"about {format_duration(sum(known))}{rest}"
