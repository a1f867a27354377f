"""A real OpenSSH server on 127.0.0.1, and logins whose 80x24 screen is read as a person reads it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
from terminal import drawn

PATIENCE = 30.0  # seconds; every wait is bounded by it
SERVER = "/usr/sbin/sshd"  # it wants to be called by its whole path: it executes itself anew
SEPARATION = Path("/run/sshd")  # where it wants to be shut in; Debian makes it when the service starts
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/user_key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PrintMotd no
"""


def why_not() -> str:
    """Why there can be no server here, or ""."""
    if os.geteuid() != 0:
        return "only root can let people log in"
    missing = [name for name in (SERVER, "ssh", "ssh-keygen") if shutil.which(name) is None]
    return f"{missing[0]} is missing; .ci/provision installs it" if missing else ""


class Login:
    """One `ssh -tt` of root, with a shell; `screen` is what stands on its terminal."""

    def __init__(self, folder: Path, port: int) -> None:
        options = {"UserKnownHostsFile": folder / "known_hosts", "StrictHostKeyChecking": "accept-new"}
        arguments = ["-tt", "-F", "none", "-i", str(folder / "user_key"), "-p", str(port)]
        arguments += [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color"}
        self._ssh = pexpect.spawn("ssh", [*arguments, "root@127.0.0.1"], dimensions=(24, 80), env=environment)
        self._ssh.delaybeforesend = None
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def screen(self) -> str:
        return "\n".join(drawn(self._screen))

    @property
    def pid(self) -> int:
        return int(self._ssh.pid)

    def type(self, keys: str) -> None:
        self._ssh.send(keys)

    def read_until(self, *seen: str | Callable[[str], object]) -> None:
        """Read until all of `seen` is true of the screen (a text: stands on it) at once."""
        end = time.monotonic() + PATIENCE
        while not all(s in self.screen if isinstance(s, str) else s(self.screen) for s in seen):
            assert time.monotonic() < end, f"waited in vain for {seen}; the screen:\n{self.screen}"
            try:
                self._stream.feed(self._ssh.read_nonblocking(65_536, timeout=0.1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                raise AssertionError(f"the line is closed; the screen:\n{self.screen}") from None

    def decide(self, keys: str, *seen: str | Callable[[str], object]) -> None:
        """Type an answer until it is taken: what comes just after its question was painted answers nothing."""
        end = time.monotonic() + PATIENCE
        while True:
            self.type(keys)
            again = time.monotonic() + 1.0
            while time.monotonic() < again:
                if all(s in self.screen if isinstance(s, str) else s(self.screen) for s in seen):
                    return
                with contextlib.suppress(pexpect.TIMEOUT):
                    self._stream.feed(self._ssh.read_nonblocking(65_536, timeout=0.1))
            assert time.monotonic() < end, f"waited in vain for {seen}; the screen:\n{self.screen}"

    def read_to_end(self) -> None:
        """Read until the line is closed, as it is when the server's side has gone."""
        self._ssh.expect(pexpect.EOF, timeout=PATIENCE)

    def close(self) -> None:
        self._ssh.close(force=True)


class Server:
    """`pid` is the listener; each login is a child of it."""

    def __init__(self, folder: Path) -> None:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self._folder = folder
        self._logins: list[Login] = []
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        config = folder / "sshd_config"
        config.write_text(CONFIG.format(port=self._port, folder=folder), encoding="utf-8")
        # It detaches: whoever runs these tests (by sudo, over SSH) is then not behind those who log in.
        subprocess.run(
            [SERVER, "-f", config, "-E", folder / "sshd.log"], check=True, env={"PATH": os.environ["PATH"]}
        )
        until((folder / "sshd.pid").exists, "sshd listens")
        self.pid = int((folder / "sshd.pid").read_text(encoding="ascii"))

    def log_in(self) -> Login:
        self._logins.append(Login(self._folder, self._port))
        return self._logins[-1]

    def sessions(self) -> list[int]:
        """The processes of sshd that hold the lines of those who are logged in."""
        return [pid for pid in offspring(self.pid) if Path(f"/proc/{pid}/comm").read_text().startswith("sshd")]

    def find(self, words: str) -> list[int]:
        """The processes of those who are logged in whose command line holds `words`."""
        return [pid for pid in offspring(self.pid) if words in _command(pid)]

    def close(self) -> None:
        for login in self._logins:
            login.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def until(done: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until `done()`; fails, naming `what`, when it is not within `patience` seconds."""
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.02)  # other processes give no event to wait for


def offspring(pid: int) -> Iterator[int]:
    """All processes that descend from `pid`."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from offspring(child)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
