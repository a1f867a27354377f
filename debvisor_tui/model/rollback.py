"""The way back: a pure function from the recorded changes of a run to ordered actions with their cost.

The order (DESIGN, "Rollback"): the database goes down while the new release's code, which alone knows the way, is
still in place; then the code goes back; then restart; then proof that the old release answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from debvisor_tui.model.applied import above, applied_by
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.migration_words import why_needed
from debvisor_tui.model.playbook import CODE, STANDARD, UNDO, RunKind, spec


def undone_by(step: str, change_step: str, kind: ChangeKind) -> bool:
    """Whether a change of the release, of `kind` and made by `change_step`, is undone once the rollback's `step` has
    succeeded."""
    if step.startswith(UNDO):
        return kind is ChangeKind.OWN and change_step == step.removeprefix(UNDO)
    return any(kind in spec.undoes for spec in STANDARD.rollback if spec.id == step)


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """What the operator switched on or off. `database`: None lets the plan decide."""

    database: bool | None = None
    restore_backup: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"database": self.database, "restore_backup": self.restore_backup}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        database = data.get("database")
        return cls(
            database=None if database is None else bool(database),
            restore_backup=bool(data.get("restore_backup", False)),
        )


@dataclass(frozen=True, slots=True)
class Action:
    """One step of the way back.

    `does`: what it goes back to, exactly. `facts`: the same for the task that does it.
    `needed`: without it the old release is not back. `enabled`: it is part of the plan as it stands.
    `switchable`: the operator may switch it. `loses`: the data that it loses, in words, or "".
    `note`: why it is as it is. `blocked`: why it cannot be done, or "".
    """

    step: str
    title: str
    does: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    needed: bool = False
    enabled: bool = False
    switchable: bool = False
    loses: str = ""
    note: str = ""
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """`blockers`: why it may not be started as it stands, each with what to decide. `warnings`: what to know.

    `stays_lost`: what the release took away and this plan does not bring back: "12 values of node.notes".
    """

    run: int
    from_version: str  # what runs now
    to_version: str  # what is to run again
    actions: tuple[Action, ...]
    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    stays_lost: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What the end of this rollback must say, or ""."""
        return f"{', '.join(self.stays_lost)} not restored" if self.stays_lost else ""

    @property
    def enabled(self) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if action.enabled)

    @property
    def unmet(self) -> tuple[Action, ...]:
        """What the old release needs and this plan leaves out: it will not run, and the way down may be closed."""
        return tuple(action for action in self.actions if action.needed and not action.enabled)

    @property
    def loses_data(self) -> bool:
        return any(action.loses for action in self.enabled)


#: Rows that would be lost, by "table" or "table.column"; None where they could not be counted.
Losses = Mapping[str, int | None]


def plan_rollback(
    run: int,
    from_version: str,
    to_version: str,
    changes: Sequence[Change],
    options: RollbackOptions = RollbackOptions(),
    losses: Losses | None = None,
    *,
    begun: bool = False,
    written: Losses | None = None,
    went_down: Sequence[Change] = (),
) -> RollbackPlan:
    """Plan the way back of release `run`, which went from `to_version` to `from_version`.

    `changes` are all changes of the run; those that were undone already need nothing. `losses` are counted on the
    live database just before; what was not counted is taken for lost. `begun`: a rollback of it was begun, and not
    brought to its end: that the old release answers is still to be proven, whatever was undone already.
    `written`: the rows that each table has gained since the backup; None: not counted. `went_down`: what rollbacks of
    it have done to the database so far, also those that failed in the middle.
    """
    standing = [c for c in changes if c.state is not ChangeState.UNDONE]
    undone = {c.kind for c in changes if c.state is ChangeState.UNDONE}
    live = [c for c in standing if not c.is_noop]
    restore = _restore(live, options, written)
    went_back = bool(undone & CODE)
    code = _code(live, to_version, went_back=went_back)
    database = _database(standing, went_down, options, losses or {}, restoring=restore.enabled)
    process = any(c.kind is ChangeKind.PROCESS for c in live)
    moves = database.enabled or code.enabled or restore.enabled
    restarts = moves or process or (begun and ChangeKind.PROCESS not in undone)
    proves = restarts or begun
    restart = Action(
        "restart",
        spec(RunKind.ROLLBACK, "restart").title,
        "restart the service" if restarts else "nothing to undo: the service was not restarted",
        needed=restarts,
        enabled=restarts,
    )
    health = Action(
        "health",
        spec(RunKind.ROLLBACK, "health").title,
        f"{to_version} answers alive and ready" if proves else "nothing to prove",
        facts={"version": to_version},
        needed=proves,
        enabled=proves,
    )
    blockers: list[str] = []
    warnings: list[str] = []
    if restore.blocked and options.restore_backup:
        blockers.append(f"The backup cannot be restored: {restore.blocked}.")
    if database.needed and not database.enabled and not restore.enabled:
        if database.blocked:
            message = f"The database cannot go down: {database.blocked}. Restoring the backup is the way back."
            (warnings if options.database is False else blockers).append(message)
        elif options.database is None:
            blockers.append(
                f"{to_version} does not know the database as it is now. Going down loses data: {database.loses}. "
                "Switch it on to agree, or switch it off to go back without it."
            )
        else:
            warnings.append(f"{to_version} may not run: the database stays as {from_version} made it.")
    stays = applied_by([c for c in standing if c.kind is ChangeKind.DATABASE])
    if stays and not database.enabled and not restore.enabled and (code.enabled or went_back):
        come = "if it looks for that when it starts, it will not come up"
        then = "Then let the database go down" if went_back else "Going down is possible afterwards, too"
        warnings.append(
            f"{to_version} does not know revision {stays[-1]['revision']}, where the database stays: {come}. {then}."
        )
    if code.enabled and (stay := [str(what) for c in live if c.kind in CODE for what in c.before.get("stays", ())]):
        warnings.append(f"Putting the code back leaves this as {from_version} has made it: {', '.join(stay)}.")
    stays_lost = () if restore.enabled else _stays_lost(changes)
    if stays_lost:
        backups = [c for c in live if c.kind is ChangeKind.BACKUP and c.state is ChangeState.DONE]
        where = f"Only the backup of {backups[-1].subject} has that" if backups else "This run made no backup"
        warnings.append(f"Not restored by this: {', '.join(stays_lost)}, which {from_version} took away. {where}.")
    if options.database and database.blocked:
        blockers.append(f"The database cannot go down: {database.blocked}.")
    return RollbackPlan(
        run=run,
        from_version=from_version,
        to_version=to_version,
        actions=_in_order(_own(live), database, code, restore, restart, health),
        blockers=tuple(dict.fromkeys(blockers)),
        warnings=tuple(warnings),
        stays_lost=stays_lost,
    )


