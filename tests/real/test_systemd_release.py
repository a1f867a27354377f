"""A release on a host that a real systemd runs: the service is a unit, and so is the runner that ships it."""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from systemd import PATIENCE, Machine, booted

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
HOST = """
import json, sys, tomlkit
from pathlib import Path
from debvisor_tui.sandbox.host import Sandbox
place, fault = Path(sys.argv[1]), sys.argv[2] or None
sandbox = Sandbox.create(place, monitor="2s", fault=fault)
config = tomlkit.parse(sandbox.config_path.read_text())
config["platform"] = {"kind": "systemd", "units": ["panel"], "settle": "1s"}
config["monitor"]["min_requests"] = 1
sandbox.config_path.write_text(tomlkit.dumps(config))
print(json.loads((place / ".debvisor-sandbox").read_text())["port"])
"""
ASK = "import json, sys, urllib.request as u; print(json.load(u.urlopen(sys.argv[1], timeout=5))['version'])"


class PanelHost:
    """The sandbox's panel in `place`, as a unit; its operator is `user`."""

    place = "/srv/panel"

    def __init__(self, machine: Machine, user: str, fault: str = "") -> None:
        self.machine, self.user = machine, user
        machine.run("sh", "-c", f"mkdir -p {self.place}; rmdir {self.place}; install -d -o {user} {self.place}")
        self.port = self.python(HOST, f"{self.place}/it", fault).split()[-1]
        self.place = f"{self.place}/it"
        machine.write("/etc/systemd/system/panel.service", self._unit())
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "panel")
        self.as_operator(sys.executable, f"{self.place}/panelctl", "start", "traffic")

    def _unit(self) -> str:
        facts = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PANEL_PORT": self.port,
            "PANEL_CACHE": f"{self.place}/data/cache",
            "PANEL_FAULTS": f"{self.place}/faults.json",
            "DATABASE_URL": f"sqlite:///{self.place}/data/panel.db",
        }
        environment = "\n".join(f"Environment={key}={value}" for key, value in facts.items())
        start = f"User={self.user}\nWorkingDirectory={self.place}/checkout\nExecStart={sys.executable} -m panel"
        return f"[Service]\n{environment}\n{start}\nRestart=on-failure\nRestartSec=200ms\n"

    def as_operator(self, *argv: str, check: bool = True) -> str:
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        inside = ("env", "-C", "/", f"HOME={home}", f"PYTHONPATH={ROOT}", "PYTHONDONTWRITEBYTECODE=1", *argv)
        return self.machine.run(*inside, check=check, user=self.user)

    def python(self, program: str, *argv: str) -> str:
        return self.as_operator(sys.executable, "-c", program, *argv)

    def command(self, *words: str) -> str:
        """`debvisor-tui WORDS`, for a shell."""
        return shlex.join([sys.executable, "-m", "debvisor_tui", "--config", f"{self.place}/debvisor.toml", *words])

    def tui(self, *words: str, code: int = 0) -> str:
        """What `debvisor-tui WORDS` prints, which ends with `code`."""
        told = self.as_operator("sh", "-c", f'{self.command(*words)}; echo "ended with $?"')
        assert told.endswith(f"ended with {code}\n"), told
        return told

    def version(self) -> str:
        return self.python(ASK, f"http://127.0.0.1:{self.port}/health/live").strip()

    def configure(self, change: str) -> None:
        """`change`: Python that alters `config`."""
        place = f"{self.place}/debvisor.toml"
        read = f"import pathlib, tomlkit\nplace = pathlib.Path({place!r})\nconfig = tomlkit.parse(place.read_text())"
        self.python(f"{read}\n{change}\nplace.write_text(tomlkit.dumps(config))")

    def until(self, step: str, state: str) -> None:
        """Wait until `step` of the first run is in `state`."""
        end, found = time.monotonic() + PATIENCE, ""
        while found != state:
            assert time.monotonic() < end, f"{step} is {found or 'not there'}, not {state}"
            begun = "release" in self.tui("history", "list")
            steps = self.run(1)["steps"] if begun else []
            found = next((s["state"] for s in steps if s["id"] == step), "")

    def run(self, number: int) -> Any:
        told = self.tui("history", "export", str(number))
        return json.loads(told[: told.rindex("ended with")])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    there = dict.fromkeys((str(ROOT), sys.base_prefix, sys.prefix))
    volumes = [f"--volume={path}:{path}:ro" for path in there if path != "/usr"]
    with booted(f"debvisor-host-{os.getpid()}", tmp_path, *volumes) as running:
        # What is Python's here lies below /root perhaps, and the operator there is another.
        running.run("chmod", "755", "/root")
        yield running


