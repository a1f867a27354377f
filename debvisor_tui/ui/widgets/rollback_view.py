"""The plan of the way back, drawn for a width: each action, what it goes back to, and what it costs."""

from textual.content import Content

from debvisor_tui.model.rollback import Action, RollbackPlan
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.state_marks import Mark
from debvisor_tui.ui.widgets.reflow import hanging_indent, page

INDENT = 16

WILL_DO = Mark("→", "will do", "bold $accent")
NOT_NEEDED = Mark("·", "not needed", "$muted")
OFF = Mark("○", "off", "$muted")
UNDECIDED = Mark("○", "off: decide", "bold $warn")
NEEDED = Mark("○", "off: NEEDED", "bold $danger")
BLOCKED = Mark("✗", "cannot", "bold $danger")
#: The glyphs of this screen, for the help.
ACTION_MARKS = (WILL_DO, NOT_NEEDED, OFF, UNDECIDED, NEEDED, BLOCKED)


def action_mark(action: Action, *, decided: bool = False) -> Mark:
    """`decided`: the operator has switched it."""
    if action.enabled:
        return WILL_DO
    if action.blocked:
        return BLOCKED
    if action.needed:
        return NEEDED if decided else UNDECIDED
    return OFF if action.switchable else NOT_NEEDED


def action_content(action: Action, decided: bool, width: int) -> Content:
    """One action in a few lines: its mark and title, what it does, why it is as it is, what it loses."""
    mark = action_mark(action, decided=decided)
    quiet = "" if action.enabled else "$muted"
    head = cell(line((f"{mark.glyph} {mark.word}", mark.style)), INDENT)
    title = line((action.title, "bold" if action.enabled else ""), ("  ", ""))
    if action.switchable:
        title = line(title, ("space ", "bold"), (f"switches it {'off' if action.enabled else 'on'}", "$muted"))
    rows: list[Content | list[Content]] = [line(head, title).truncate(width, ellipsis=True)]
    if action.does:
        rows.append(hanging_indent(action.does, width, INDENT, style=quiet))
    if action.blocked:
        rows.append(hanging_indent(action.blocked, width, INDENT, style="$danger"))
    elif action.note:
        rows.append(hanging_indent(action.note, width, INDENT, style="$danger" if mark is NEEDED else "$muted"))
    if action.loses:
        word = "! loses: " if action.enabled else "! would lose: "
        rows.append(hanging_indent(word + action.loses, width, INDENT, style="$danger"))
    return page(rows)


def notes_content(plan: RollbackPlan, width: int) -> Content:
    """What stands in the way, then what to know."""
    rows = [hanging_indent(blocker, width, 2, ("✗", "bold $danger"), "$danger") for blocker in plan.blockers]
    rows += [hanging_indent(warning, width, 2, ("!", "bold $warn"), "$warn") for warning in plan.warnings]
    return page(rows)


def loss_text(plan: RollbackPlan) -> str:
    """What the plan as it stands loses, for the last question; "" if nothing."""
    losses = [f"{action.title} loses {action.loses}." for action in plan.enabled if action.loses]
    return "\n".join([*losses, "This cannot be undone."] if losses else [])


def stays_lost_text(plan: RollbackPlan) -> str:
    """What the plan does not bring back, for the last question; "" if nothing."""
    lost = ", ".join(plan.stays_lost)
    return f"Not restored by this: {lost}, which {plan.from_version} took away." if lost else ""


def unmet_text(plan: RollbackPlan) -> str:
    """What the old release needs and the plan leaves out, for the last question; "" if nothing."""
    return "\n".join(f"{action.title}: {action.note or action.blocked}." for action in plan.unmet)