def _own(changes: Sequence[Change]) -> list[tuple[str, Action]]:
    """What the config's own steps did, the last first, each with the place where it is undone."""
    own = {c.step: c for c in changes if c.kind is ChangeKind.OWN and c.before.get("undo")}
    return [
        (
            str(change.before.get("place", "last")),
            Action(
                f"{UNDO}{step}",
                f"Undo {change.subject}",
                f"run {change.before.get('shown', change.before['undo'])}",
                facts={"undo": list(change.before["undo"]), "title": change.subject},
                needed=True,
                enabled=True,
            ),
        )
        for step, change in reversed(own.items())
    ]


def _in_order(own: Sequence[tuple[str, Action]], *standard: Action) -> tuple[Action, ...]:
    ordered = [action for place, action in own if place == "first"]
    for step in standard:
        ordered += [action for place, action in own if place == step.step]
        ordered.append(step)
    return (*ordered, *(action for place, action in own if place == "last"))


def _stays_lost(changes: Sequence[Change]) -> tuple[str, ...]:
    """What the migrations that were applied have taken away; going down brings the columns back, and no value."""
    # Also when the database went down before: what was lost then is not less lost now.
    moved = [c for c in changes if c.kind is ChangeKind.DATABASE]
    taken: dict[str, int | None] = {}
    for migration in applied_by(moved):
        harmful = migration.get("destructive") or migration.get("unknown")
        untold = {f"what {migration['revision']} took away, if anything": None} if harmful else {}
        taken |= migration.get("takes", untold)  # an older journal does not tell
    return tuple(
        f"{name} (not counted)" if count is None else f"{count} {_unit(name, count)} of {name}"
        for name, count in taken.items()
        if count != 0
    )


def _unit(name: str, count: int) -> str:
    unit = "value" if "." in name else "row"
    return unit if count == 1 else f"{unit}s"


def _database(
    changes: Sequence[Change],
    went_down: Sequence[Change],
    options: RollbackOptions,
    losses: Losses,
    *,
    restoring: bool,
) -> Action:
    """`changes`: all that were not undone, also what moved nothing: that tells where it stood."""
    title = spec(RunKind.ROLLBACK, "revert-database").title
    moved = [c for c in changes if c.kind is ChangeKind.DATABASE]
    if not moved:
        return Action("revert-database", title, "nothing to undo: no migration was applied")
    recorded = moved[0].before.get("revision")
    last = [*moved, *(c for c in went_down if "revision" in c.after)][-1]
    stopped = last.after["revision"] if last is not moved[-1] else ""  # where a way down has come to
    applied = above(applied_by(moved), stopped, recorded) if last is not moved[-1] else applied_by(moved)
    if left := _left_behind([*moved, *went_down]):
        return _half_done(title, left, restoring=restoring)
    if not applied:
        known = "revision" in last.after
        where = f"still at {recorded or 'base'}" if known else "no migration was pending"
        return Action("revert-database", title, f"nothing to undo: {where}")
    unknown = [m["revision"] for m in applied if m.get("unknown")]
    count = "" if unknown else "1 revision " if len(applied) == 1 else f"{len(applied)} revisions "
    does = f"down {count}to {recorded or 'base'}"
    facts = {"revision": recorded, "count": len(applied)}
    destructive = [m for m in applied if m.get("destructive")]
    blocked = "" if restoring else _blocked(moved, applied)
    loses = _loss([name for m in applied for name in m.get("drops", ())], losses)
    needed = bool(destructive)
    if unknown:
        why, proposed = f"this release did not announce {unknown[-1]}, nobody knows what it changed", False
    elif needed:
        why, proposed = why_needed(destructive), not loses
    else:
        why, proposed = "the migrations only add, so the old release runs on them", False
    if restoring:
        note, enabled = "not needed: the backup holds the old schema", False
    elif blocked:
        note, enabled = "", False
    else:
        enabled = proposed if options.database is None else options.database
        note = f"needed: {why}" if needed else f"not needed: {why}"
        if needed and options.database is False:  # the reason stays: now it is to be read
            note = f"NEEDED: {why}. Switched off, the old release will not run"
        if stopped:
            note = f"an earlier way down stopped at {stopped}; {note}"
    return Action(
        "revert-database",
        title,
        does,
        facts=facts,
        needed=needed and not restoring,
        enabled=enabled,
        switchable=not blocked and not restoring,
        loses=loses,
        note=note,
        blocked=blocked,
    )


