"""The rollback planner over simulated releases, carried out on a model of the world, and over any records at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings, target
from hypothesis import strategies as st

from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.rollback import Action, RollbackOptions, RollbackPlan, plan_rollback, undone_by

ORDER = ["revert-database", "revert-release", "restore-backup", "restart", "health"]
CHAIN = ["a1", "b2", "c3", "d4", "e5"]
OLD, NEW = "1" * 40, "2" * 40

OPTIONS = st.builds(RollbackOptions, st.sampled_from([None, True, False]), st.booleans())
LOSSES = st.dictionaries(st.sampled_from(["node", "node.region"]), st.one_of(st.none(), st.integers(0, 2)))
MIGRATION = st.fixed_dictionaries(
    {
        "message": st.just(""),
        "destructive": st.booleans(),
        "drops": st.sampled_from([[], [], ["node"], ["node.region"]]),
        "irreversible": st.sampled_from(["", "", "", "its downgrade is empty"]),
    }
)


def migrations(draw: st.DrawFn) -> list[dict[str, Any]]:
    drawn = draw(st.lists(MIGRATION, max_size=4))
    return [{"revision": revision, **m} for revision, m in zip(CHAIN[1:], drawn, strict=False)]


@dataclass
class World:
    """`revision`: how many of the release's migrations stand. `runs`: the code that the service was started with."""

    code: str = OLD
    revision: int = 0
    runs: str = OLD
    pid: int = 1


@dataclass
class Release:
    """What happened to the world, and what the journal knows of it.

    `revisions`, `codes`, `pids`: what may stand, as far as the records tell.
    """

    pending: list[dict[str, Any]] = field(default_factory=list)
    world: World = field(default_factory=World)
    changes: list[Change] = field(default_factory=list)
    revisions: set[int] = field(default_factory=lambda: {0})
    codes: set[str] = field(default_factory=lambda: {OLD})
    pids: set[int] = field(default_factory=lambda: {1})

    def record(self, kind: ChangeKind, before: dict[str, Any], after: dict[str, Any], how: str) -> bool:
        """Whether the outcome is known: `how` "cut off" leaves the intent, "unknown" a failure without an outcome."""
        state = {"done": ChangeState.DONE, "cut off": ChangeState.INTENDED}.get(how, ChangeState.FAILED)
        known = how in {"done", "failed"}
        self.changes.append(Change(len(self.changes) + 1, kind, kind, "it", state, before, after if known else {}))
        return known


many = settings(max_examples=6 * settings().max_examples)
HOW = st.sampled_from(["done", "failed", "unknown", "cut off"])


@st.composite
def releases(draw: st.DrawFn) -> Release:
    """A release that may stop anywhere, each step tried again after whatever became of it before."""
    it = Release(migrations(draw))
    if draw(st.booleans()):
        it.record(ChangeKind.BACKUP, {}, {"tag": "pre-deploy-v2"}, draw(st.sampled_from(["done", "unknown"])))
    for _ in range(draw(st.integers(0, 3))):
        pull(it, draw(HOW), moves=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 3)) if it.world.code == NEW else 0):
        upgrade(it, draw(HOW), draw(st.integers(it.world.revision, len(it.pending))))
    for _ in range(draw(st.integers(0, 2)) if it.world.code == NEW else 0):
        restart(it, draw(HOW), moves=draw(st.booleans()))
    return it


def pull(it: Release, how: str, *, moves: bool) -> None:
    if it.world.code == NEW:
        return  # it is in place already: the task records no change
    before = {"commit": it.world.code, "version": "v1"}
    if moves or how == "done":
        it.world.code = NEW
    known = it.record(ChangeKind.CODE, before, {"commit": it.world.code, "version": "v2"}, how)
    # Also where a later pull finds the old commit: one that was cut off may have left files half written.
    it.codes |= {it.world.code} if known else {OLD, NEW}


def upgrade(it: Release, how: str, reaches: int) -> None:
    began = it.world.revision
    if began == len(it.pending):
        return
    it.world.revision = len(it.pending) if how == "done" else reaches
    before = {"revision": CHAIN[began], "pending": it.pending[began:]}
    known = it.record(ChangeKind.DATABASE, before, {"revision": CHAIN[it.world.revision]}, how)
    it.revisions = {it.world.revision} if known else set(range(began, len(it.pending) + 1))


