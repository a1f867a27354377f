"""The protocol's frames: whatever comes is a message or a BadFrame, and what is sent arrives, however it is cut."""

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from debvisor_tui.runner.protocol import FRAME_LIMIT, BadFrame, command_id, decode, encode

TEXT = st.text(st.characters(exclude_categories=()))  # with lone surrogates, NUL and all
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
MESSAGE = st.builds(lambda rest, kind: rest | {"type": kind}, st.dictionaries(TEXT, VALUE), TEXT)


@given(MESSAGE)
@example({"type": "log", "text": "\ud800\x00\u2028\n\x1b]52;"})
def test_what_is_encoded_is_decoded_the_same_and_is_one_line(message: dict[str, Any]) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(st.binary() | st.binary().map(lambda b: b + b"\n"))
@example(b"[" * 60_000 + b"\n")
@example(b'{"type":' + b'{"a":' * 60_000 + b"\n")
@example(b'{"type":"command","id":' + b"9" * 5_000 + b"}\n")
@example(b'{"type":"command","id":NaN}\n')
@example(b'{"type":"command","id":-Infinity}\n')
@example(b'{"type":1}\n')
@example(b'{"type":"hello"}')
@example(b"\xff\xfe{\x00}\x00\n")
@example(b"\n")
def test_any_bytes_are_a_message_or_a_bad_frame(line: bytes) -> None:
    try:
        message = decode(line)
    except BadFrame:
        return
    assert isinstance(message["type"], str)
    assert line.endswith(b"\n")


@given(MESSAGE, st.data())
def test_a_frame_that_was_cut_off_is_never_taken_for_whole(message: dict[str, Any], data: st.DataObject) -> None:
    line = encode(message)
    with pytest.raises(BadFrame):
        decode(line[: data.draw(st.integers(0, len(line) - 1))])


@given(st.lists(MESSAGE, max_size=5), st.data())
def test_frames_arrive_whole_however_reads_cut_them(messages: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(map(encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))

    async def read() -> list[dict[str, Any]]:
        reader = asyncio.StreamReader(limit=FRAME_LIMIT)
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            reader.feed_data(stream[start:end])
        reader.feed_eof()
        return [decode(line) async for line in reader]

    assert asyncio.run(read()) == messages


@given(VALUE)
@example(True)
@example(1.0)
@example(2**53)
def test_an_id_is_a_whole_number_or_the_frame_is_bad(value: Any) -> None:
    try:
        number = command_id({"type": "command", "id": value})
    except BadFrame:
        return
    assert type(number) is int
    assert len(str(number)) < 18


def test_a_number_that_json_has_no_word_for_does_not_end_the_runner() -> None:
    line = encode({"type": "progress", "done": math.nan, "total": [math.inf, 1]})
    assert decode(line) == {"type": "progress", "done": None, "total": [None, 1]}
    assert b"NaN" not in line
    json.loads(line)
