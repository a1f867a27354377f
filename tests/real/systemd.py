"""A real systemd, as PID 1 of a container: the tests' stand-in for a host that it runs.

`scripts/real_parts.sh` makes the image and starts Docker; a test that wants it fails where that was not done.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

IMAGE = "debvisor-systemd"
PATIENCE = 60.0  # seconds that a container may take to come up
#: What systemd as PID 1 wants of a container, without --privileged.
LEAVE = (
    "--cap-add=SYS_ADMIN",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
    "--env=container=docker",
)


@dataclass(frozen=True)
class Machine:
    """A booted container. `folder`: on this host, for the programs that reach into it."""

    name: str
    folder: Path

    def run(self, *argv: str, text: str | None = None, check: bool = True, user: str = "root") -> str:
        """What `argv` prints inside, stdout and stderr; AssertionError if it fails."""
        done = subprocess.run(
            ["docker", "exec", "-i", "-u", user, self.name, *argv],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{argv}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, text=text)

    def unit(self, name: str, service: str, unit: str = "") -> None:
        """Install the unit `name`, as an administrator does."""
        self.write(f"/etc/systemd/system/{name}", f"[Unit]\n{unit}\n[Service]\n{service}\n")
        self.run("systemctl", "daemon-reload")

    def programs(self, *names: str) -> Path:
        """A folder for PATH, in which `names` are the machine's own."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        for name in names:
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec docker exec -i {self.name} {name} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        return folder

    def reboot(self) -> None:
        """Everything in it ends, and it boots anew; what was on its disk is still there."""
        subprocess.run(["docker", "restart", "--time=10", self.name], capture_output=True, timeout=120, check=True)
        self.wait()

    def wait(self) -> None:
        """Until systemd is up."""
        end = time.monotonic() + PATIENCE
        state = ""
        while state not in {"running", "degraded"}:
            assert time.monotonic() < end, f"systemd did not come up: {state}"
            state = self.run("systemctl", "is-system-running", check=False).strip()
            time.sleep(0.2)


@contextmanager
def booted(name: str, folder: Path, *options: str) -> Iterator[Machine]:
    """A machine of that name, which is gone at the end."""
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, timeout=60, check=False)
    argv = [
        "docker",
        "run",
        "--detach",
        "--label=debvisor-test",
        f"--name={name}",
        *LEAVE,
        *options,
        IMAGE,
        "/lib/systemd/systemd",
    ]
    started = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert started.returncode == 0, f"scripts/real_parts.sh makes what this needs\n{started.stderr}"
    machine = Machine(name, folder)
    try:
        machine.wait()
        yield machine
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, timeout=60, check=False)
