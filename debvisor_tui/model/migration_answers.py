"""The five questions that an operator has of each pending migration, answered by what was read and what was tried.

Never by silence: "no harm" needs a reason, and what nobody could find out is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.evidence import Effect, Migration
from debvisor_tui.model.trial import Trial, Tried
from debvisor_tui.model.wording import counted

NOTHING_TODAY = "nothing is lost today"
NOT_WHAT_WAS_LOST = "it brings the schema back, not what was lost"
SLOW = 1.0  # seconds that writers may wait before it is said


class Question(StrEnum):
    """In the order of what it costs not to know."""

    DATA = "data"  # Does it lose data?
    OLD_RELEASE = "old release"  # Does the release that runs now work on the new schema?
    WAY_DOWN = "way down"  # Is there a way down, and does it bring all back?
    BLOCKING = "blocking"  # Does it block the site?
    HALF_WAY = "half-way"  # Can it stop half-way?


#: What must be agreed to if it is not good; the others are to be known.
ASKED = (Question.DATA, Question.OLD_RELEASE, Question.WAY_DOWN)


class Verdict(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`text`: the fact, or why it is not known. `tried`: it was seen on a copy, not only read."""

    question: Question
    verdict: Verdict
    text: str
    tried: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"question": self.question, "verdict": self.verdict, "text": self.text, "tried": self.tried}


def answers(migration: Migration, trial: Trial | None) -> tuple[Answer, ...]:
    """One to each question, in their order."""
    tried = trial.get(migration.revision) if trial else None
    return (
        _data(migration, trial, tried),
        _old_release(migration, trial, tried),
        _way_down(migration, trial, tried),
        _blocking(tried),
        _half_way(migration, tried),
    )


def _not_tried(trial: Trial | None, tried: Tried | None) -> str:
    """Why the trial says nothing of it."""
    if tried is not None and tried.up.refused:
        return f"it could not be tried: {tried.up.refused[0]}"
    if tried is not None and tried.up.error:
        return f"it fails on the copy: {tried.up.error}"
    if trial is not None and trial.failed:
        return f"it was not tried: {trial.failed.revision} fails before it"
    if trial is not None and trial.refused:
        return f"it was not tried: {trial.refused.revision} could not be"
    if trial is not None and trial.unknown:
        return f"it was not tried: {trial.unknown}"
    return "it was not tried"


def _data(m: Migration, trial: Trial | None, tried: Tried | None) -> Answer:
    read = [op.drops for op in m.operations if op.effect is Effect.DESTROYS]
    unread = m.unknown or next((op.text for op in m.operations if op.effect is Effect.UNKNOWN), "")
    if trial and tried and tried.up.done and trial.with_rows:
        renamed = any(op.text.startswith("rename ") for op in m.operations)
        empty = [name for name in tried.empty if not renamed or name in read]
        gone = [f"{name} goes, and is empty" for name in empty]
        if tried.losses:
            return Answer(Question.DATA, Verdict.BAD, "; ".join([*map(str, tried.losses), *gone]), True)
        if gone:
            return Answer(Question.DATA, Verdict.BAD, f"{'; '.join(gone)}: {NOTHING_TODAY}", True)
        unseen = [name for name in (*tried.rewrites, *read) if trial.before.get(name.partition(".")[0]) == 0]
        if unseen:
            named = ", ".join(dict.fromkeys(unseen))
            return Answer(
                Question.DATA, Verdict.BAD, f"{named} removed or overwritten, and empty: {NOTHING_TODAY}", True
            )
        large = [table for table in tried.touched if table in trial.uncompared]
        told = [name for name in dict.fromkeys((*tried.rewrites, *read)) if name.partition(".")[0] in large]
        if told:
            text = f"{', '.join(told)} removed or overwritten; too many to count what of it"
            return Answer(Question.DATA, Verdict.BAD, text, True)
        if large and unread:
            text = f"{', '.join(large)}: too large to compare its values one by one ({unread})"
            return Answer(Question.DATA, Verdict.UNKNOWN, text, True)
        return Answer(Question.DATA, Verdict.GOOD, "no row and no value was lost", True)
    why = _not_tried(trial, tried)
    if tried and tried.up.done:
        why = "the copy had no rows"
    if unread:
        return Answer(Question.DATA, Verdict.UNKNOWN, f"{unread}; {why}" if trial else unread)
    if read:
        return Answer(Question.DATA, Verdict.BAD, f"{', '.join(read)} removed or changed; {why}")
    if tried and not tried.up.done:
        return Answer(Question.DATA, Verdict.UNKNOWN, why)
    return Answer(Question.DATA, Verdict.GOOD, f"by reading it removes nothing; {why}")