def restart(it: Release, how: str, *, moves: bool) -> None:
    before = {"pid": it.world.pid, "ticks": it.world.pid}
    if moves or how == "done":
        it.world.pid += 1
        it.world.runs = it.world.code
    known = it.record(ChangeKind.PROCESS, before, {"pid": it.world.pid, "ticks": it.world.pid}, how)
    it.pids = {*it.pids, it.world.pid} if known else {*it.pids, it.world.pid, 99}


def plan_of(
    it: Release, options: RollbackOptions, losses: dict[str, int | None] | None = None, *, begun: bool = False
) -> RollbackPlan:
    return plan_rollback(7, "v2", "v1", it.changes, options, losses, begun=begun)


def carry_out(actions: Sequence[Action], it: Release) -> None:
    """Do `actions` to the world, each as its task would, and mark undone what the journal then marks."""
    world = it.world
    for action in actions:
        match action.step:
            case "revert-database":
                wanted = CHAIN.index(action.facts["revision"])
                assert wanted <= world.revision, "it never goes up"
                assert not any(m["irreversible"] for m in it.pending[wanted : world.revision])
                world.revision = wanted
            case "revert-release":
                world.code = action.facts["commit"]
            case "restore-backup":
                assert action.facts["tag"] == "pre-deploy-v2"
                world.revision = 0
            case "restart":
                world.runs, world.pid = world.code, world.pid + 1
        it.changes = [
            replace(c, state=ChangeState.UNDONE) if undone_by(action.step, c.step, c.kind) else c for c in it.changes
        ]


def action(of: RollbackPlan, step: str) -> Action:
    return next(a for a in of.actions if a.step == step)


def steps(of: RollbackPlan) -> list[str]:
    return [a.step for a in of.enabled]


@many
@given(releases(), OPTIONS, LOSSES)
def test_a_plan_that_is_carried_out_brings_back_what_stood_before_or_says_what_it_leaves(
    it: Release, options: RollbackOptions, losses: dict[str, int | None]
) -> None:
    way = plan_of(it, options, losses)
    target(float(len(way.enabled)))
    assert way == plan_of(it, options, losses), "the same records make the same plan"
    if way.blockers:
        assert not set(way.blockers) & set(way.warnings)
        return
    database = action(way, "revert-database")
    carry_out(way.enabled, it)
    assert (it.world.code, it.world.runs) == (OLD, OLD)
    stays = it.pending[: it.world.revision]
    if stays:
        assert not database.enabled
        assert database.does.startswith("down"), "what stays is told"
        if any(m["destructive"] for m in stays):
            assert options.database is False, "the operator chose to go back without it"
            assert way.warnings


@many
@given(releases(), OPTIONS, LOSSES)
def test_only_what_may_have_been_done_is_undone(
    it: Release, options: RollbackOptions, losses: dict[str, int | None]
) -> None:
    way = plan_of(it, options, losses)
    assert action(way, "revert-release").enabled == (it.codes != {OLD})
    database, highest = action(way, "revert-database"), max(it.revisions)
    assert database.facts.get("count", 0) == highest
    assert bool(database.facts) == (highest > 0)
    if highest:
        assert database.facts["revision"] == "a1"
        # A restore brings the old schema, too: then going down is not what the old release needs.
        restored = "restore-backup" in steps(way)
        assert database.needed == (not restored and any(m["destructive"] for m in it.pending[:highest]))
    touched = it.codes != {OLD} or database.enabled or it.pids != {1} or "restore-backup" in steps(way)
    assert ("restart" in steps(way)) == ("health" in steps(way)) == touched


@many
@given(releases(), OPTIONS, LOSSES, st.data())
def test_a_rollback_that_was_cut_off_is_planned_anew_for_the_rest_only(
    it: Release, options: RollbackOptions, losses: dict[str, int | None], data: st.DataObject
) -> None:
    first = plan_of(it, options, losses)
    if first.blockers or not first.enabled:
        return
    done = data.draw(st.integers(0, len(first.enabled) - 1))
    restarted = any(c.kind is ChangeKind.PROCESS for c in it.changes)
    carry_out(first.enabled[:done], it)
    if "restore-backup" in steps(first)[:done]:
        options = replace(options, restore_backup=False)  # it was restored: nobody asks for that again
    rest = plan_of(it, options, losses, begun=True)
    assert not rest.blockers
    expected = steps(first)[done:]
    if expected == ["health"] and not restarted:
        expected = ["restart", "health"]  # the release had restarted nothing, so no record tells of it
    assert steps(rest) == expected
    carry_out(rest.enabled, it)
    assert (it.world.code, it.world.runs) == (OLD, OLD)
    assert not set(steps(plan_of(it, replace(options, restore_backup=False)))), "all is undone"


