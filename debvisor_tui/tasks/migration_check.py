"""The migration check: what the release will do to the database, read and tried before any of it is in place."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.adapters.migrations.alembic import Pending, pending
from debvisor_tui.adapters.migrations.protocol import CodeRunner
from debvisor_tui.adapters.migrations.trial import try_on_copy
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.evidence import Effect, Migration
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.migration_answers import (
    ASKED,
    NOT_WHAT_WAS_LOST,
    NOTHING_TODAY,
    Answer,
    Question,
    Verdict,
    answers,
    describe,
)
from debvisor_tui.model.trial import Trial
from debvisor_tui.model.wording import counted
from debvisor_tui.system.failures import shown
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.data_loss import count_losses, in_words
from debvisor_tui.tasks.words import cli


class MigrationCheckTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (*map(shown, open_source(settings).obtain_commands(job.new)), cli(settings, "db", "check"))

    async def run(self, ctx: StepContext) -> str:
        source = open_source(ctx.settings)
        if obtained := await source.obtain(ctx, ctx.job.new):
            await ctx.evidence("environment", environment_in_words(obtained), obtained)
        async with source.code(ctx.job.new) as code, source.code() as old:  # the target need not be in place yet
            found = await pending(ctx.settings, ctx.execute, code)
            trial = await tried(ctx, found, code, old)
        return await show(ctx, found, trial)

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "the check touches nothing that runs: run it again")


def environment_in_words(obtained: Mapping[str, Any]) -> str:
    built = f"built in {format_duration(obtained['seconds'])}" if obtained["built"] else "there already"
    return f"{obtained['name']}, {built}"  # its path stands in the commands and in the log


async def tried(ctx: StepContext, found: Pending, new: CodeRunner, old: CodeRunner | None) -> Trial | None:
    """What comes of trying what was `found`, on the copy that this run's backup makes, or on one of the database."""
    wanted = ctx.settings.database.trial
    if not found.migrations or wanted == "none":
        return None
    if wanted == "tables":
        return await try_on_copy(ctx.settings, ctx, new, old, rows=False)
    backup = None
    for evidence in await ctx.recall("backup", "backup"):
        path = Path(str(evidence.value["path"]))
        if evidence.value.get("revision") != found.current:
            continue  # the database has moved since
        if await asyncio.to_thread(path.exists):
            backup = (str(evidence.value["tag"]), path)
    return await try_on_copy(ctx.settings, ctx, new, old, backup)


async def trial_of(ctx: StepContext) -> Trial | None:
    """What the check has tried of this release in this run."""
    for step in (ctx.step, "migration-check"):
        for evidence in reversed(await ctx.recall(step, "trial")):
            return Trial.from_json(evidence.value) if evidence.value.get("artifact") == ctx.job.new.exact else None
    return None


async def show(ctx: StepContext, found: Pending, trial: Trial | None, *, unseen: Sequence[str] = ()) -> str:
    """Show the operator what is pending, and ask if any of it is dangerous; what was found in one line.

    `unseen`: revisions that the check has not shown, with the release in place already: then it is asked in any case.
    WorkFailed if a revision fails on the copy.
    """
    exact = ctx.job.new.exact
    await ctx.evidence("migrations", summary(found, trial), {**found.to_json(), "artifact": exact})
    if trial is not None:
        await ctx.evidence("trial", summary_of(trial), {**trial.to_json(), "artifact": exact})
        ctx.log(summary_of(trial))
        if trial.open:
            ctx.log(f"while it was tried: {trial.open}")
    for migration in found.migrations:
        for line in describe(migration, trial):
            ctx.log(line)
    for refused in found.refused:
        ctx.log(f"refused while the release's code was looked at: {refused}")
    if trial is not None:
        require_tried(trial)
    losses = await count_losses(ctx.settings, drops_on_the_way_up(found.migrations))
    warning = _unread(found, ctx.job.to_version) or warn(found.migrations, losses, trial)
    if unseen:
        warning = _not_shown(found, unseen, warning)
    if warning is None:
        return summary(found, trial)
    reply = await ctx.ask(GateKind.ACKNOWLEDGE, warning.question, detail=warning.detail, danger=warning.danger)
    return f"{summary(found, trial)}; acknowledged by {reply.who}"


def require_tried(trial: Trial) -> None:
    """WorkFailed if a revision fails on a copy of the data."""
    if trial.with_rows and (failed := trial.failed):
        left = f" It leaves behind: {'; '.join(failed.up.left)}." if failed.up.left else ""
        raise WorkFailed(
            f"On a copy of the data: {failed.up.error}.{left}",
            "Production was not touched. Fix the migration or the data, and retry.",
        )


def _unread(found: Pending, version: str) -> "Danger | None":
    if not found.elsewhere:
        return None
    danger = (
        f"not known: the migrations that this host's interpreter finds are in {found.elsewhere}, and that is not the "
        f"code of {version}. What is pending will be shown, and asked about, at the upgrade, before it is applied."
    )
    return Danger(f"The migrations of {version} cannot be read before it is in place. Continue?", "", danger)


def _not_shown(found: Pending, unseen: Sequence[str], warning: "Danger | None") -> "Danger":
    them = "it" if len(unseen) == 1 else "them"
    question = f"The check has not shown {counted(len(unseen), 'migration')} that would be applied now. Apply {them}?"
    detail = "\n".join(line for migration in found.migrations for line in describe(migration))
    danger = f"not shown before: {', '.join(unseen)}"
    return Danger(question, detail, danger + (f"\n{warning.danger}" if warning else ""))


@dataclass(frozen=True, slots=True)
class Danger:
    """What the operator must agree to: `danger` is what is lost or cannot be undone, in plain words."""

    question: str
    detail: str
    danger: str