def _old_release(m: Migration, trial: Trial | None, tried: Tried | None) -> Answer:
    question = Question.OLD_RELEASE
    harmful = [op for op in m.operations if op.destructive and op.effect is not Effect.UNKNOWN]
    unread = m.unknown or next((op.text for op in m.operations if op.effect is Effect.UNKNOWN), "")
    if trial and tried and tried.up.done:
        if breaks := list(trial.breaks_of(m.revision)):
            return Answer(question, Verdict.BAD, "; ".join(map(str, breaks)), True)
        fit = trial.fit
        if narrows := [rule for rule in tried.narrows if not fit.knows(rule)]:
            text = f"{'; '.join(narrows)}: what it writes may be refused"
            return Answer(question, Verdict.BAD, text, True)
        if fit.tables and (fit.written == fit.tables or not harmful):
            text = f"it reads its {counted(fit.tables, 'table')}, and writes to {fit.written} of them"
            return Answer(question, Verdict.GOOD, text, True)
        if tried.cuts:
            return Answer(question, Verdict.BAD, "; ".join(tried.cuts), True)
        rewrites = any(op.text.startswith("SQL:") for op in harmful)  # what it makes of other values, nobody knows
        if tried.cuts is not None and not rewrites:
            return Answer(question, Verdict.GOOD, "nothing that it knows is gone or narrower", True)
        if not harmful and not unread:
            return Answer(question, Verdict.GOOD, f"by reading it runs on; it was not asked: {fit.unknown}")
    why = trial.fit.unknown if trial and trial.fit.unknown else ""
    if harmful:
        return Answer(question, Verdict.BAD, "; ".join(op.text for op in harmful))
    if unread or (tried and not tried.up.done):
        why = unread or _not_tried(trial, tried)
        return Answer(question, Verdict.UNKNOWN, why)
    if trial and tried and tried.up.done:
        return Answer(question, Verdict.UNKNOWN, why or "the schema does not only grow")
    return Answer(question, Verdict.GOOD, f"by reading it only adds; {_not_tried(trial, tried)}")


def _way_down(m: Migration, trial: Trial | None, tried: Tried | None) -> Answer:
    question = Question.WAY_DOWN
    down = tried.down if tried else None
    if down is not None:
        if down.refused:
            return Answer(question, Verdict.UNKNOWN, f"it could not be tried: {down.refused[0]}", True)
        if down.error:
            return Answer(question, Verdict.BAD, f"it fails on the copy: {down.error}", True)
        if m.irreversible and (stays := [*down.left, *down.other]):
            return Answer(question, Verdict.BAD, f"{m.irreversible}; {'; '.join(stays)}", True)
        if tried and tried.only_its_losses_stay:
            return Answer(question, Verdict.BAD, NOT_WHAT_WAS_LOST, True)
        if down.left:
            return Answer(question, Verdict.BAD, f"it does not bring all back: {'; '.join(down.left)}", True)
        again = tried.again if tried else None
        if again is not None and (again.error or again.left):
            text = f"after it, the way up is another: {again.error or '; '.join(again.left)}"
            return Answer(question, Verdict.BAD, text, True)
        uncounted = trial is not None and tried is not None and set(tried.touched) & set(trial.uncompared)
        if uncounted or (trial is not None and not trial.with_rows):
            but = f" but for this: {'; '.join(down.other)}" if down.other else ""
            text = f"the schema comes back{but}; whether the data does was not tried"
            return Answer(question, Verdict.UNKNOWN if m.destructive else Verdict.GOOD, text, True)
        if down.other:
            text = f"it brings back all that the old release needs; this stays: {'; '.join(down.other)}"
            return Answer(question, Verdict.GOOD, text, True)
        return Answer(question, Verdict.GOOD, "it brings all back", True)
    if m.irreversible:
        return Answer(question, Verdict.BAD, m.irreversible)
    stopped = next((t.revision for t in reversed(trial.tried) if t.down and not t.down.done), "") if trial else ""
    if any(op.unknown for op in m.down) or m.unknown:
        why = next((op.text for op in m.down if op.unknown), m.unknown)
        if stopped:
            why = f"it was not tried: going down stops before it, at {stopped}"
        return Answer(question, Verdict.UNKNOWN, why)
    not_tried = f": going down stops before it, at {stopped}" if stopped else ""
    return Answer(question, Verdict.GOOD, f"there is one; it was not tried{not_tried}")


def _blocking(tried: Tried | None) -> Answer:
    question = Question.BLOCKING
    if tried is None or not tried.up.done:
        return Answer(question, Verdict.UNKNOWN, "how long it takes is not known")
    seconds = tried.up.seconds
    took = f"{format_duration(seconds) if seconds >= SLOW else f'{seconds * 1000:.0f} ms'} on the copy"
    if seconds >= SLOW:
        return Answer(question, Verdict.BAD, f"{took}, in which others cannot write", True)
    return Answer(question, Verdict.GOOD, took, True)


