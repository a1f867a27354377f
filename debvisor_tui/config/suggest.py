"""The key that was probably meant, for one that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from debvisor_tui.config.schema_walk import STEP_IDS, Loc, all_keys, keys_of, lookup
from debvisor_tui.config.settings import Settings

#: Keys of the design that this version does not know yet, by their dotted place.
NOT_YET = frozenset({"review", "notify", "monitor.prometheus", "source.image"})


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` most resembles, dashes and case aside; None if none comes near."""
    plain = {k.lower().replace("-", "_"): k for k in known}
    asked = word.lower().replace("-", "_")
    close = get_close_matches(asked, plain, n=1, cutoff=0.66)
    return plain[close[0]] if close else None


def unknown_key(loc: Loc, data: Any = None) -> str:
    """What to say of the unknown key at `loc` of the file's `data`."""
    *_, key = (str(part) for part in loc)
    if ".".join(str(part) for part in loc) in NOT_YET:
        return "not supported by this version yet; leave it out"
    model, _ = lookup(loc, data)
    known = keys_of(model)
    if close := nearest_word(key, known):
        return f"unknown key; did you mean `{close}`?"
    # The classic slip of TOML: a key of the top that stands below a table's header.
    tables = list(dict.fromkeys(k.table for k in all_keys() if k.name == key))
    if tables == [""]:
        return "unknown key here; it belongs at the top of the file, before the first [table]"
    if tables:
        return f"unknown key here; it belongs into {' or '.join(f'[{t}]' for t in tables if t)}"
    where = "at the top of the file" if model is Settings else "here"
    return f"unknown key; {where} there are: {', '.join(known)}"


def unknown_step(name: str) -> str:
    """What to say of a step that the playbook does not have."""
    if close := nearest_word(name, STEP_IDS):
        return f"unknown step; did you mean `{close}`?"
    return f"unknown step; the steps are: {', '.join(STEP_IDS)}"