def warn(
    migrations: Sequence[Migration], losses: Mapping[str, int | None], trial: Trial | None = None
) -> Danger | None:
    """None if nothing pending destroys anything and all of it has a way down. `losses`: counted, by name."""
    dangers: list[str] = []
    detail: list[str] = []
    bad: set[tuple[Question, Verdict]] = set()
    nothing_today = True
    for m in migrations:
        label = f"{m.revision}, {m.message}" if m.message else m.revision
        found = [a for a in answers(m, trial) if a.question in ASKED and a.verdict is not Verdict.GOOD]
        for answer in found:
            bad.add((answer.question, answer.verdict))
            if answer.question is Question.DATA:
                nothing_today &= answer.tried and answer.text.endswith(NOTHING_TODAY)
            dangers += [f"{text} (revision {label})" for text in _in_full(m, answer, losses)]
        if found:
            detail += describe(m, trial)
    if not dangers:
        return None
    if (Question.DATA, Verdict.BAD) in bad:
        what = "remove what is empty today" if nothing_today else "delete data"
        question = f"These migrations {what}. Continue?"
    elif (Question.DATA, Verdict.UNKNOWN) in bad:
        question = "What these migrations do to the data is not known. Continue?"
    elif (Question.OLD_RELEASE, Verdict.BAD) in bad:
        question = "The old release does not run on what these migrations make. Continue?"
    elif (Question.OLD_RELEASE, Verdict.UNKNOWN) in bad:
        question = "Whether the old release runs on what these migrations make is not known. Continue?"
    else:
        question = "These migrations have no complete way down. Continue?"
    return Danger(question, "\n".join(detail), "\n".join(dict.fromkeys(dangers)))


def _in_full(m: Migration, answer: Answer, losses: Mapping[str, int | None]) -> list[str]:
    """What is lost, breaks or does not come back, a line each, with its count."""
    if answer.question is Question.WAY_DOWN:
        if answer.text == NOT_WHAT_WAS_LOST:
            return []  # that it is lost is told with the data
        if answer.verdict is Verdict.UNKNOWN:
            return [f"not known whether there is a way down: {answer.text}"]
        only = "" if answer.tried else "; only the backup brings the old schema back"
        return [f"no way down: {answer.text}{only}" if m.irreversible else f"the way down: {answer.text}"]
    if answer.question is Question.OLD_RELEASE:
        if answer.verdict is Verdict.UNKNOWN:
            return [f"not known whether the old release runs on it: {answer.text}"]
        if answer.tried:
            return [f"the old release breaks: {answer.text}"]
        breaks = [op for op in m.operations if op.effect is Effect.BREAKS]
        return [f"the old release breaks: {op.text}" for op in breaks]  # what destroys is told with the data
    if answer.tried:
        label = "data goes" if answer.text.endswith(NOTHING_TODAY) else "data is lost"
        return [f"{label}: {answer.text}"] if answer.verdict is Verdict.BAD else [f"not known: {answer.text}"]
    told = [f"what it does cannot be told: {m.unknown}"] if m.unknown else []
    for op in m.operations:
        if op.effect is Effect.UNKNOWN:
            told.append(f"not known: {op.text}")
        if op.effect is Effect.DESTROYS:
            count = losses.get(op.drops)
            told.append(
                f"{op.text}: {'it is empty, nothing is lost today' if count == 0 else in_words(op.drops, count)}"
            )
    return told or [f"not known: {answer.text}"]


def drops_on_the_way_up(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(op.drops for m in migrations for op in m.operations if op.destructive and op.drops))


def summary(found: Pending, trial: Trial | None = None) -> str:
    """What is pending, and how much of it is no small matter, in one line."""
    if found.elsewhere:
        return f"not known: the migrations were found in {found.elsewhere}, which is not the release's own code"
    if not found.migrations:
        return f"nothing is pending: the database is at {found.current or 'none'}, and so is the release"
    words = [f"{counted(len(found.migrations), 'migration')} pending, {found.current or 'none'} → {found.head}"]
    bad = [{a.question for a in answers(m, trial) if a.verdict is not Verdict.GOOD} for m in found.migrations]
    destructive = sum(bool(questions & {Question.DATA, Question.OLD_RELEASE}) for questions in bad)
    no_way_down = sum(Question.WAY_DOWN in questions for questions in bad)
    words += [f"{destructive} destructive"] if destructive else []
    words += [f"{no_way_down} without a complete way down"] if no_way_down else []
    return ", ".join(words)


def summary_of(trial: Trial) -> str:
    """What was tried, and on what, in one line."""
    held = f"{counted(trial.rows, 'row')}" if trial.rows is not None else "no rows"
    on = f"on a copy of {trial.of}, {held}, in {format_duration(trial.seconds)}"
    if trial.unknown:
        return f"not tried {on}: {trial.unknown}"
    if failed := trial.failed:
        return f"tried {on}: {failed.revision} fails"
    if refused := trial.refused:
        return f"tried {on}, but not {refused.revision} and what comes after it: {refused.up.refused[0]}"
    if not trial.with_rows:
        return f"tried {on}: the schema goes up and down; what becomes of the data is only read"
    lost = sum(bool(one.losses) for one in trial.tried)
    down = sum(one.down is None or not one.down.done or bool(one.down.left) for one in trial.tried)
    words = [f"{lost} of {len(trial.tried)} {'loses' if lost == 1 else 'lose'} data" if lost else "nothing is lost"]
    other = any(one.down is not None and one.down.other for one in trial.tried)
    back = "going down brings back all that the old release needs" if other else "going down brings all back"
    words += [f"the way down of {down} is not complete" if down else back]
    return f"tried {on}: {', '.join(words)}"