def _half_way(m: Migration, tried: Tried | None) -> Answer:
    question = Question.HALF_WAY
    if tried is None:
        return Answer(question, Verdict.UNKNOWN, "whether it runs in a transaction is not known")
    if tried.whole:
        return Answer(question, Verdict.GOOD, "it is one transaction", True)
    if len(m.operations) <= 1 and len(tried.changes) <= 1 and not m.unknown:
        return Answer(question, Verdict.GOOD, "it is one change", True)
    return Answer(question, Verdict.BAD, "a failure leaves what went before it: no transaction is around it", True)


def heading(migration: Migration) -> str:
    return f"{migration.revision}  {migration.message}".rstrip()


def answer_lines(said: Sequence[Answer]) -> list[str]:
    marks = {Verdict.GOOD: "ok ", Verdict.BAD: "!  ", Verdict.UNKNOWN: "?  "}
    return [f"  {marks[a.verdict]}{a.question}: {a.text}" for a in said]


def describe(migration: Migration, trial: Trial | None = None) -> list[str]:
    """The migration for people, a line each: its name, the answers, then its operations."""
    lines = [heading(migration)]
    if trial is not None:
        lines += answer_lines(answers(migration, trial))
    lines += [f"  {op.effect.upper() + ' ' if op.effect else ''}{op.text}" for op in migration.operations]
    if migration.unknown:
        lines.append(f"  UNKNOWN  {migration.unknown}")
    if not migration.operations and not migration.unknown:
        lines.append("  does nothing")
    if migration.irreversible:
        lines.append(f"  NO WAY DOWN  {migration.irreversible}")
    return lines


def planned(migration: Migration, trial: Trial | None, taken: Mapping[str, int | None]) -> dict[str, Any]:
    """What a DATABASE change keeps of it, for the rollback planner. `taken`: counted on the live database just
    before, by name.

    "destructive": the old release does not run on what it makes, or nobody knows; "takes": what it took, which going
    down does not bring back; "drops": what going down takes away; "irreversible": why there is no way down.
    """
    tried = trial.get(migration.revision) if trial else None
    verdicts = {a.question: a.verdict for a in answers(migration, trial)}
    destructive = verdicts[Question.OLD_RELEASE] is not Verdict.GOOD
    if not (trial and trial.fit.tables):  # it was not asked: what it may use, it may need
        destructive = destructive or verdicts[Question.DATA] is not Verdict.GOOD
    if trial and tried and tried.up.done and trial.with_rows and verdicts[Question.DATA] is not Verdict.UNKNOWN:
        read = [op.drops for op in migration.operations if op.destructive and op.drops]
        now = {name: taken.get(name) for name in (*read, *tried.rewrites, *tried.empty)}
        large = [name for name in now if name.partition(".")[0] in trial.uncompared]
        gone = [name for name in now if name in tried.empty and now[name]]
        takes: dict[str, int | None] = {name: now[name] for name in (*large, *gone)}
        for loss in tried.losses:
            all_of_it = loss.count == loss.of and not loss.overwritten
            counted_now = taken.get(loss.name) if all_of_it else None
            takes[loss.name] = loss.count if counted_now is None else counted_now
    else:
        takes = {op.drops: taken.get(op.drops) for op in migration.operations if op.destructive and op.drops}
        if verdicts[Question.DATA] is Verdict.UNKNOWN:
            takes[f"what {migration.revision} takes away, if anything"] = None
    down = tried.down if tried else None
    drops = migration.drops_on_the_way_down
    if tried and down is not None and down.done:
        drops = (*tried.drops, *_deleted_on_the_way_down(migration))
    return {
        "revision": migration.revision,
        "message": migration.message,
        "destructive": destructive,
        "irreversible": f"it fails on a copy: {down.error}" if down and down.error else migration.irreversible,
        "drops": list(dict.fromkeys(drops)),
        "takes": takes,
    }


def _deleted_on_the_way_down(migration: Migration) -> list[str]:
    """Rows and values that its downgrade deletes or overwrites by SQL: on the copy there may have been none."""
    return [op.drops for op in migration.down if op.drops and op.text.startswith("SQL:")]


def names_taken(migrations: Sequence[Migration], trial: Trial | None) -> tuple[str, ...]:
    """The tables and columns that lose something, to be counted on the live database."""
    read = [op.drops for m in migrations for op in m.operations if op.destructive and op.drops]
    all_tried = trial.tried if trial else ()
    seen = [name for t in all_tried for name in (*(loss.name for loss in t.losses), *t.empty, *t.rewrites)]
    return tuple(dict.fromkeys([*read, *seen]))
