"""Bodies of the steps that have to do with the database: backup, migrations, upgrade, restore."""

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.evidence import Effect, Migration
from debvisor_tui.model.text import one_line, sanitise
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.model.wording import format_bytes
from debvisor_tui.ui.drawing import cell, line
from debvisor_tui.ui.units import format_count
from debvisor_tui.ui.widgets.step_panels.common import (
    RenderContext,
    last,
    mapping,
    number,
    others,
    page,
    row,
    sequence,
    text_of,
)

_EFFECTS = {
    Effect.DESTROYS: "DESTROYS DATA",
    Effect.BREAKS: "BREAKS THE OLD RELEASE",
    Effect.UNKNOWN: "NOT KNOWN",
    Effect.NONE: "",
}
TABLES = 6  # row counts shown one by one


def backup(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    made = last(view.found(step.id, "backup"))
    if made is not None:
        size = number(made.get("bytes"))
        rows += [
            row("file", text_of(made.get("path"))),
            row(
                "size",
                (format_bytes(size) if size is not None else "?", "bold"),
                f"   sha256 {text_of(made.get('sha256'))[:12]}",
                f"   revision {text_of(made.get('revision'), 'none')[:12]}",
            ),
        ]
    checked = last(view.found(step.id, "verified"))
    if checked is not None:
        proofs = [
            ("integrity", checked.get("integrity") == "ok"),
            ("read back", bool(checked.get("read_back"))),
            *([("restored", bool(checked["restored"]))] if checked.get("restored") is not None else []),
        ]
        rows.append(row("proved", Content("   ").join(_proof(what, good) for what, good in proofs)))
        rows += _row_counts(mapping(checked.get("rows")))
    return page([*rows, *others(view, step, "backup", "verified")], context)


def _proof(what: str, good: bool) -> Content:
    return line((f"✓ {what}", "$ok") if good else (f"✗ {what} failed", "bold $danger"))


def _row_counts(counts: object) -> list[Content]:
    tables = {text_of(k): int(number(v) or 0) for k, v in mapping(counts).items()}
    if not tables:
        return []
    largest = sorted(tables.items(), key=lambda item: -item[1])[:TABLES]
    named = " · ".join(f"{name} {format_count(count)}" for name, count in largest)
    more = f" · {len(tables) - TABLES} more tables" if len(tables) > TABLES else ""
    return [row("rows", (format_count(sum(tables.values())), "bold"), f"   {named}{more}")]


def migrations(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = others(view, step, "migrations")
    found = last(view.found(step.id, "migrations"))
    if found is None:
        return page(rows, context)
    pending = [Migration.from_json(mapping(m)) for m in sequence(found.get("pending"))]
    count = "nothing pending" if not pending else f"{len(pending)} pending"
    destroying = sum(any(op.effect is Effect.DESTROYS for op in m.operations) for m in pending)
    unknown = sum(bool(m.unknown) or any(op.effect is Effect.UNKNOWN for op in m.operations) for m in pending)
    rows.append(
        row(
            "database",
            f"{text_of(found.get('current'), 'base')[:12]} → {text_of(found.get('head'), 'base')[:12]} · {count}",
        )
    )
    if destroying:
        delete = "deletes" if destroying == 1 else "delete"
        rows.append(row("", (f"! {destroying} of them {delete} data", "bold $danger")))
    if unknown:
        rows.append(row("", (f"! {unknown} of them: not known what it does to the data", "bold $danger")))
    for migration in pending:
        rows += _migration(migration, context)
    return page(rows, context)


def _migration(migration: Migration, context: RenderContext) -> list[Content]:
    rows = [line((migration.revision[:12], "$accent"), " ", (one_line(migration.message), "bold"))]
    if context.sql:
        sql = sanitise(migration.sql).strip() or "No SQL could be written down: the revision asks the database."
        return [*rows, *(line(("  " + text.expandtabs(4), "")) for text in sql.split("\n"))]
    for operation in migration.operations:
        text = one_line(operation.text)
        if operation.destructive:
            takes = f": {one_line(operation.drops)}" if operation.drops else ""
            rows.append(line((f"  ! {_EFFECTS[operation.effect]}", "bold $danger"), (f"{takes}  ", "$danger"), text))
        else:
            rows.append(line(("  + ", "$ok"), text))
    if migration.unknown:
        rows.append(line(("  ! NOT KNOWN: ", "bold $danger"), one_line(migration.unknown)))
    if migration.irreversible:
        rows.append(line(("  ! no way down: ", "bold $danger"), one_line(migration.irreversible)))
    elif migration.drops_on_the_way_down:
        rows.append(
            line(("    going down drops ", "$muted"), ", ".join(map(one_line, migration.drops_on_the_way_down)))
        )
    return rows


def revisions(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    found = last(view.found(step.id, "revisions"))
    if found is not None:
        before, after = text_of(found.get("before"), "base")[:12], text_of(found.get("after"), "base")[:12]
        moved = (f"{before} → ", (after, "bold")) if before != after else (f"{after}, unchanged",)
        rows.append(row("database", *moved))
        for one in map(mapping, sequence(found.get("applied"))):
            seconds = number(one.get("seconds"))
            rows.append(
                line(
                    ("✓ ", "$ok"),
                    (text_of(one.get("revision"))[:12], "$accent"),
                    " ",
                    cell(text_of(one.get("message"), ""), max(context.width - 24, 8)),
                    cell("" if seconds is None else format_duration(seconds), 9, "$muted", right=True),
                )
            )
    return page([*rows, *others(view, step, "revisions")], context)


def restored(view: RunView, step: StepView, context: RenderContext) -> Content:
    rows = []
    found = last(view.found(step.id, "restored"))
    if found is not None:
        rows = [
            row("from", text_of(found.get("path"))),
            row("backup", f"{text_of(found.get('tag'))} · revision {text_of(found.get('revision'), 'none')[:12]}"),
            *_row_counts(found.get("rows")),
        ]
    return page([*rows, *others(view, step, "restored")], context)
