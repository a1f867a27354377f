"""Who may import whom: the contracts hold, they do break when broken, and a start imports only what it shows."""

import ast
import graphlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

HEAVY = ("textual", "rich", "sqlalchemy", "alembic", "httpx", "docker", "pydantic", "prometheus_client", "plotext")

#: Module → what must not come with it. What a screen shows first needs none of these.
LIGHT = {
    "debvisor_tui.cli.entry": (*HEAVY, "typer"),
    "debvisor_tui.cli.main": HEAVY,
    "debvisor_tui.cli.playbook": HEAVY,
    "debvisor_tui.ui.app": tuple(set(HEAVY) - {"textual", "rich"}),
    "debvisor_tui.model.views": (*HEAVY, "asyncio", "sqlite3"),
    "debvisor_tui.runner.client": tuple(set(HEAVY)),
    "debvisor_tui.config.load": ("textual", "rich", "sqlalchemy", "alembic", "httpx", "typer", "tomlkit"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contracts, to be broken."""
    shutil.copytree(ROOT / "debvisor_tui", tmp_path / "debvisor_tui", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("ui/broken.py", "from debvisor_tui.tasks import base", "The UI knows events, not tasks BROKEN"),
        ("tasks/broken.py", "import textual", "Only ui and cli import textual or rich BROKEN"),
        ("store/broken.py", "from debvisor_tui.runner import protocol", "Imports run one way BROKEN"),
        ("model/broken.py", "import pydantic", "The model is stdlib only BROKEN"),
    ],
)
def test_a_contract_breaks_when_it_is_broken(copy: Path, module: str, line: str, contract: str) -> None:
    (copy / "debvisor_tui" / module).write_text(f'"""Broken on purpose."""\n\n{line}\n', encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0
    assert contract in done.stdout


def test_a_new_layer_must_be_named_in_the_contract(copy: Path) -> None:
    (copy / "debvisor_tui" / "helpers").mkdir()
    (copy / "debvisor_tui" / "helpers" / "__init__.py").write_text('"""Where all goes."""\n', encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0
    assert "helpers" in done.stdout + done.stderr


def imports_of(package: Path) -> dict[str, set[str]]:
    """Which module of `package` imports which, late imports and those for the type checker counted."""
    files = {}
    for path in package.rglob("*.py"):
        if "template" not in path.parts:
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            files[name.removesuffix(".__init__")] = path
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                wanted = {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
                # A module that is named is what is meant, not the package it lies in.
                meant = {one for one in wanted if one in files}
                found[name] |= {one for one in meant if not any(o.startswith(f"{one}.") for o in meant)} - {name}
            elif isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names if alias.name in files} - {name}
    return found


def circle_in(package: Path) -> list[str]:
    try:
        graphlib.TopologicalSorter(imports_of(package)).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circle_in(ROOT / "debvisor_tui") == []


def test_a_late_import_that_closes_a_circle_is_found(copy: Path) -> None:
    module = copy / "debvisor_tui" / "ui" / "base.py"
    late = "\n\ndef late() -> None:\n    from debvisor_tui.ui.app import DebvisorApp\n"
    module.write_text(module.read_text(encoding="utf-8") + late, encoding="utf-8")
    assert "debvisor_tui.ui.app" in circle_in(copy / "debvisor_tui")


def loaded_by(code: str) -> set[str]:
    """The top-level names of all modules loaded after `code` ran in a fresh process."""
    report = "import sys; print('\\n'.join(sorted(m.partition('.')[0] for m in sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_a_module_brings_no_more_than_it_needs(module: str) -> None:
    assert loaded_by(f"import {module}") & set(LIGHT[module]) == set()


@pytest.mark.parametrize("program", ["debvisor_tui.cli.entry", "debvisor_tui.cli.playbook"])
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(program: str, option: str) -> None:
    code = (
        f"import sys; sys.argv = ['debvisor', {option!r}]\n"
        f"from {program} import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    assert loaded_by(code) & set(HEAVY) == set()


def test_every_module_says_in_a_sentence_what_it_is_for_and_none_is_long() -> None:
    bad = []
    for path in sorted((ROOT / "debvisor_tui").rglob("*.py")):
        if "template" in path.parts:  # the sandbox's service is a repository of its own
            continue
        text = path.read_text(encoding="utf-8")
        if not text.startswith('"""'):
            bad.append(f"{path.relative_to(ROOT)}: no docstring")
        if text.count("\n") > 400:
            bad.append(f"{path.relative_to(ROOT)}: more than 400 lines")
    assert bad == []


def test_one_layer_executes() -> None:
    """Commands are run by system/ alone; but for the runner itself, which is started to outlive its caller."""
    package = ROOT / "debvisor_tui"
    own = re.compile(
        r"^\s*(import|from) subprocess\b|create_subprocess|os\.(system|popen|exec|spawn|posix_s)\w*\(", re.M
    )
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "template" not in path.parts and own.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"system/execute.py", "system/call.py", "runner/launch.py"}


#: What only one kind's own files may speak of, and where else it stands, with the reason.
KINDS = {
    r"to_commit|from_commit|\bsha\b|rev-parse|ls-tree|refs/": {
        "adapters/sources/git/",
        "store/engine.py",  # journals of before schema 0004
        "store/migrations/",
        "model/changes.py",  # which keys the change of a git source has
        "model/artifacts.py",
        "system/execute.py",  # what of git's environment must not reach other commands
        "sandbox/",
    },
    r"pid_file|pid file": {"adapters/platforms/process.py", "config/platforms.py", "sandbox/"},
    r"(?i)sqlite": {
        "adapters/databases/sqlite/",
        "adapters/databases/__init__.py",  # its line in the registry
        "adapters/migrations/alembic_probe/",  # runs in the release's own Python, and closes what that can open
        "config/settings.py",  # an example
        "store/",
        "sandbox/",
    },
}


@pytest.mark.parametrize("words", KINDS)
def test_what_is_of_one_kind_is_named_in_its_own_files_alone(words: str) -> None:
    package, known = ROOT / "debvisor_tui", KINDS[words]
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "template" not in path.parts and re.search(words, path.read_text(encoding="utf-8"))
    }
    assert {name for name in found if not name.startswith(tuple(known))} == set()
