"""Who is behind a process: its account, and the person who came by sudo or SSH, as its environment says.

The account is the kernel's word (SO_PEERCRED, /proc). A name other than that is believed of root alone: root could
pretend anything anyway, and behind root stands a person whom `sudo` names. What a process's environment says goes
before what its messages claim.
"""

import pwd
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.model.people import Person
from debvisor_tui.model.text import one_line
from debvisor_tui.system.procfs import environ, parent

ANCESTORS = 12  # sudo drops SSH_CONNECTION; the shell that called sudo still has it
NAME_LIMIT, ORIGIN_LIMIT = 60, 80  # characters


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a socket; `pid` 0 if it cannot be seen from here."""

    pid: int
    uid: int


def peer_of(sock: socket.socket) -> Peer:
    """As the kernel noted it when the connection was made (unix(7), SO_PEERCRED)."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", credentials)
    return Peer(pid, uid)


def account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def person_behind(peer: Peer, claimed: Person) -> Person:
    """The person who acts through `peer`, who claims to be `claimed`. Reads /proc: may take a moment."""
    sudo, ssh = _traces(peer)
    name = of_account = account(peer.uid)
    if peer.uid == 0:
        name = one_line(sudo or claimed.name, NAME_LIMIT) or of_account
    origin = f"ssh {ssh}" if ssh else claimed.origin
    return Person(name, one_line(origin, ORIGIN_LIMIT), "" if name == of_account else of_account)


def _traces(peer: Peer) -> tuple[str, str]:
    """(SUDO_USER, the address in SSH_CONNECTION) of the process or the next of its ancestors that has one; or ""."""
    sudo = ssh = ""
    pid = peer.pid
    for generation in range(ANCESTORS):
        if pid <= 1 or (sudo and ssh):
            break
        try:
            if generation == 0 and Path(f"/proc/{pid}").stat().st_uid != peer.uid:
                break  # the pid is another's by now
        except OSError:
            break  # it is gone
        found, above = environ(pid), parent(pid)
        if found is None or above is None:
            break  # gone, or not to be read by us: the claim must do
        pid = above
        sudo = sudo or found.get("SUDO_USER", "")
        ssh = ssh or found.get("SSH_CONNECTION", "").partition(" ")[0]
    return sudo, ssh
