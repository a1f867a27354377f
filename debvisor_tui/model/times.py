"""Times as people read them, in the host's own time zone; for showing only, nothing is computed from these.

When the clocks go back, an hour comes twice. Where there is room its times name their zone ("02:14:02 CEST"); in
columns they are hours A and B ("2A:14:02", then "2B:14:02"), which keeps every column's width.
"""

from datetime import datetime, timedelta


def local_time(at: float) -> str:
    """`at` as HH:MM:SS, without its day."""
    return _narrow(datetime.fromtimestamp(at), "%H", ":%M:%S")


def short_day(at: float, now: float) -> str:
    """`at` in 12 cells at most: "22:14:02" if that was today, "16 Mar 22:14" this year, "16 Mar 2025" otherwise."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if then.date() == today.date():
        return local_time(at)
    return _narrow(then, "%d %b %H", ":%M") if then.year == today.year else then.strftime("%d %b %Y")


def numbered_day(at: float, now: float) -> str:
    """`at` in 11 cells at most: "22:14:02" if that was today, "03-16 22:14" otherwise."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    return local_time(at) if then.date() == today.date() else _narrow(then, "%m-%d %H", ":%M")


def local_day(at: float, now: float) -> str:
    """`at` as "22:14:02" if that was today, "yesterday 22:14" or "2026-03-01 22:14" otherwise."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if then.date() == today.date():
        return then.strftime("%H:%M:%S") + _zone(then)
    if then.date() == today.date() - timedelta(days=1):
        return then.strftime("yesterday %H:%M") + _zone(then)
    return then.strftime("%Y-%m-%d %H:%M") + _zone(then)


def full_time(at: float) -> str:
    """`at` with its day: "2026-03-01 22:14:02"."""
    then = datetime.fromtimestamp(at)
    return then.strftime("%Y-%m-%d %H:%M:%S") + _zone(then)


def date_of(at: float) -> str:
    """The day of `at`: "2026-03-01"."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d")


def day_heading(at: float) -> str:
    """The day of `at`: "Sunday, 2026-10-25"; on a day on which the clocks are changed also which time is meant."""
    then = datetime.fromtimestamp(at)
    midnight = then.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    changes = midnight.astimezone().utcoffset() != (midnight + timedelta(days=1)).astimezone().utcoffset()
    return then.strftime("%A, %Y-%m-%d") + (f" · {_zone_name(then)}" if changes else "")


def _comes_twice(then: datetime) -> bool:
    other = then.replace(fold=1 - then.fold)
    return other.timestamp() != then.timestamp()


def _zone(then: datetime) -> str:
    return f" {_zone_name(then)}" if _comes_twice(then) else ""


def _zone_name(then: datetime) -> str:
    return then.astimezone().strftime("%Z")


def _narrow(then: datetime, hour: str, rest: str) -> str:
    head = then.strftime(hour)
    if _comes_twice(then):
        head = head.removesuffix(f"{then.hour:02d}") + f"{then.hour}{'B' if then.fold else 'A'}"
    return head + then.strftime(rest)
