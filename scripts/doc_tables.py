"""Writes the generated parts of the docs from the code; `--check` only says which are out of date.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; tests/house/test_docs.py holds it true.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ("README.md", "docs/architecture.md", "docs/operating.md", "docs/configuration.md", "docs/commands.md")

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def transitions(states: Mapping[Any, frozenset[Any]]) -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for old, new in states.items():
            in_order = [f"`{state}`" for state in type(old) if state in new]
            yield f"`{old}`", ", ".join(in_order) or "– (the end)"

    return table(("from", "to"), rows())


def run_states() -> str:
    from debvisor_tui.model.states import RUN_TRANSITIONS

    return transitions(RUN_TRANSITIONS)


def step_states() -> str:
    from debvisor_tui.model.states import STEP_TRANSITIONS

    return transitions(STEP_TRANSITIONS)


def steps() -> str:
    from debvisor_tui.model.playbook import RELEASE_STEPS, ROLLBACK_STEPS

    return table(
        ("phase", "step", "why it exists"),
        ((str(s.phase), f"`{s.id}`", s.why) for s in (*RELEASE_STEPS, *ROLLBACK_STEPS)),
    )


def gates() -> str:
    from debvisor_tui.model.gates import ANSWERS, NEEDS_REASON

    def answer(name: StrEnum) -> str:
        return f"{name}*" if name in NEEDS_REASON else str(name)

    return table(("gate", "answers"), ((f"`{k}`", ", ".join(map(answer, a))) for k, a in ANSWERS.items()))


def faults() -> str:
    from debvisor_tui.sandbox.faults import FAULTS

    return table(
        ("fault", "what goes wrong", "ship"), ((f"`{f.name}`", f.summary, f.version) for f in FAULTS.values())
    )


def config_keys() -> str:
    from debvisor_tui.config.schema_walk import all_keys, keys_of
    from debvisor_tui.config.settings import Settings
    from debvisor_tui.config.show import shown_default

    parts = []
    tables = dict.fromkeys(key.table for key in all_keys())
    for name in tables:
        field = Settings.model_fields[name.partition(".")[0].strip("[]")] if name else None
        title = f"### `[{name}]`\n\n{field.description}\n" if field else "### At the top of the file\n"
        rows = [
            (f"`{key.name}`", key.field.description or "", shown_default(key.field))
            for key in all_keys()
            if key.table == name
        ]
        parts.append(f"{title}\n{table(('key', 'what it is', 'default'), iter(rows))}\n")
    assert set(tables) >= set(keys_of(Settings)) - {"name", "production", "steps", "extra_step"}  # noqa: S101
    return "\n".join(parts).rstrip()


def commands() -> str:
    import typer

    from debvisor_tui.cli import main, playbook

    if not main.app.registered_groups:
        main._mount()

    parts = []
    for name, app in (("debvisor-tui", main.app), ("debvisor-cli", playbook.app)):
        parts += [_command(name, command) for name, command in walk(typer.main.get_command(app), name)]
    return "\n\n".join(parts)


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below `command`, itself first, with the words that call it."""
    yield name, command
    for inner in getattr(command, "commands", {}).values():
        if not inner.hidden:
            yield from walk(inner, f"{name} {inner.name}")


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    words = [(a.metavar or a.name.upper(), a.required) for a in arguments]
    usage = " ".join([name, *(word if needed else f"[{word}]" for word, needed in words)])
    help_ = (command.help or "").strip().partition("\n\n")[0]
    lines = [f"### `{usage}`", "", " ".join(help_.split())]
    rows = [
        (f"`{', '.join([*o.opts, *o.secondary_opts])}`", " ".join((o.help or "").split()))
        for o in options
        if not {"--help", "--install-completion", "--show-completion"} & set(o.opts)
    ]
    return "\n".join([*lines, *(["", table(("option", "what it does"), iter(rows))] if rows else [])])


def keys() -> str:
    """The keys of every screen, in the order in which an operator meets the screens."""
    from importlib import import_module
    from pkgutil import iter_modules

    from debvisor_tui.ui import screens
    from debvisor_tui.ui.app import DebvisorApp
    from debvisor_tui.ui.base import DebvisorScreen

    found: dict[str, dict[str, str]] = {}
    for info in iter_modules(screens.__path__):
        for item in vars(import_module(f"{screens.__name__}.{info.name}")).values():
            if not (isinstance(item, type) and issubclass(item, DebvisorScreen)):
                continue
            for binding in vars(item).get("BINDINGS", ()):
                scope = (binding.id or "").partition(".")[0].replace("_", " ").replace("-", " ")
                found.setdefault(scope, {})[binding.key_display or binding.key] = binding.tooltip
    found["everywhere"] = {b.key_display or b.key: b.tooltip for b in vars(DebvisorApp)["BINDINGS"]}
    order = ("home", "plan", "run", "rollback", "history", "record")

    def rows() -> Iterator[tuple[str, ...]]:
        for scope in sorted(found, key=lambda s: order.index(s) if s in order else len(order)):
            named = {"record": "one run's history"}.get(scope, scope)
            yield from ((named, f"`{key}`", tooltip) for key, tooltip in found[scope].items())

    return table(("screen", "key", "what it does"), rows())


PARTS: Mapping[str, Callable[[], str]] = {
    "run-states": run_states,
    "step-states": step_states,
    "steps": steps,
    "gates": gates,
    "faults": faults,
    "config-keys": config_keys,
    "commands": commands,
    "keys": keys,
}


def renewed(text: str) -> str:
    """`text` with every generated part as the code has it now."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found['name']]()}\n\n{found[3]}", text)


def main() -> int:
    stale = []
    for name in DOCS:
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = renewed(old)
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(new, encoding="utf-8")
    if stale:
        print("out of date:" if "--check" in sys.argv[1:] else "written:", ", ".join(stale))
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
