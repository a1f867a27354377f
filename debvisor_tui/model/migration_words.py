"""Why an old release needs its schema back, in words, from what a DATABASE change keeps of each revision."""

from collections.abc import Mapping, Sequence
from typing import Any


def why_needed(destructive: Sequence[Mapping[str, Any]]) -> str:
    """Of every destructive revision: what it took or overwrote, or that this is not known, or that it breaks."""
    named: dict[str, None] = {}
    unknown, breaking = [], []
    for migration in destructive:
        takes = migration.get("takes")  # an older journal has none: then it is not known
        names = [name for name in takes or () if not name.startswith("what ")]
        named |= dict.fromkeys(names)
        if takes is None or len(names) < len(takes):
            unknown.append(str(migration["revision"]))
        elif not names:
            breaking.append(str(migration["revision"]))
    told = []
    if named:
        was = "was" if len(named) == 1 else "were"
        told.append(f"{', '.join(named)} {was} removed or changed, and the old release may use it")
    if unknown:
        told.append(f"what {', '.join(unknown)} took away is not known")
    if breaking:
        told.append(f"{', '.join(breaking)} took away or changed what the old release needs")
    return "; ".join(told)