# -- any records at all -------------------------------------------------------------------------------------------

REVISION = st.sampled_from([None, *CHAIN, "unheard-of"])
PENDING = st.lists(
    st.builds(lambda revision, m: {"revision": revision, **m}, st.sampled_from(CHAIN), MIGRATION),
    max_size=3,
    unique_by=lambda m: m["revision"],
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "revision": REVISION,
        "pending": PENDING,
        "commit": st.sampled_from([OLD, NEW]),
        "id": st.sampled_from(["sha256:1", "sha256:2"]),
        "version": st.sampled_from(["v1", "v2"]),
        "pid": st.integers(1, 2),
        "ticks": st.integers(1, 2),
        "tag": st.just("pre"),
    },
)
ANY_CHANGE = st.builds(
    Change,
    st.integers(1, 9),
    st.sampled_from(["backup", "pull", "upgrade", "restart"]),
    st.sampled_from(ChangeKind),
    st.just("it"),
    st.sampled_from(ChangeState),
    FACTS,
    FACTS,
)
#: The planner makes the most of these.
DATABASE_CHANGE = st.builds(
    Change,
    st.just(9),
    st.just("upgrade"),
    st.just(ChangeKind.DATABASE),
    st.just("it"),
    st.sampled_from(ChangeState),
    st.fixed_dictionaries({"pending": PENDING}, optional={"revision": REVISION}),
    st.fixed_dictionaries({}, optional={"revision": REVISION}),
)


@many
@given(st.lists(st.one_of(ANY_CHANGE, DATABASE_CHANGE), max_size=6), OPTIONS, LOSSES, st.booleans())
def test_whatever_was_recorded_the_plan_keeps_its_promises(
    changes: list[Change], options: RollbackOptions, losses: dict[str, int | None], begun: bool
) -> None:
    way = plan_rollback(7, "v2", "v1", changes, options, losses, begun=begun)
    assert [a.step for a in way.actions] == ORDER, "each once, the database first"
    enabled = steps(way)
    live = {c.kind for c in changes if c.state is not ChangeState.UNDONE and not c.is_noop}
    for of in way.actions:
        assert of.does
        assert not (of.enabled and of.blocked)
        assert not (of.switchable and of.blocked), "what cannot be done is not offered"
        agreed = options.database if of.step == "revert-database" else options.restore_backup
        assert agreed or not (of.enabled and of.loses), "data is lost only if that was agreed to"
        if of.needed and not of.enabled and "restore-backup" not in enabled:
            assert way.blockers or way.warnings, "what is missing is said"
    assert not {"revert-database", "restore-backup"} <= set(enabled), "one or the other"
    down = action(way, "revert-database")
    moved = [c for c in changes if c.kind is ChangeKind.DATABASE and c.state is not ChangeState.UNDONE]
    if moved and "revision" in moved[-1].after and "still at" in down.does:
        assert moved[-1].after["revision"] in {moved[-1].before.get("revision"), moved[0].before.get("revision")}
    if down.enabled:
        assert down.facts["revision"] == moved[0].before["revision"], "to where it was recorded, nowhere else"
    released = [c for c in changes if c.kind in RELEASED and c.state is not ChangeState.UNDONE and not c.is_noop]
    assert ("revert-release" in enabled) == bool(released)
    if released:
        assert action(way, "revert-release").facts == released[0].before
    assert ("restore-backup" in enabled) <= options.restore_backup
    if set(enabled) & {"revert-database", "revert-release", "restore-backup", "restart"}:
        assert enabled[-2:] == ["restart", "health"], "the old release is proven to answer"
    if begun:
        assert enabled[-1] == "health", "… also if all is undone, and only that is missing"
    elif not live:
        assert not enabled, "nothing was done that still stands"


RELEASED = {ChangeKind.CODE, ChangeKind.IMAGE}
