"""What runner and clients say to each other: one JSON object a line over a unix socket.

The first message of each side is `hello` / `welcome` (or `refused`), with `proto` and `version`, and stays readable
for ever. After it the runner sends wake-ups, the client sends commands; what there is to know is in the journal.

client → runner
    {"type": "hello", "proto", "version", "who": {"name", "origin"}, "observe": bool}
    {"type": "command", "id": int, "name", "args": {…}}

runner → client
    {"type": "welcome", "proto", "version", "run", "seq", "role": "operator" | "observer", "operator": who | "",
     "progress": {…} | null}
    {"type": "refused", "proto", "version", "what", "hint"}
    {"type": "reply", "id", "ok": bool, "what"?, "hint"?}
    {"type": "event", "seq", "run", "kind", "step", "data"}      journaled already
    {"type": "log", "run", "step", "attempt", "first", "last"}   these lines of the attempt are in the journal now
    {"type": "progress", "run", "step", "done", "total", "unit", "note"}
    {"type": "sample", "run", "step", "attempt"}                 a new sample is in the journal
    {"type": "run", "run"}                                       the runner goes on with this run (a rollback)
    {"type": "role", "role"}                                     you operate now, or only observe
    {"type": "operator", "who"}                                  who operates now; "" when nobody does
    {"type": "trouble", "what", "hint"}                          the run stands still; "" when it goes on
    {"type": "resync", "seq"}                                    you were too slow: read the journal anew
    {"type": "bye", "reason"}                                    the run has ended, and so does the runner

Commands: "answer" {"answer": gates.Answer, "gate": {"kind", "step"}, "reason"?, "options"? (rollback)}, "cancel" {},
"rollback" {"options"}, "extend" {"seconds"}, "pass" {"reason"}, "take-over" {}.
"""

import json
from typing import Any, NoReturn

PROTO = 1
FRAME_LIMIT = 1_048_576  # bytes of one line; what is longer is not ours
COMMAND_LIMIT = 65_536  # bytes of one line that a client sends: a few words and a reason
ID_LIMIT = 2**53  # a command's id is echoed: a whole number that every JSON reader keeps exactly

Message = dict[str, Any]


class BadFrame(ValueError):
    """A line that is not a message."""


def encode(message: Message) -> bytes:
    """Never fails on what JSON can hold: ASCII only, so that a lone surrogate in a file's name does not matter."""
    try:
        return _line(message)
    except ValueError:  # not a number, or infinite: JSON has no word for it
        return _line(json.loads(json.dumps(message), parse_constant=lambda _: None))


def _line(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """The message in `line`; BadFrame if there is none, or if its end was cut off."""
    if not line.endswith(b"\n"):
        raise BadFrame("cut off")
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadFrame("not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadFrame("not a message")
    return message


def command_id(message: Message) -> int:
    """The id of a command, to be echoed in its reply; BadFrame if it is no id."""
    number = message.get("id")
    if type(number) is not int or abs(number) >= ID_LIMIT:
        raise BadFrame("a command without an id")
    return number


def _refuse(constant: str) -> NoReturn:
    raise BadFrame(f"{constant} is not JSON")
