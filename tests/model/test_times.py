"""Times in a zone whose clocks are changed, and durations that nobody can change: Berlin, 2026."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model import times
from debvisor_tui.model.instants import Instant, elapsed


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    before = os.environ["TZ"]
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ["TZ"] = before
    time.tzset()


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_the_hour_that_comes_twice_says_which_one_it_is() -> None:
    now = at("2026-10-25T12:00:00")
    first, second = at("2026-10-25T00:14:02"), at("2026-10-25T01:14:02")
    assert times.local_day(first, now) == "02:14:02 CEST"
    assert times.local_day(second, now) == "02:14:02 CET"
    assert (times.local_time(first), times.local_time(second)) == ("2A:14:02", "2B:14:02")
    assert times.full_time(second) == "2026-10-25 02:14:02 CET"
    assert times.local_time(at("2026-10-25T02:14:02")) == "03:14:02"
    assert times.day_heading(first).startswith("Sunday, 2026-10-25")


@pytest.mark.parametrize(
    ("then", "now", "shown"),
    [
        ("2026-10-24T10:00:00", "2026-10-25T22:30:00", "yesterday 12:00"),  # the day has 25 hours
        ("2026-10-25T10:00:00", "2026-10-26T00:30:00", "yesterday 11:00"),
        ("2026-03-28T10:00:00", "2026-03-29T21:59:00", "yesterday 11:00"),  # this one 23
        ("2026-03-28T23:30:00", "2026-03-29T22:30:00", "yesterday 00:30"),
        ("2026-03-28T22:30:00", "2026-03-29T22:30:00", "2026-03-28 23:30"),
    ],
)
def test_yesterday_is_the_calendars(then: str, now: str, shown: str) -> None:
    assert times.local_day(at(then), at(now)) == shown


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_columns_keep_their_width(then: float, now: float) -> None:
    assert len(times.local_time(then)) == 8
    assert len(times.short_day(then, now)) <= 12
    assert len(times.numbered_day(then, now)) <= 11


@given(st.floats(-1e6, 4e9), st.floats(-1e6, 4e9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_duration_is_never_negative_and_the_wall_clock_does_not_change_it(
    wall: float, later: float, up: float, more: float
) -> None:
    same = elapsed(Instant(wall, up, "boot"), Instant(later, up + more, "boot"))
    assert same == pytest.approx(more, abs=1e-3)
    assert elapsed(Instant(wall, up, "boot"), Instant(later, 1.0, "another")) == max(later - wall, 0.0)
    assert elapsed(Instant(wall), Instant(later)) >= 0.0