def _left_behind(moves: Sequence[Change]) -> list[str]:
    """What a failed migration has left, unless the database has moved since: a retry finds it there already."""
    for change in reversed(moves):
        if left := list(change.after.get("left", ())):
            return left
        moved = change.after.get("revision", "") != change.before.get("revision", "")
        if "revision" in change.after and (moved or change.state is ChangeState.DONE):
            return []
    return []


def _half_done(title: str, left: Sequence[str], *, restoring: bool) -> Action:
    """A revision failed half-way: there is no way down from between two revisions."""
    blocked = "" if restoring else f"a migration was left half done: {'; '.join(left)}"
    note = "not needed: the backup holds the old schema" if restoring else ""
    does = "nothing to go down from: the last migration is neither done nor undone"
    return Action("revert-database", title, does, needed=not restoring, note=note, blocked=blocked)


def _blocked(moved: Sequence[Change], applied: Sequence[Mapping[str, Any]]) -> str:
    """Why the migrations `applied` cannot be undone, or ""."""
    if "revision" not in moved[0].before:
        return "where it stood before was not recorded"
    if moved[-1].after.get("revision", "") is None:
        return "it is at no revision any more: something else has emptied it"
    return next(
        (f"revision {m['revision']} has no way down ({m['irreversible']})" for m in applied if m.get("irreversible")),
        "",
    )


def _loss(names: Sequence[str], losses: Losses) -> str:
    parts = []
    for name in dict.fromkeys(names):
        count = losses.get(name)
        if count is None:
            parts.append(f"{name} (not counted)")
        elif count:
            parts.append(f"{name} ({count} {_unit(name, count)})")
    return ", ".join(parts)


def _code(changes: Sequence[Change], to_version: str, *, went_back: bool) -> Action:
    title = spec(RunKind.ROLLBACK, "revert-release").title
    moved = [c for c in changes if c.kind in CODE]
    if not moved:
        was = f"{to_version} is in place again" if went_back else "the release was not put in place"
        return Action("revert-release", title, f"nothing to undo: {was}")
    before = Artifact.from_facts(moved[0].before)
    # What was not recorded with the change is known of the run: the task goes back to the artifact it began at.
    does = f"back to {before.version or to_version}" + (f" ({before.short})" if before.exact else "")
    does += f", in the environment {before.environment}" if before.environment else ""
    return Action("revert-release", title, does, facts=dict(moved[0].before), needed=True, enabled=True)


def _restore(changes: Sequence[Change], options: RollbackOptions, written: Losses | None) -> Action:
    title = spec(RunKind.ROLLBACK, "restore-backup").title
    backups = [c for c in changes if c.kind is ChangeKind.BACKUP and c.state is ChangeState.DONE]
    if not backups:
        return Action(
            "restore-backup",
            title,
            "not possible",
            blocked="this run made no backup",
            note="this run made no backup",
        )
    change = backups[-1]
    return Action(
        "restore-backup",
        title,
        f"restore {change.after.get('tag', 'the backup')}",
        facts=dict(change.after),
        enabled=options.restore_backup,
        switchable=True,
        loses=_since(written, change.subject),
        note="last resort: only if nothing else brings the old release back",
    )


def _since(written: Losses | None, subject: str) -> str:
    """What a restore takes with it: the rows that were added since the backup, by table."""
    if written is None:
        return f"every row written since the backup of {subject} (not counted)"
    unknown = ", ".join(name for name, count in written.items() if count is None)
    gained = {name: count for name, count in written.items() if count}
    total = sum(gained.values())
    named = ", ".join(f"{name} {count}" for name, count in sorted(gained.items(), key=lambda item: -item[1]))
    since = f"added since the backup of {subject}"
    parts = [f"{total} {'row' if total == 1 else 'rows'} {since} ({named})" if total else f"no row was {since}"]
    parts += [f"not counted: {unknown}"] if unknown else []
    return "; ".join([*parts, "every change to older rows"])
