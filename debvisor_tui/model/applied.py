"""Which migrations stand, from the DATABASE changes that were recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

from debvisor_tui.model.changes import Change


def applied_by(moved: Sequence[Change]) -> list[Mapping[str, Any]]:
    """The migrations that stand, oldest first; where that is not known, all that could.

    Where an attempt begins is what became of the one before it, should that never have been recorded.
    """
    applied: list[Mapping[str, Any]] = []
    for change in moved:
        if "revision" in change.before:
            applied = _up_to(applied, change.before["revision"], moved[0].before.get("revision"))
        pending = list(change.before.get("pending", ()))
        if "revision" not in change.after:  # the outcome was never recorded
            applied += pending
            continue
        reached = change.after["revision"]
        if reached == change.before.get("revision", ""):
            continue
        names = [m["revision"] for m in pending]
        if reached in names:
            applied += pending[: names.index(reached) + 1]
        else:
            name = reached or "base"
            brought = {"revision": name, "unknown": True, "destructive": True, "drops": [f"what {name} brought"]}
            applied += [*pending, brought]
    return list({m["revision"]: m for m in applied}.values())


def _up_to(applied: list[Mapping[str, Any]], revision: str | None, first: str | None) -> list[Mapping[str, Any]]:
    """What of `applied` stands in a database at `revision`; all of it if that is not on the way up from `first`."""
    if revision == first:
        return []
    names = [m["revision"] for m in applied]
    return applied[: names.index(revision) + 1] if revision in names else applied


def above(applied: Sequence[Mapping[str, Any]], stands: str | None, recorded: str | None) -> list[Mapping[str, Any]]:
    """What of `applied` is still to be undone by a database that went down to `stands` on its way to `recorded`."""
    return _up_to(list(applied), stands, recorded)
