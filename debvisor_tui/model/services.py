"""What runs of the service, as its platform tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from debvisor_tui.model.times import short_day


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`identity`: what tells this from what ran before: pid and start, or of a service of several parts {"parts":
    {name: what tells its start from another, "" if it does not run}}; no times for people.

    `text`: a few words for a sentence: "pid 4711". `since`: unix seconds of the newest start, None if not known.
    """

    identity: Mapping[str, Any]
    text: str
    since: float | None = None

    def named(self, now: float) -> str:
        """For a sentence: "pid 4711, started 22:14:02". `now`: unix seconds."""
        since = "" if self.since is None else f", started {short_day(self.since, now)}"
        return f"{self.text}{since}"

    def facts(self) -> dict[str, Any]:
        """As a PROCESS change and the evidence "process" hold it."""
        return {**self.identity, "started": self.since, "text": self.text}


def parts_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A state's identity (or facts) by part; of a service that is one thing its only part is ""."""
    if "parts" in facts:
        return dict(facts["parts"])
    return {"": {key: value for key, value in facts.items() if key not in FOR_PEOPLE}}


def same_parts(state: ServiceState, facts: Mapping[str, Any]) -> list[str]:
    """The parts that ran by recorded `facts` already, and are the same or do not run now."""
    now = parts_of(state.identity)
    return [name for name, was in parts_of(facts).items() if was and now.get(name, "") in ("", was)]


#: What in a PROCESS change's facts is for people, and tells nothing apart.
FOR_PEOPLE = frozenset({"started", "text"})


def is_recorded(state: ServiceState, facts: Mapping[str, Any]) -> bool:
    """Whether recorded `facts` mean this very state. Journals of before schema 0002 have times in place of ticks."""
    known = {key: value for key, value in facts.items() if key not in FOR_PEOPLE}
    if "pid" in known and "ticks" not in known:
        started = float(facts.get("started") or 0.0)
        return known["pid"] == state.identity.get("pid") and abs(started - (state.since or 0.0)) < 2.0
    return bool(known) and known == dict(state.identity)