def test_a_release_goes_forward_and_back_by_a_runner_that_is_a_unit_itself(machine: Machine) -> None:
    host = PanelHost(machine, "root")
    assert host.version() == "v1.0.0"
    told = host.tui("release", "v1.1.0", "--headless", "--auto", "--yes")
    assert "run 1: succeeded" in told
    assert host.version() == "v1.1.0"
    run = host.run(1)
    assert {e["data"]["how"] for e in run["events"] if e["kind"] == "run-created"} == {"systemd-run"}
    (change,) = [c for c in run["changes"] if c["kind"] == "process"]
    assert set(change["before"]["parts"]) == set(change["after"]["parts"]) == {"panel.service"}
    invocation = machine.run("systemctl", "show", "-P", "InvocationID", "panel").strip()
    assert change["after"]["parts"]["panel.service"] == invocation != change["before"]["parts"]["panel.service"]
    assert "run 2: succeeded" in host.tui("rollback", "1", "--headless", "--yes")
    assert host.version() == "v1.0.0"


def test_a_release_that_crash_loops_fails_with_its_own_words_and_is_taken_back(machine: Machine) -> None:
    host = PanelHost(machine, "root", "crash")
    host.tui("release", "v1.1.0", "--headless", "--auto", "--yes", "--rollback-on-failure", code=4)
    run = host.run(1)
    (restart,) = [step for step in run["steps"] if step["id"] == "restart"]
    assert restart["state"] == "failed"
    assert "panel.service" in restart["error"]
    lines = [line["text"] for line in run["log"] if line["step"] == "restart"]
    mark = next(i for i, line in enumerate(lines) if line.startswith("the last lines of journalctl -u panel.service"))
    assert any(line.startswith("panel v1.1.0") for line in lines[mark:])
    assert not any("panel v1.0.0: starting" in line for line in lines[mark:]), "that was before the restart"
    assert host.version() == "v1.0.0"
    assert machine.run("systemctl", "is-active", "panel").strip() == "active"


def test_an_operator_who_is_not_root_is_told_which_rule_is_missing_before_anything_begins(machine: Machine) -> None:
    machine.run("useradd", "--create-home", "deploy")
    host = PanelHost(machine, "deploy")
    told = host.tui("release", "v1.1.0", "--headless", "--auto", "--yes", code=2)
    assert "sudo does not let deploy restart panel.service without a password" in told
    assert host.tui("history", "list") == "ended with 0\n", "nothing has begun"
    rule = next(line for line in told.replace("(visudo): ", "(visudo): \n").splitlines() if "NOPASSWD" in line)
    machine.write("/etc/sudoers.d/deploy", f"{rule}\n")
    machine.run("chmod", "440", "/etc/sudoers.d/deploy")
    assert "run 1: succeeded" in host.tui("release", "v1.1.0", "--headless", "--auto", "--yes")
    assert host.version() == "v1.1.0"


def test_a_release_that_a_reboot_has_cut_off_is_interrupted_and_taken_back(machine: Machine) -> None:
    host = PanelHost(machine, "root")
    host.configure('config["monitor"]["duration"] = "15m"')
    release = host.command("release", "v1.1.0", "--headless", "--auto", "--yes")
    host.as_operator("sh", "-c", f"{release} >/dev/null 2>&1 </dev/null &")
    host.until("monitor", "running")
    machine.reboot()
    machine.run("systemctl", "start", "panel")
    assert "interrupted" in host.tui("history", "show", "1")
    assert "run 2: succeeded" in host.tui("rollback", "1", "--headless", "--yes")
    assert host.version() == "v1.0.0"
    assert [host.run(n)["state"] for n in (1, 2)] == ["rolled-back", "succeeded"]
