"""The transition tables: only what they allow happens, and every state leads somewhere or is an end."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.changes import ChangeState
from debvisor_tui.model.states import (
    ACTIVE_RUN_STATES,
    CHANGE_TRANSITIONS,
    DONE_STEP_STATES,
    ENDED_RUN_STATES,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    IllegalTransition,
    RunState,
    StepState,
    advance,
)

#: Each table, the state that all begins with, and those in which nothing more need happen.
TABLES: tuple[tuple[Mapping[Any, frozenset[Any]], StrEnum, frozenset[Any]], ...] = (
    (RUN_TRANSITIONS, RunState.PLANNED, ENDED_RUN_STATES),
    (STEP_TRANSITIONS, StepState.PENDING, DONE_STEP_STATES),
    (CHANGE_TRANSITIONS, ChangeState.INTENDED, frozenset({ChangeState.DONE, ChangeState.UNDONE})),
)
each_table = pytest.mark.parametrize(("table", "first", "ends"), TABLES, ids=["run", "step", "change"])


@each_table
@given(data=st.data())
def test_whatever_is_asked_only_what_the_table_allows_happens(
    table: Mapping[Any, frozenset[Any]], first: Any, ends: frozenset[Any], data: st.DataObject
) -> None:
    state, refused = first, 0
    for asked in data.draw(st.lists(st.sampled_from(type(first)), max_size=30)):
        if asked in table[state]:
            state = advance(state, asked)
            assert state is asked
        else:
            refused += 1
            with pytest.raises(IllegalTransition, match=f"{state} -> {asked}"):
                advance(state, asked)
    assert state in reached(table, first)


def reached(table: Mapping[Any, frozenset[Any]], first: Any) -> set[Any]:
    seen, frontier = {first}, {first}
    while frontier:
        frontier = {new for old in frontier for new in table[old]} - seen
        seen |= frontier
    return seen


@each_table
def test_every_state_is_reached_from_the_first_and_leads_to_an_end(
    table: Mapping[Any, frozenset[Any]], first: Any, ends: frozenset[Any]
) -> None:
    assert set(table) == set(type(first).__members__.values()) == reached(table, first)
    for state in table:
        assert reached(table, state) & ends, f"{state} never ends"
        assert state not in table[state], f"{state}: to stay is no move"
        assert first not in reached(table, state) - {state}, f"{state}: nothing begins anew"


def test_every_run_that_has_not_ended_can_still_be_rolled_back_or_is_being() -> None:
    for state in RunState:
        if state in {RunState.PLANNED, RunState.ROLLED_BACK, RunState.ROLLING_BACK}:
            continue
        assert RunState.ROLLING_BACK in RUN_TRANSITIONS[state], state


def test_an_ended_run_never_runs_again() -> None:
    for state in ENDED_RUN_STATES:
        assert RUN_TRANSITIONS[state] <= {RunState.ROLLING_BACK}
        assert not reached(RUN_TRANSITIONS, state) & {
            *ACTIVE_RUN_STATES,
            RunState.INTERRUPTED,
            RunState.SUCCEEDED,
        } - {state}
    assert RUN_TRANSITIONS[RunState.ROLLED_BACK] == frozenset()


def test_what_a_step_has_done_is_not_done_again() -> None:
    assert STEP_TRANSITIONS[StepState.SUCCEEDED] == frozenset()
    assert STEP_TRANSITIONS[StepState.SKIPPED] == frozenset()


def test_an_outcome_is_recorded_once_and_can_only_be_undone() -> None:
    for state in (ChangeState.DONE, ChangeState.FAILED):
        assert CHANGE_TRANSITIONS[state] == {ChangeState.UNDONE}
    assert CHANGE_TRANSITIONS[ChangeState.UNDONE] == frozenset()


@pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.PLANNED and s not in ENDED_RUN_STATES])
def test_a_run_that_goes_on_can_lose_its_runner(state: RunState) -> None:
    if state not in {RunState.ROLLING_BACK, RunState.INTERRUPTED}:  # a rollback has a run of its own
        assert RunState.INTERRUPTED in RUN_TRANSITIONS[state]
