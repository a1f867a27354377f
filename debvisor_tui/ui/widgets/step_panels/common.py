"""What the bodies share: what they are given, and how facts become rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from debvisor_tui.model.evidence import Evidence
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import short_day
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.ui.drawing import Piece, cell, line, lines
from debvisor_tui.ui.widgets.reflow import hanging_indent


@dataclass(frozen=True, slots=True)
class RenderContext:
    """`width`: cells of a row. `sql`: the operator asked for the SQL preview. `now`: unix seconds."""

    width: int
    now: float
    sql: bool = False


#: Draws what `step` has established; an empty Content where there is nothing yet.
Body = Callable[[RunView, StepView, RenderContext], Content]

LABEL = 10  # cells of a row's name
INDENT = 4  # cells by which the rest of a row without a name is set in


def row(label: str, *pieces: Piece, style: str = "$muted") -> Content:
    return line(cell(label, max(LABEL, len(label) + 1), style), *pieces)


def page(rows: Iterable[Content], context: RenderContext) -> Content:
    """Rows under each other; one that is too long goes on below its own beginning, not below its label."""
    folded: list[Content] = []
    for one in rows:
        if one.cell_length <= context.width:
            folded.append(one)
            continue
        labelled = one.plain[:1] != " " and one.plain[LABEL - 1 : LABEL] == " "
        indent = LABEL if labelled else INDENT
        folded += hanging_indent(one[indent:], context.width, indent, one[:indent])
    return lines(folded)


def short(identity: object) -> str:
    return one_line(str(identity or "?"))[:7]


def text_of(value: object, fallback: str = "?") -> str:
    """A value of foreign JSON as one clean line."""
    return one_line(str(value)) if value not in (None, "") else fallback


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def last(found: Sequence[Evidence]) -> Mapping[str, Any] | None:
    return found[-1].value if found else None


def others(view: RunView, step: StepView, *drawn: str) -> list[Content]:
    """Rows for the evidence that the body itself does not draw: who attested, what inspection found."""
    attempt = step.attempt
    rows = []
    for fact in view.evidence:
        if (
            fact.step != step.id
            or fact.name in drawn
            or (attempt is not None and fact.attempt not in {attempt.id, None})
        ):
            continue
        if fact.name == "attested":
            said = mapping(fact.value)
            at = number(said.get("at")) or fact.at
            rows.append(
                row("attested", (f"✓ {text_of(said.get('by'))}", "$ok"), f" at {short_day(at, view.run.started_at)}")
            )
            rows.append(row("", text_of(said.get("statement"), "")))
        else:
            rows.append(row(fact.name, one_line(fact.text)))
    return rows


def plain(view: RunView, step: StepView, context: RenderContext) -> Content:
    """The body of a step that has none of its own: each fact in its own words."""
    return page(others(view, step), context)
