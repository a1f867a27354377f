"""`debvisor-cli` as the playbook has it: the commands verbatim, results on stdout, the rest on stderr, exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from sandboxes import make_sandbox

from debvisor_tui.sandbox.host import Sandbox

pytestmark = pytest.mark.slow


class Panel:
    """A sandbox whose service is not running: its database, its checkout, and the command line on them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.argv = [sys.executable, "-m", "debvisor_tui.cli.playbook"]
        self.environ = {**os.environ, "DEBVISOR_TUI_CONFIG": str(sandbox.config_path), "NO_COLOR": "1"}
        self.environ["DEBVISOR_TUI_STATE_DIR"] = str(sandbox.dir / "state")

    def cli(self, line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command `line` as it stands in the playbook; its exit code must be `code`."""
        done = subprocess.run(
            [*self.argv, *line.split()[1:]],
            env=self.environ,
            cwd=self.sandbox.dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def history(self) -> list[str]:
        """What `debvisor-tui history list` says."""
        argv = [sys.executable, "-m", "debvisor_tui", "history", "list"]
        done = subprocess.run(
            argv, env=self.environ, cwd=self.sandbox.dir, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    def put_in_place(self, version: str) -> None:
        checkout = self.sandbox.dir / "checkout"
        subprocess.run(["git", "-C", str(checkout), "checkout", "-q", version], check=True)


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[Panel]:
    sandbox = make_sandbox(tmp_path / "host")
    yield Panel(sandbox)
    sandbox.destroy()


def test_the_playbook_verbatim(panel: Panel) -> None:
    panel.cli("debvisor-cli backup create --type full --tag pre-deploy-v1.1.0")
    panel.put_in_place("v1.1.0")

    check = panel.cli("debvisor-cli db check").stdout
    assert check.startswith("2 migrations pending")
    assert "DESTROYS" not in check
    assert "2 migrations applied" in panel.cli("debvisor-cli db upgrade").stdout
    head = panel.cli("debvisor-cli db current").stdout.strip()
    assert f"{head}  " in panel.cli("debvisor-cli db history").stdout
    assert "(current, head)" in panel.cli("debvisor-cli db history").stdout
    assert panel.cli("debvisor-cli db downgrade -1").stdout.startswith("down 1 revision, " + head)
    panel.cli("debvisor-cli backup verify --tag pre-deploy-v1.1.0")
    restored = panel.cli("debvisor-cli backup restore --tag pre-deploy-v1.1.0 --yes")
    assert restored.stdout.startswith("restored pre-deploy-v1.1.0")
    assert "Every row written since is lost." in restored.stderr
    assert panel.cli("debvisor-cli db current").stdout.strip() != head
    backups = json.loads(panel.cli("debvisor-cli backup list --json").stdout)
    assert [b["tag"].split("-2")[0] for b in backups] == ["before-restore", "pre-deploy-v1.1.0"]

    kept = panel.history()
    assert [line.partition(" ran ")[2].partition(", 2")[0] for line in kept] == [
        "debvisor-cli backup restore --tag pre-deploy-v1.1.0",
        "debvisor-cli db downgrade -1",
        "debvisor-cli db upgrade",
    ], "the newest first"
    assert all(line.endswith(": done") for line in kept)


@pytest.mark.slow
def test_an_upgrade_by_hand_is_tried_first_and_what_fails_on_the_copy_is_not_begun(panel: Panel) -> None:
    panel.put_in_place("v1.1.0")
    broken = panel.sandbox.dir / "checkout" / "migrations" / "versions" / "b1f0a7c3d2e4_nodes_have_a_region.py"
    text = broken.read_text(encoding="utf-8")
    more = 'def upgrade() -> None:\n    op.execute("DELETE FROM no_such_table")\n'
    broken.write_text(text.replace("def upgrade() -> None:\n", more), encoding="utf-8")
    before = panel.cli("debvisor-cli db current").stdout
    said = panel.cli("debvisor-cli db upgrade", code=1).stderr
    assert "On a copy of the data: Revision b1f0a7c3d2e4" in said
    assert "Production was not touched" in said
    assert panel.cli("debvisor-cli db current").stdout == before
    broken.write_text(text, encoding="utf-8")
    done = panel.cli("debvisor-cli db upgrade")
    assert "tried on a copy of the database as it is now" in done.stderr
    assert "2 migrations applied" in done.stdout
    assert "tried" not in panel.cli("debvisor-cli db upgrade --no-trial").stderr


def test_db_check_marks_what_destroys_and_counts_it(panel: Panel) -> None:
    panel.put_in_place("v1.2.0")
    told = panel.cli("debvisor-cli db check").stdout
    assert "DESTROYS drop column node.notes" in told
    assert "data is lost: node.notes: all 12 values gone" in told
    assert "tried on a copy of the database as it is now" in told
    read = panel.cli("debvisor-cli db check --no-trial").stdout
    assert "drop column node.notes: 12 values" in read
    assert "tried" not in read
    document = json.loads(panel.cli("debvisor-cli db check --json").stdout)
    assert document["losses"] == {"node.notes": 12}
    last = document["answers"][document["head"]]
    assert [(a["question"], a["verdict"], a["tried"]) for a in last[:3]] == [
        ("data", "bad", True),
        ("old release", "bad", True),
        ("way down", "bad", True),
    ]
    assert document["destructive"] == ["c48d9e6a1b70", document["head"]]  # a unique index, and a column


def test_a_restore_without_a_terminal_needs_yes(panel: Panel) -> None:
    panel.cli("debvisor-cli backup create --tag nightly")
    refused = panel.cli("debvisor-cli backup restore --tag nightly", code=2)
    assert "--yes" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(("typed", "code", "said"), [("sandbox", 0, "restored nightly"), ("yes", 1, "Nothing was")])
def test_a_restore_asks_for_the_targets_name(panel: Panel, typed: str, code: int, said: str) -> None:
    panel.cli("debvisor-cli backup create --tag nightly")
    words = [*panel.argv[1:], "backup", "restore", "--tag", "nightly"]
    terminal = pexpect.spawn(panel.argv[0], words, env=panel.environ, encoding="utf-8", timeout=30)
    terminal.expect(r"Type the target's name \(sandbox\) to restore: ")
    terminal.sendline(typed)
    terminal.expect(said)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == code


def test_ctrl_c_at_the_question_ends_with_130(panel: Panel) -> None:
    panel.cli("debvisor-cli backup create --tag nightly")
    words = [*panel.argv[1:], "backup", "restore", "--tag", "nightly"]
    terminal = pexpect.spawn(panel.argv[0], words, env=panel.environ, encoding="utf-8", timeout=30)
    terminal.expect("to restore: ")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("debvisor-cli db downgrade --everything", 2, "is no place to go down to"),
        ("debvisor-cli db downgrade -99", 1, "not that many revisions"),
        ("debvisor-cli db downgrade nonsense", 1, "does not have revision nonsense"),
        ("debvisor-cli backup create --type half --tag x", 2, "half"),
        ("debvisor-cli backup create", 2, "--tag"),
        ("debvisor-cli backup verify --tag none", 1, "There is no backup tagged none"),
        ("debvisor-cli --target nowhere db check", 2, "nowhere"),
        ("debvisor-cli --config none.toml db check", 2, "none.toml"),
        ("debvisor-cli health live", 1, ""),
        ("debvisor-cli frobnicate", 2, "frobnicate"),
    ],
)
def test_what_is_wrong_is_said_on_stderr_with_its_exit_code(panel: Panel, line: str, code: int, said: str) -> None:
    assert said in panel.cli(line, code).stderr


def test_health_and_smoke_on_a_running_service(panel: Panel) -> None:
    panel.sandbox.start()
    try:
        assert panel.cli("debvisor-cli health live").stdout.startswith("live: answers 200")
        ready = json.loads(panel.cli("debvisor-cli health ready --json").stdout)
        assert ready["ok"] is True
        assert ready["parts"]["database"] == "ok"
        assert panel.cli("debvisor-cli smoke").stdout
    finally:
        panel.sandbox.stop()


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from debvisor_tui.cli import playbook; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sqlalchemy", "alembic", "httpx", "docker", "textual", "pydantic", "sqlite3", "asyncio.subprocess"}
    assert heavy.isdisjoint(loaded)


def test_nothing_is_moved_while_a_release_goes_on(panel: Panel, tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from debvisor_tui.runner.lock import TargetLock\n"
        "from debvisor_tui.runner.paths import TargetPaths\n"
        "places = TargetPaths(Path(sys.argv[1]), 'elsewhere'); places.prepare()\n"
        "TargetLock.acquire(places, 'anna', 'release v1.1.0', [Path(sys.argv[2])]); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    argv = [sys.executable, "-c", hold, str(tmp_path / "other"), str(panel.sandbox.dir / "checkout")]
    panel.cli("debvisor-cli backup create --type full --tag before")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            for line in ("db upgrade", "db downgrade -1", "backup restore --tag before --yes"):
                assert str(holder.pid) in panel.cli(f"debvisor-cli {line}", code=3).stderr
            panel.cli("debvisor-cli db check")  # looking disturbs nobody
        finally:
            holder.kill()
    assert "nothing to apply" in panel.cli("debvisor-cli db upgrade").stdout
