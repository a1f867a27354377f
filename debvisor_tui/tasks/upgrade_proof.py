"""After an upgrade: has the database become what the trial had shown, and what has a failed revision left behind?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from debvisor_tui.model.evidence import Migration
from debvisor_tui.model.schema import Schema, differences
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.wording import counted

#: A running service removes rows of its own meanwhile (sessions, old events): so much of a table is no surprise.
SHARE: Final = 0.05
FEW: Final = 20


def broken_promises(
    migrations: Sequence[Migration],
    trial: Trial | None,
    after: Schema,
    rows_before: Mapping[str, int],
    rows_after: Mapping[str, int],
) -> tuple[str, ...]:
    """What is other than was shown, in words. Without a trial: which tables lost rows that nobody had announced."""
    found = list(_missing_rows(migrations, trial, rows_before, rows_after))
    if trial is not None and trial.schema is not None:
        found += [f"{change}, unlike on the copy" for change in differences(trial.schema, after)]
    return tuple(found)


def _missing_rows(
    migrations: Sequence[Migration],
    trial: Trial | None,
    rows_before: Mapping[str, int],
    rows_after: Mapping[str, int],
) -> Iterator[str]:
    # Its row counts are of all that it tried: after a part was applied earlier, they say nothing of the rest.
    whole = trial is not None and [m.revision for m in migrations] == [t.revision for t in trial.tried]
    shown = trial if trial is not None and whole and trial.schema is not None and trial.with_rows else None
    announced = {op.drops.partition(".")[0] for m in migrations for op in m.operations if op.destructive}
    may_go = any(m.destructive for m in migrations)
    touched = {name for tried in (trial.tried if trial else ()) for name in tried.touched}
    for table, had in rows_before.items():
        if shown is not None:
            if table not in shown.before:
                continue  # it was made since the copy
            then, after = shown.before[table], shown.after.get(table, 0)
            # Of what was to go, as much as there is now; what was to come does as it did.
            expected = had + after - then if after >= then else had * after // then
        elif table in announced or (may_go and table not in rows_after):
            continue
        else:
            expected = had
        has = rows_after.get(table, 0)
        missing = expected - has
        emptied = has == 0 and (had > FEW or table in touched)
        if missing > 0 and (emptied or missing > max(FEW, SHARE * had)):
            yield f"{table} has {counted(has, 'row')}, and had {had}: {missing} more are gone than was shown"


def left_behind(
    before: Schema, now: Schema, applied: Sequence[str], trial: Trial | None, *, moved: bool
) -> tuple[str, ...]:
    """What a revision that failed has left: the differences that are not those of the revisions `applied` before it.

    `moved`: the database stands above where it was. Then, without a trial, it cannot be told what is whose.
    """
    all_tried = trial.tried if trial else ()
    changed = {text.split(" ")[0] for tried in all_tried if tried.revision in applied for text in tried.changes}
    if moved and not changed:
        return ()
    return tuple(str(change) for change in differences(before, now) if change.name not in changed)
