"""The rollback planner: a pure function, so its promises are tested over all plans, not over examples alone."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.playbook import ExtraStep, Phase, RunKind, undo_place, with_extra
from debvisor_tui.model.rollback import Action, RollbackOptions, RollbackPlan, plan_rollback, undone_by


def migration(
    revision: str, *, destructive: bool = False, drops: tuple[str, ...] = (), up: str = ""
) -> dict[str, Any]:
    return {
        "revision": revision,
        "message": "",
        "destructive": destructive,
        "drops": list(drops),
        "irreversible": up,
    }


ADDITIVE = [migration("b2", drops=("node.region",)), migration("c3")]
DESTRUCTIVE = [*ADDITIVE, migration("d4", destructive=True)]


def database(
    pending: list[dict[str, Any]], reached: str | None = "", state: ChangeState = ChangeState.DONE
) -> Change:
    after = {"revision": pending[-1]["revision"] if reached == "" else reached}
    return Change(2, "upgrade", ChangeKind.DATABASE, "panel.db", state, {"revision": "a1", "pending": pending}, after)


CODE = Change(1, "pull", ChangeKind.CODE, "checkout", ChangeState.DONE, {"commit": "1" * 40, "version": "v1.0.0"}, {})
PROCESS = Change(3, "restart", ChangeKind.PROCESS, "panel", ChangeState.DONE, {"pid": 1}, {"pid": 2})
BACKUP = Change(0, "backup", ChangeKind.BACKUP, "22:14:02 (panel.db)", ChangeState.DONE, {}, {"tag": "pre-deploy-v1"})


def plan(
    *changes: Change, losses: dict[str, int | None] | None = None, begun: bool = False, **options: Any
) -> RollbackPlan:
    return plan_rollback(7, "v1.3.0", "v1.0.0", changes, RollbackOptions(**options), losses, begun=begun)


def action(of: RollbackPlan, step: str) -> Action:
    return next(a for a in of.actions if a.step == step)


def steps(of: RollbackPlan) -> list[str]:
    return [a.step for a in of.enabled]


def test_the_database_goes_down_by_the_recorded_revision_before_the_code_goes_back() -> None:
    way = plan(BACKUP, CODE, database(DESTRUCTIVE), PROCESS, losses={"node.region": 0})
    assert steps(way) == ["revert-database", "revert-release", "restart", "health"]
    down = action(way, "revert-database")
    assert down.facts == {"revision": "a1", "count": 3}
    assert "3 revisions" in down.does
    assert not way.loses_data
    assert not way.blockers


def test_additive_migrations_stay_unless_asked() -> None:
    way = plan(CODE, database(ADDITIVE), PROCESS)
    assert "revert-database" not in steps(way)
    assert not way.blockers
    asked = plan(CODE, database(ADDITIVE), PROCESS, database=True)
    assert steps(asked)[0] == "revert-database"
    assert "node.region (not counted)" in action(asked, "revert-database").loses


def test_going_down_with_loss_waits_for_the_operator_to_agree() -> None:
    changes = (CODE, database(DESTRUCTIVE), PROCESS)
    undecided = plan(*changes, losses={"node.region": 4})
    assert "revert-database" not in steps(undecided)
    assert "node.region (4 values)" in undecided.blockers[0]
    assert steps(plan(*changes, losses={"node.region": 4}, database=True))[0] == "revert-database"
    refused = plan(*changes, losses={"node.region": 4}, database=False)
    assert not refused.blockers
    assert "may not run" in refused.warnings[0]


def test_without_migrations_the_database_is_never_touched() -> None:
    way = plan(BACKUP, CODE, PROCESS, database=True)
    assert steps(way) == ["revert-release", "restart", "health"]
    assert "no migration was applied" in action(way, "revert-database").does


def test_of_a_failed_upgrade_only_what_was_applied_is_undone() -> None:
    way = plan(CODE, database(DESTRUCTIVE, reached="b2", state=ChangeState.FAILED))
    assert action(way, "revert-database").facts["count"] == 1
    assert "revert-database" not in steps(way), "only an additive revision was applied"
    nothing = plan(CODE, database(DESTRUCTIVE, reached="a1", state=ChangeState.FAILED))
    assert "nothing to undo" in action(nothing, "revert-database").does


def test_an_upgrade_whose_outcome_was_never_recorded_counts_as_applied() -> None:
    change = Change(
        2, "upgrade", ChangeKind.DATABASE, "db", ChangeState.INTENDED, {"revision": "a1", "pending": DESTRUCTIVE}, {}
    )
    assert action(plan(CODE, change), "revert-database").facts["count"] == 3


def test_no_way_down_is_said_and_points_to_the_backup() -> None:
    pending = [migration("b2", destructive=True, up="its downgrade is empty")]
    way = plan(BACKUP, CODE, database(pending), PROCESS)
    assert "b2" in action(way, "revert-database").blocked
    assert "backup" in way.blockers[0]
    restored = plan(BACKUP, CODE, database(pending), PROCESS, restore_backup=True)
    assert steps(restored) == ["revert-release", "restore-backup", "restart", "health"]
    assert not restored.blockers
    assert "22:14:02" in action(restored, "restore-backup").loses


def test_a_run_that_changed_nothing_needs_nothing() -> None:
    way = plan(BACKUP)
    assert steps(way) == []
    assert steps(plan(undone(CODE))) == []


def cut_off(pending: list[dict[str, Any]], after: dict[str, Any] | None = None) -> Change:
    before = {"revision": "a1", "pending": pending}
    state = ChangeState.INTENDED if after is None else ChangeState.FAILED
    return Change(2, "upgrade", ChangeKind.DATABASE, "panel.db", state, before, after or {})


def test_a_later_attempt_tells_what_became_of_one_whose_outcome_was_never_recorded() -> None:
    second = cut_off(DESTRUCTIVE, {"revision": "b2"})  # it began at a1: the first had moved nothing
    down = action(plan(CODE, cut_off(DESTRUCTIVE), second), "revert-database")
    assert down.facts["count"] == 1
    assert not down.needed, "d4, which takes something away, was never applied"
    stayed = cut_off(DESTRUCTIVE, {"revision": "a1"})
    assert "still at a1" in action(plan(CODE, cut_off(DESTRUCTIVE), stayed), "revert-database").does


def test_a_revision_that_nobody_announced_is_not_passed_over() -> None:
    moved = cut_off([], {"revision": "x9"})
    way = plan(CODE, moved)
    down = action(way, "revert-database")
    assert down.does == "down to a1"
    assert down.loses == "what x9 brought (not counted)"
    assert "x9" in down.note
    assert way.blockers
    assert steps(plan(CODE, moved, database=True))[0] == "revert-database"
    emptied = action(plan(CODE, cut_off(ADDITIVE, {"revision": None}), database=True), "revert-database")
    assert "emptied" in emptied.blocked


def test_without_a_record_of_where_it_stood_the_database_is_not_sent_to_base() -> None:
    blind = Change(2, "upgrade", ChangeKind.DATABASE, "panel.db", ChangeState.INTENDED, {"pending": DESTRUCTIVE}, {})
    way = plan(BACKUP, CODE, blind, database=True)
    assert action(way, "revert-database").blocked == "where it stood before was not recorded"
    assert "revert-database" not in steps(way)
    assert way.blockers


def test_code_whose_place_was_not_recorded_goes_back_to_where_the_run_began() -> None:
    blind = Change(1, "pull", ChangeKind.CODE, "checkout", ChangeState.INTENDED, {}, {})
    assert action(plan(blind), "revert-release").does == "back to v1.0.0"


def undone(change: Change) -> Change:
    return replace(change, state=ChangeState.UNDONE)


def test_once_the_code_is_back_the_database_may_still_go_down() -> None:
    """The old release may have refused to start on what it does not know."""
    assert steps(plan(BACKUP, undone(CODE), database(ADDITIVE), begun=True)) == ["restart", "health"]
    way = plan(BACKUP, undone(CODE), database(ADDITIVE), begun=True, database=True)
    assert not way.blockers
    assert steps(way) == ["revert-database", "restart", "health"]


def test_what_was_left_is_not_forgotten_by_a_retry_that_finds_it_there() -> None:
    stuck = replace(database(ADDITIVE), state=ChangeState.FAILED, after={"revision": "a1"})
    half = replace(stuck, after={"revision": "a1", "left": ["node.region is new"]})
    assert "node.region is new" in action(plan(CODE, half, stuck), "revert-database").blocked
    assert not action(plan(CODE, half, database(ADDITIVE)), "revert-database").blocked, "the retry went through"


def test_a_way_down_that_failed_in_the_middle_is_planned_from_what_is_left() -> None:
    down = Change(
        9,
        "revert-database",
        ChangeKind.DATABASE,
        "panel.db",
        ChangeState.FAILED,
        {"revision": "d4"},
        {"revision": "b2"},
    )
    whole = database(DESTRUCTIVE)

    def plan_from(*went_down: Change) -> Action:
        way = plan_rollback(7, "v1.3.0", "v1.0.0", [CODE, whole], RollbackOptions(database=True), went_down=went_down)
        return action(way, "revert-database")

    assert plan_from().does == "down 3 revisions to a1"
    assert plan_from(down).does == "down 1 revision to a1"
    assert plan_from(down).note.startswith("an earlier way down stopped at b2; ")
    left = replace(down, after={"revision": "b2", "left": ["node.region is gone"]})
    assert plan_from(left).blocked == "a migration was left half done: node.region is gone"
    assert plan_from(left, replace(down, after={})).blocked  # one that never got that far tells nothing new
    assert plan_from(replace(down, after={"revision": "a1"})).does == "nothing to undo: still at a1"


def test_that_the_old_release_does_not_know_where_the_database_stays_is_said_beforehand() -> None:
    way = plan(BACKUP, CODE, database(ADDITIVE))
    assert any("v1.0.0 does not know revision c3" in w and "will not come up" in w for w in way.warnings)
    assert not any("does not know" in w for w in plan(BACKUP, CODE, database(ADDITIVE), database=True).warnings)
    assert not any("does not know" in w for w in plan(BACKUP, CODE).warnings)


def test_what_a_failed_migration_left_needs_the_backup() -> None:
    left = ["node.region is new", "x is new"]
    half = replace(database(ADDITIVE), state=ChangeState.FAILED, after={"revision": "a1", "left": left})
    way = plan(BACKUP, CODE, half)
    assert action(way, "revert-database").blocked == "a migration was left half done: node.region is new; x is new"
    assert any("Restoring the backup is the way back" in blocker for blocker in way.blockers)
    assert not plan(BACKUP, CODE, half, restore_backup=True).blockers
    left_so = plan(BACKUP, CODE, half, database=False)
    assert not left_so.blockers
    assert any("half done" in warning for warning in left_so.warnings)


def test_a_rollback_that_failed_at_its_proof_can_be_planned_for_the_proof() -> None:
    changes = (undone(CODE), undone(PROCESS))
    assert steps(plan(*changes, begun=True)) == ["health"]
    assert steps(plan(*changes)) == [], "rolled back: nothing is left to do"


def test_a_restore_that_was_chosen_is_not_held_up_by_a_database_that_cannot_go_down() -> None:
    pending = [migration("b2", destructive=True, up="its downgrade is empty")]
    way = plan(BACKUP, CODE, database(pending), database=True, restore_backup=True)
    assert not way.blockers
    assert "restore-backup" in steps(way)


CHANGES = st.lists(
    st.one_of(
        st.just(CODE),
        st.just(PROCESS),
        st.just(BACKUP),
        st.builds(
            database,
            st.sampled_from([ADDITIVE, DESTRUCTIVE, [migration("b2", destructive=True, up="empty")]]),
            st.sampled_from(["", "a1", "b2"]),
            st.sampled_from([ChangeState.DONE, ChangeState.FAILED]),
        ),
    ),
    max_size=5,
)
OPTIONS = st.builds(RollbackOptions, st.sampled_from([None, True, False]), st.booleans())
LOSSES = st.dictionaries(st.just("node.region"), st.one_of(st.none(), st.integers(0, 5)))


@given(CHANGES, OPTIONS, LOSSES)
def test_every_plan_keeps_its_promises(
    changes: list[Change], options: RollbackOptions, losses: dict[str, int | None]
) -> None:
    way = plan_rollback(7, "v2", "v1", changes, options, losses)
    order = [a.step for a in way.actions]
    assert order == ["revert-database", "revert-release", "restore-backup", "restart", "health"]
    enabled = steps(way)
    assert not ({"revert-database", "restore-backup"} <= set(enabled)), "one or the other"
    if "revert-database" in enabled:
        down = action(way, "revert-database")
        assert not down.blocked
        assert options.database or not down.loses, "data is lost only if it was agreed to"
    assert ("restore-backup" in enabled) <= options.restore_backup
    if {"revert-release", "revert-database", "restore-backup"} & set(enabled):
        assert enabled[-2:] == ["restart", "health"], "the old release is proven to answer"
    if any(c.kind is ChangeKind.CODE for c in changes):
        assert "revert-release" in enabled


def test_what_the_release_took_away_stays_lost_unless_the_backup_is_restored() -> None:
    taking = [*ADDITIVE, migration("d4", destructive=True) | {"takes": {"node.notes": 12, "node.empty": 0, "old": 1}}]
    way = plan(BACKUP, CODE, database(taking), PROCESS, losses={"node.region": 0})
    assert way.stays_lost == ("12 values of node.notes", "1 row of old"), "what was empty is not lost"
    assert way.note == "12 values of node.notes, 1 row of old not restored"
    assert any("Only the backup of 22:14:02" in warning for warning in way.warnings)
    back = plan(BACKUP, CODE, replace(database(taking), state=ChangeState.UNDONE), PROCESS, begun=True)
    assert back.stays_lost == way.stays_lost, "going down first does not bring it back"
    restored = plan(BACKUP, CODE, database(taking), PROCESS, restore_backup=True)
    assert (restored.stays_lost, restored.note) == ((), "")
    unknown = [migration("d4", destructive=True) | {"takes": {"what d4 takes away, if anything": None}}]
    assert plan(CODE, database(unknown)).stays_lost == ("what d4 takes away, if anything (not counted)",)
    older = plan(CODE, database(DESTRUCTIVE))  # journaled before it was counted
    assert older.stays_lost == ("what d4 took away, if anything (not counted)",)
    only_half = plan(BACKUP, CODE, database(taking, reached="c3", state=ChangeState.FAILED))
    assert only_half.stays_lost == (), "the migration that takes it was not applied"


def test_why_the_old_release_needs_its_schema_back_is_said_of_every_migration() -> None:
    def why(*taken: dict[str, int | None] | None) -> str:
        pending = [
            migration(f"b{n}", destructive=True) | ({} if takes is None else {"takes": takes})
            for n, takes in enumerate(taken, 1)
        ]
        return action(plan(BACKUP, CODE, database(pending), PROCESS), "revert-database").note

    gone: dict[str, int | None] = {"node.notes": 12}
    assert "node.notes was removed or changed, and the old release may use it" in why(gone)
    assert "node.notes, old were removed or changed" in why(gone, {"old": 1, "node.notes": 12})
    assert "b1 took away or changed what the old release needs" in why({}), "as a rename does, and a NOT NULL"
    assert "what b1 took away is not known" in why(None), "in an older journal"
    whole = why(gone, {}, {"what b3 takes away, if anything": None})
    for part in ("node.notes was removed or changed", "what b3 took away is not known", "b2 took away or changed"):
        assert part in whole


def test_a_restore_says_which_rows_it_takes_with_it() -> None:
    def loses(written: dict[str, int | None] | None) -> str:
        changes = (BACKUP, CODE, database(ADDITIVE), PROCESS)
        way = plan_rollback(7, "v1.3.0", "v1.0.0", changes, RollbackOptions(restore_backup=True), written=written)
        return action(way, "restore-backup").loses

    assert loses({"vm": 200, "log": 14, "node": 0}).startswith("214 rows added since the backup of 22:14:02")
    assert "(vm 200, log 14)" in loses({"log": 14, "vm": 200})
    assert loses({"vm": 0}) == "no row was added since the backup of 22:14:02 (panel.db); every change to older rows"
    assert loses(None) == "every row written since the backup of 22:14:02 (panel.db) (not counted)"


def own(step: str, anchor: str, *, after: bool, state: ChangeState = ChangeState.DONE) -> Change:
    before = {"undo": ["undo", step], "shown": f"undo {step}", "place": undo_place(anchor, after)}
    return Change(50, step, ChangeKind.OWN, step.title(), state, before, {})


def test_what_a_configs_own_steps_did_is_undone_in_its_place() -> None:
    changes = [
        own("freeze", "backup", after=False),
        CODE,
        own("assets", "pull", after=True),
        own("drain", "restart", after=False),
        Change(
            9, "restart", ChangeKind.PROCESS, "pid", ChangeState.DONE, {"pid": 1, "ticks": 1}, {"pid": 2, "ticks": 2}
        ),
        own("warm", "restart", after=True),
        own("announce", "smoke", after=True, state=ChangeState.INTENDED),
    ]
    plan = plan_rollback(7, "v1.1.0", "v1.0.0", changes)
    steps = [action.step for action in plan.enabled]
    assert steps == [
        *("undo-announce", "undo-assets", "revert-release", "undo-warm", "restart", "health"),
        *("undo-drain", "undo-freeze"),
    ]
    drain = next(action for action in plan.actions if action.step == "undo-drain")
    assert (drain.title, drain.does, drain.facts["undo"]) == ("Undo Drain", "run undo drain", ["undo", "drain"])
    gone = [replace(change, state=ChangeState.UNDONE) for change in changes]
    assert plan_rollback(7, "v1.1.0", "v1.0.0", gone).enabled == ()


def test_an_undo_undoes_its_own_steps_change_alone() -> None:
    assert undone_by("undo-drain", "drain", ChangeKind.OWN)
    assert not undone_by("undo-drain", "warm", ChangeKind.OWN)
    assert not undone_by("undo-drain", "drain", ChangeKind.CODE)
    assert not undone_by("restart", "drain", ChangeKind.OWN)


def test_own_steps_stand_where_the_config_puts_them_in_its_order() -> None:
    def extra(step: str, anchor: str, after: bool) -> ExtraStep:
        return ExtraStep(step, step, "why", anchor, after)

    book = with_extra(
        [
            extra("a1", "pull", True),
            extra("a2", "pull", True),
            extra("b1", "upgrade", False),
            extra("z", "monitor", True),
        ]
    )
    ids = [spec.id for spec in book.release]
    assert ids[ids.index("pull") : ids.index("upgrade") + 1] == ["pull", "a1", "a2", "b1", "upgrade"]
    assert ids[-1] == "z"
    assert book.spec(RunKind.RELEASE, "a1").phase is Phase.DEPLOY
    assert [spec.id for spec in book.rollback[-4:]] == ["undo-a1", "undo-a2", "undo-b1", "undo-z"]
