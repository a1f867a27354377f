"""Has the kernel refuse what an audit hook cannot see: what the release's code does in C (Landlock, landlock(7)).

Part of the probe that runs in the release's own interpreter: the standard library alone (Python 3.8 and later). It
needs no root and no package, only a kernel that has it: Linux 5.13 for files, 6.7 for TCP.
"""

from __future__ import annotations

import os
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION, PATH_BENEATH = 1, 1
SET_NO_NEW_PRIVS = 38

SEMAPHORES = "/dev/shm"  # noqa: S108 - where locks are made by what only imports multiprocessing
EXECUTE, WRITE_FILE = 1 << 0, 1 << 1
MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
REFER, TRUNCATE = 1 << 13, 1 << 14  # since ABI 2, 3
BIND_AND_CONNECT = 3  # TCP; since ABI 4
ABSTRACT_SOCKETS_AND_SIGNALS = 3  # since ABI 6


def close(room: str) -> str:
    """From now on this process writes only below `room`, starts nothing, and reaches no server by TCP.

    What stays open of that, in one sentence.
    """
    try:
        abi = _restrict(room)
    except (OSError, ImportError, AttributeError):  # another system, a container that forbids it, no ctypes
        abi = 0
    if abi < 1:
        return "what the release's code does in C, past Python, is not closed on this host (no Landlock)"
    if abi < 4:
        return "connections that the release's code makes in C, past Python, are not closed on this host"
    return "sockets of this host's file system, and UDP, are not closed to what the release's code does in C"


def _restrict(room: str) -> int:
    """The kernel's ABI of Landlock; 0 if it has none. OSError if it refuses."""
    import ctypes

    libc: Any = ctypes.CDLL(None, use_errno=True)

    class Ruleset(ctypes.Structure):
        _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]

    class Beneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]

    def call(*args: Any) -> int:
        found = int(libc.syscall(*args))
        if found < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return found

    abi = call(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)
    writes = WRITE_FILE | MAKE_AND_REMOVE | (REFER if abi >= 2 else 0) | (TRUNCATE if abi >= 3 else 0)
    rules = Ruleset(writes | EXECUTE, BIND_AND_CONNECT, ABSTRACT_SOCKETS_AND_SIGNALS)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    try:
        own = [(room, writes), (os.devnull, writes & (WRITE_FILE | TRUNCATE))]
        own += [(SEMAPHORES, writes)] if os.path.isdir(SEMAPHORES) else []
        for path, allowed in own:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                beneath = Beneath(allowed, parent)
                call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(beneath), 0)
            finally:
                os.close(parent)
        if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs")
        call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi
