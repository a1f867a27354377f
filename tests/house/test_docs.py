"""The docs say what the code says: every command, key, fault and transition is in them, and none is out of date."""

import re
import subprocess
import sys
from pathlib import Path

import typer

from debvisor_tui.config.schema_walk import all_keys
from debvisor_tui.sandbox.faults import FAULTS

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT / "scripts"))

import doc_tables  # noqa: E402 - scripts/ is no package


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_generated_tables_are_up_to_date() -> None:
    stale = [name for name in doc_tables.DOCS if doc_tables.renewed(read(name)) != read(name)]
    assert stale == [], "run: python scripts/doc_tables.py"


def test_every_generated_part_stands_in_some_doc() -> None:
    named = {name for doc in doc_tables.DOCS for name in re.findall(r"<!-- generated: ([a-z-]+) -->", read(doc))}
    assert named == set(doc_tables.PARTS)


def commands() -> dict[str, list[str]]:
    """Every command of both programs, with its options."""
    from debvisor_tui.cli import main, playbook

    if not main.app.registered_groups:
        main._mount()
    found = {}
    for program, app in (("debvisor-tui", main.app), ("debvisor-cli", playbook.app)):
        for name, command in doc_tables.walk(typer.main.get_command(app), program):
            options = [o for p in command.params if p.param_type_name == "option" for o in p.opts]
            found[name] = [o for o in options if o.startswith("--") and o != "--help"]
    return found


def test_every_command_and_option_is_documented() -> None:
    text = read("docs/commands.md")
    headed = {part.partition("`")[0]: part for part in re.split(r"^### `", text, flags=re.MULTILINE)}
    sections = {re.split(r" (?=[A-Z\[-])", heading)[0]: part for heading, part in headed.items()}
    missing = [name for name in commands() if name not in sections]
    assert missing == []
    assert [f"{n} {o}" for n, options in commands().items() for o in options if o not in sections[n]] == []


def test_the_readme_names_every_command() -> None:
    text = read("README.md")
    block = text[text.index("## Command line") :]
    words = {name: name.split()[1:] for name in commands()}
    assert [name for name, parts in words.items() if any(not re.search(rf"\b{p}\b", block) for p in parts)] == []


def test_every_config_key_is_documented_with_its_table() -> None:
    text = read("docs/configuration.md")
    sections = dict(
        re.findall(r"^### (?:`\[)?(\[?[^\]\n]+?\]?)(?:\]`)?$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    at = {key.dotted: sections.get(key.table or "At the top of the file", "") for key in all_keys()}
    assert [dotted for dotted, section in at.items() if f"| `{dotted.rpartition('.')[2]}` |" not in section] == []


def test_every_fault_of_the_demo_is_documented() -> None:
    text = read("docs/operating.md")
    assert [name for name in FAULTS if f"`{name}`" not in text] == []


def test_links_between_the_docs_lead_somewhere() -> None:
    broken = []
    for doc in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", doc.read_text(encoding="utf-8")):
            if not (doc.parent / link).exists():
                broken.append(f"{doc.name}: {link}")
    assert broken == []


def test_the_check_of_the_generator_ends_with_0() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "doc_tables.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
