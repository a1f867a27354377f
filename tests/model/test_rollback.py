"""The rollback planner: a pure function, so its promises are tested over all plans, not over examples alone."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.rollback import Action, RollbackOptions, RollbackPlan, plan_rollback


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


def plan(*changes: Change, losses: dict[str, int | None] | None = None, **options: Any) -> RollbackPlan:
    return plan_rollback(7, "v1.3.0", "v1.0.0", changes, RollbackOptions(**options), losses)


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
    undone = Change(1, "pull", ChangeKind.CODE, "checkout", ChangeState.UNDONE, {"commit": "1"}, {})
    assert steps(plan(undone)) == []


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
