"""Bodies of the steps that have to do with the database: backup, migrations, upgrade, restore."""

from collections.abc import Sequence

from textual.content import Content

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.migration_answers import ASKED, Answer, Question, Verdict
from debvisor_tui.model.migration_record import MigrationRecord, migrations_of
from debvisor_tui.model.text import one_line, sanitise
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.views import RunView, StepView
from debvisor_tui.model.wording import format_bytes
from debvisor_tui.ui.drawing import Piece, cell, line
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

FEW = 5  # migrations that are shown in full, whatever they do
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
    rows = others(view, step, "migrations", "trial")
    record = migrations_of(view, step.id)
    if record is None:
        return page(rows, context)
    count = f"{len(record.pending)} pending" if record.pending else "nothing pending"
    where = f"{text_of(record.current, 'base')[:12]} → {text_of(record.head, 'base')[:12]}"
    rows.append(row("database", f"{where} · {count}"))
    if record.trial is not None:
        rows.append(row("tried", one_line(_tried_on(record.trial))))
    rows += [row("", told) for told in migration_counts(record)]
    return page([*rows, *migration_rows(record, sql=context.sql)], context)


def migration_counts(record: MigrationRecord) -> list[Content]:
    """How many of several are no small matter; of one, its own rows tell."""
    counts = []
    answered = list(record.answered())
    for question, verdict in ((q, v) for q in ASKED for v in (Verdict.BAD, Verdict.UNKNOWN)):
        many = sum(any((a.question, a.verdict) == (question, verdict) for a in said) for _, said in answered)
        if many and len(answered) > 1:
            counts.append(line((f"! {many} of {len(answered)}: {_SAID[question, verdict]}", "bold $danger")))
    return counts


def migration_rows(record: MigrationRecord, *, sql: bool = False) -> list[Content]:
    """Each with its answers, and its operations or, with `sql`, its SQL. Of many, those first that must be agreed to,
    and of the others their names."""
    answered = list(record.answered())
    many = len(answered) > FEW and not sql
    first = [one for one in answered if not many or _asked(one[1])]
    rows = [told for migration, said in first for told in _migration(migration, said, sql=sql)]
    others = [migration for migration, said in answered if many and not _asked(said)]
    if first and others:
        rows.append(line((f"the other {len(others)}:" if len(others) > 1 else "the other one:", "$muted")))
    return rows + [_name(migration, ("✓ ", "$ok")) for migration in others]


def _asked(said: Sequence[Answer]) -> list[Answer]:
    return [a for a in said if a.question in ASKED and a.verdict is not Verdict.GOOD]


def _name(migration: Migration, mark: Piece) -> Content:
    return line(mark, (migration.revision[:12], "$accent"), " ", (one_line(migration.message), "bold"))


_SAID = {
    (Question.DATA, Verdict.BAD): "loses data",
    (Question.DATA, Verdict.UNKNOWN): "not known what it does to the data",
    (Question.OLD_RELEASE, Verdict.BAD): "breaks the old release",
    (Question.OLD_RELEASE, Verdict.UNKNOWN): "not known whether the old release runs on it",
    (Question.WAY_DOWN, Verdict.BAD): "no complete way down",
    (Question.WAY_DOWN, Verdict.UNKNOWN): "not known whether there is a way down",
    (Question.BLOCKING, Verdict.BAD): "blocks",
    (Question.BLOCKING, Verdict.UNKNOWN): "not known how long it blocks",
    (Question.HALF_WAY, Verdict.BAD): "may stop half-way",
    (Question.HALF_WAY, Verdict.UNKNOWN): "not known whether it can stop half-way",
}


def _tried_on(trial: Trial) -> str:
    if trial.unknown:
        return f"no: {trial.unknown}"
    rows = f", {format_count(trial.rows)} rows" if trial.rows is not None else ""
    ended = f", up to {trial.failed.revision}, which fails" if trial.failed else ", up, down and up"
    if trial.refused:
        ended = f", up to {trial.refused.revision}, which could not be tried"
    return f"on a copy of {trial.of}{rows}{ended}, in {format_duration(trial.seconds)}"


def _migration(migration: Migration, said: Sequence[Answer], *, sql: bool) -> list[Content]:
    good = [a for a in said if a.verdict is Verdict.GOOD]
    bad = [a for a in said if a.verdict is not Verdict.GOOD]
    asked = _asked(said)
    rows = [_name(migration, ("! ", "bold $danger") if asked else ("✓ ", "$ok"))]
    if sql:
        written = sanitise(migration.sql).strip() or "No SQL could be written down: the revision asks the database."
        return [*rows, *(line(("  " + text.expandtabs(4), "")) for text in written.split("\n"))]
    for answer in asked:
        label = _SAID[answer.question, answer.verdict].upper()
        rows.append(line((f"  ! {label}: ", "bold $danger"), one_line(answer.text)))
    for answer in (a for a in bad if a not in asked):
        rows.append(line((f"  ~ {_SAID[answer.question, answer.verdict]}: ", "$muted"), one_line(answer.text)))
    if good:
        told = " · ".join(f"{answer.question}: {one_line(answer.text)}" for answer in good)
        rows.append(line(("  ✓ ", "$ok"), (told, "$muted")))
    for operation in migration.operations:
        text = one_line(operation.text)
        rows.append(line(("  - ", "$danger"), text) if operation.destructive else line(("  + ", "$ok"), text))
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
