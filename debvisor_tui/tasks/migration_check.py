"""The migration check: what the release will do to the database, read from its code before any of it is in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from debvisor_tui.adapters.migrations.alembic import Pending, pending
from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.evidence import Effect, Migration
from debvisor_tui.model.findings import Finding, Found
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.wording import counted
from debvisor_tui.tasks.base import Job, StepContext
from debvisor_tui.tasks.data_loss import count_losses, in_words
from debvisor_tui.tasks.words import cli


class MigrationCheckTask:
    accepts: frozenset[str] = frozenset()

    def commands(self, settings: Settings, job: Job) -> tuple[str, ...]:
        return (cli(settings, "db", "check"),)

    async def run(self, ctx: StepContext) -> str:
        async with open_source(ctx.settings).code(ctx.job.new) as code:  # it need not be in place yet
            found = await pending(ctx.settings, ctx.execute, code)
        return await show(ctx, found)

    async def inspect(self, ctx: StepContext) -> Finding:
        return Finding(Found.NOT_DONE, "the check changes nothing: run it again")


async def show(ctx: StepContext, found: Pending, *, unseen: Sequence[str] = ()) -> str:
    """Show the operator what is pending, and ask if any of it is dangerous; what was found in one line.

    `unseen`: revisions that the check has not shown, with the release in place already: then it is asked in any case.
    """
    await ctx.evidence("migrations", summary(found), {**found.to_json(), "artifact": ctx.job.new.exact})
    for migration in found.migrations:
        for line in describe(migration):
            ctx.log(line)
    for refused in found.refused:
        ctx.log(f"refused while the release's code was looked at: {refused}")
    losses = await count_losses(ctx.settings, drops_on_the_way_up(found.migrations))
    warning = _unread(found, ctx.job.to_version) or warn(found.migrations, losses)
    if unseen:
        warning = _not_shown(found, unseen, warning)
    if warning is None:
        return summary(found)
    reply = await ctx.ask(GateKind.ACKNOWLEDGE, warning.question, detail=warning.detail, danger=warning.danger)
    return f"{summary(found)}; acknowledged by {reply.who}"


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


def warn(migrations: Sequence[Migration], losses: Mapping[str, int | None]) -> Danger | None:
    """None if nothing pending destroys anything and all of it has a way down."""
    dangers, detail = [], []
    for m in migrations:
        label = f"{m.revision}, {m.message}" if m.message else m.revision
        if m.unknown:
            dangers.append(f"what it does cannot be told: {m.unknown} (revision {label})")
        for op in m.operations:
            if op.destructive:
                count = losses.get(op.drops)
                held = f": {in_words(op.drops, count)}" if op.drops else ""
                held = ": it is empty, nothing is lost today" if op.drops and count == 0 else held
                word = {Effect.UNKNOWN: "not known: ", Effect.BREAKS: "the old release breaks: "}.get(op.effect, "")
                dangers.append(f"{word}{op.text}{held} (revision {label})")
        if m.irreversible:
            dangers.append(
                f"no way down: {m.irreversible}; only the backup brings the old schema back (revision {label})"
            )
        if m.destructive or m.irreversible:
            detail += describe(m)
    if not dangers:
        return None
    effects = {op.effect for m in migrations for op in m.operations}
    if Effect.DESTROYS in effects:
        question = "These migrations delete data. Continue?"
    elif Effect.UNKNOWN in effects or any(m.unknown for m in migrations):
        question = "What these migrations do to the data is not known. Continue?"
    elif Effect.BREAKS in effects:
        question = "The old release does not run on what these migrations make. Continue?"
    else:
        question = "These migrations have no complete way down. Continue?"
    return Danger(question, "\n".join(detail), "\n".join(dangers))


def drops_on_the_way_up(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(op.drops for m in migrations for op in m.operations if op.destructive and op.drops))


def summary(found: Pending) -> str:
    if found.elsewhere:
        return f"not known: the migrations were found in {found.elsewhere}, which is not the release's own code"
    if not found.migrations:
        return f"nothing is pending: the database is at {found.current or 'none'}, and so is the release"
    words = [f"{counted(len(found.migrations), 'migration')} pending, {found.current or 'none'} → {found.head}"]
    for name, some in (
        ("destructive", [m for m in found.migrations if m.destructive]),
        ("without a way down", [m for m in found.migrations if m.irreversible]),
    ):
        if some:
            words.append(f"{len(some)} {name}")
    return ", ".join(words)


def describe(migration: Migration) -> list[str]:
    """The migration for people, a line each: its name, then its operations with the destructive ones marked."""
    lines = [f"{migration.revision}  {migration.message}".rstrip()]
    lines += [f"  {op.effect.upper() + ' ' if op.effect else ''}{op.text}" for op in migration.operations]
    if migration.unknown:
        lines.append(f"  UNKNOWN  {migration.unknown}")
    if not migration.operations and not migration.unknown:
        lines.append("  does nothing")
    if migration.irreversible:
        lines.append(f"  NO WAY DOWN  {migration.irreversible}")
    return lines
