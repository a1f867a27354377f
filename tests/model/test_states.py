"""The transition tables: only what they allow happens, and every state leads somewhere or is an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.states import (
    ENDED_RUN_STATES,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    IllegalTransition,
    RunState,
    StepState,
    advance,
)


@given(st.sampled_from(RunState), st.sampled_from(RunState))
def test_a_run_moves_only_as_the_table_allows(old: RunState, new: RunState) -> None:
    if new in RUN_TRANSITIONS[old]:
        assert advance(old, new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"{old} -> {new}"):
            advance(old, new)


@given(st.sampled_from(StepState), st.sampled_from(StepState))
def test_a_step_moves_only_as_the_table_allows(old: StepState, new: StepState) -> None:
    if new in STEP_TRANSITIONS[old]:
        assert advance(old, new) is new
    else:
        with pytest.raises(IllegalTransition):
            advance(old, new)


def test_every_run_that_has_not_ended_can_still_be_rolled_back_or_is_being() -> None:
    for state in RunState:
        if state in {RunState.PLANNED, RunState.ROLLED_BACK, RunState.ROLLING_BACK}:
            continue
        assert RunState.ROLLING_BACK in RUN_TRANSITIONS[state], state


def test_every_state_is_reached_from_the_first() -> None:
    seen, frontier = {RunState.PLANNED}, {RunState.PLANNED}
    while frontier:
        frontier = {new for old in frontier for new in RUN_TRANSITIONS[old]} - seen
        seen |= frontier
    assert seen == set(RunState)


def test_an_ended_run_never_runs_again() -> None:
    for state in ENDED_RUN_STATES:
        assert RUN_TRANSITIONS[state] <= {RunState.ROLLING_BACK}


def test_what_a_step_has_done_is_not_done_again() -> None:
    assert STEP_TRANSITIONS[StepState.SUCCEEDED] == frozenset()
    assert STEP_TRANSITIONS[StepState.SKIPPED] == frozenset()
