"""What runner and clients say to each other: one JSON object a line over a unix socket.

The first message of each side is `hello` / `welcome` (or `refused`), with `proto` and `version`, and stays readable
for ever. After it the runner sends wake-ups, the client sends commands; what there is to know is in the journal.

client → runner
    {"type": "hello", "proto", "version", "who": {"name", "origin"}, "observe": bool}
    {"type": "command", "id": int, "name", "args": {…}}

runner → client
    {"type": "welcome", "proto", "version", "run", "seq", "role": "operator" | "observer", "progress": {…} | null}
    {"type": "refused", "proto", "version", "what", "hint"}
    {"type": "reply", "id", "ok": bool, "what"?, "hint"?}
    {"type": "event", "seq", "run", "kind", "step", "data"}      journaled already
    {"type": "log", "run", "step", "attempt", "last"}            lines up to id `last` are in the journal
    {"type": "progress", "run", "step", "done", "total", "unit", "note"}
    {"type": "sample", "run", "step", "attempt"}                 a new sample is in the journal
    {"type": "run", "run"}                                       the runner goes on with this run (a rollback)
    {"type": "role", "role"}                                     you operate now, or only observe
    {"type": "trouble", "what", "hint"}                          the run stands still; "" when it goes on
    {"type": "resync", "seq"}                                    you were too slow: read the journal anew
    {"type": "bye", "reason"}                                    the run has ended, and so does the runner

Commands: "answer" {"answer": gates.Answer, "gate": {"kind", "step"}, "reason"?, "options"? (rollback)}, "cancel" {},
"rollback" {"options"}, "extend" {"seconds"}, "pass" {"reason"}, "take-over" {}.
"""

import json
from typing import Any

PROTO = 1
FRAME_LIMIT = 1_048_576  # bytes of one line; what is longer is not ours

Message = dict[str, Any]


class BadFrame(ValueError):
    """A line that is not a message."""


def encode(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message in `line`; BadFrame if there is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFrame("not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadFrame("not a message")
    return message
