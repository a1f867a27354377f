"""The rollback plan of a run, from the journal's records and the live database."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from debvisor_tui.config.settings import Settings
from debvisor_tui.model.changes import Change, ChangeKind
from debvisor_tui.model.errors import DebvisorError, UsageError
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan, plan_rollback
from debvisor_tui.model.states import BEGUN_ROLLBACK_STATES
from debvisor_tui.model.text import one_line
from debvisor_tui.model.views import RunSummary, RunView
from debvisor_tui.store.history import History

COUNTING = 5.0  # seconds for the rows of all tables; then they count as not counted


def release_of(history: History, run: int) -> RunSummary:
    """The release that rolling back `run` undoes: itself, or the one that rollback `run` was to undo."""
    summary = history.summary(run)
    if summary is None:
        raise UsageError(f"There is no run {run}.", "See them all: debvisor-tui history list")
    if summary.kind is RunKind.ROLLBACK and summary.of_run is not None:
        return release_of(history, summary.of_run)
    return summary


def last_release(history: History) -> RunSummary:
    """The newest release that can be rolled back; UsageError if there is none."""
    found = next(history.standing(), None)
    summary = history.summary(found.id) if found is not None else None
    if summary is None:
        raise UsageError("There is no release to roll back: no run has changed anything that was not undone.")
    return summary


async def plan_way_back(
    settings: Settings,
    history: History,
    run: int,
    options: RollbackOptions,
    *,
    count: bool = True,
    all_rows: bool = False,
) -> RollbackPlan:
    """The plan for release `run`; with `count`, the rows that going down would lose are counted on the database.

    `all_rows`: also those of every table that a restore would take with it, and what would keep the service from
    being restarted here, for who looks and can wait a moment.
    """
    release = release_of(history, run)
    view = history.run(release.id)
    assert view is not None  # noqa: S101 - it was there a line ago
    if newer := next(history.standing(after=release.id), None):
        raise UsageError(
            f"Run {release.id} is not the last one: {newer.version} (run {newer.id}) came after it.",
            f"Roll that one back first: debvisor-tui rollback {newer.id}",
        )
    losses: dict[str, int | None] = {}
    names = {
        str(name)
        for change in view.changes
        if change.kind is ChangeKind.DATABASE
        for migration in change.before.get("pending", ())
        for name in migration.get("drops", ())
    }
    if count and names:
        from debvisor_tui.tasks.data_loss import count_losses

        losses = await count_losses(settings, sorted(names))
    written = await _written(settings, view) if count and all_rows else None
    plan = plan_rollback(
        release.id,
        release.to_version,
        release.from_version,
        view.changes,
        options,
        losses=losses,
        begun=release.state in BEGUN_ROLLBACK_STATES,
        written=written,
        went_down=_went_down(history, release.id),
    )
    if all_rows and any(action.step == "restart" for action in plan.enabled):
        from debvisor_tui.tasks.plan import no_restart

        try:
            async with asyncio.timeout(COUNTING):
                found = await no_restart(settings)
        except TimeoutError:
            found = (f"whether the service can be restarted here was not told within {COUNTING:.0f} s",)
        ahead = tuple(f"The restart may fail: {one_line(why)}" for why in found)
        plan = replace(plan, warnings=(*plan.warnings, *ahead))
    return plan


def _went_down(history: History, release: int) -> list[Change]:
    """What the rollbacks of `release` have done to the database, in their order."""
    found: list[Change] = []
    for summary in history.runs():
        if summary.id <= release:
            break
        view = history.run(summary.id) if summary.of_run == release else None
        found = [*(c for c in view.changes if c.kind is ChangeKind.DATABASE), *found] if view else found
    return found


async def _written(settings: Settings, view: RunView) -> dict[str, int | None] | None:
    """The rows that each table has gained since the run's backup; None if that cannot be told."""
    verified = [e for e in view.evidence if (e.step, e.name) == ("backup", "verified")]
    held = verified[-1].value.get("rows") if verified else None
    if not isinstance(held, Mapping):
        return None
    from debvisor_tui.adapters.databases import opened

    try:
        async with asyncio.timeout(COUNTING):
            now = (await (await opened(settings)).contents()).rows
    except (DebvisorError, TimeoutError):
        return None
    return {name: max(count - int(held.get(name, 0)), 0) for name, count in now.items() if name != "alembic_version"}
