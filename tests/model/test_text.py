"""Foreign text: no control sequence and no secret comes through, whole or in pieces; what is clean stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debvisor_tui.model.text import REDACTED, LineAssembler, Redactor, one_line, sanitise

HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x9d\x07\x00\r[]()P_^\\;0123m\u202e\u2066\u2028")),
    max_size=200,
)


def is_clean(text: str) -> bool:
    return not any(
        (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F or c in "\u2028\u2029\u202e\u2066" for c in text
    )


@given(HOSTILE)
def test_no_control_character_survives(text: str) -> None:
    assert is_clean(sanitise(text))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert sanitise(text) == text


@pytest.mark.parametrize(
    ("hostile", "clean"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]52;c;c2VjcmV0\x07after", "after"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1b]0;never ended", ""),
        ("\x9b2Jx", "x"),
        ("\x90dcs\x9cx", "x"),
        ("nul\x00", "nul\ufffd"),
        ("abc\u202egnp", "abc\ufffdgnp"),
        ("\x1b(Bx", "x"),
        ("[/] [red]markup[/red]", "[/] [red]markup[/red]"),
    ],
)
def test_known_attacks(hostile: str, clean: str) -> None:
    assert sanitise(hostile) == clean


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_how_output_is_cut_into_chunks_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = LineAssembler(Redactor())
    expected = whole.feed(data) + whole.close()
    pieces = LineAssembler(Redactor())
    got: list[str] = []
    last = 0
    for cut in sorted(min(cut, len(data)) for cut in cuts):
        got += pieces.feed(data[last:cut])
        last = cut
    got += pieces.feed(data[last:]) + pieces.close()
    assert got == expected
    assert all(is_clean(line) for line in got)


@given(st.integers(1, 30))
def test_a_secret_split_over_two_chunks_is_redacted(cut: int) -> None:
    data = b"the password is hunter2-hunter2 ok\n"
    lines = LineAssembler(Redactor(["hunter2-hunter2"]))
    assert lines.feed(data[:cut]) + lines.feed(data[cut:]) == [f"the password is {REDACTED} ok"]


SECRETS = ["hunter2-hunter2", "p@ss/wörd?", "two\nlines-of-it", "a\x1b[0mb\x00cd", "quote'd\"one", "100 % & more"]
NOISE = st.sampled_from(
    ["x", "é", "\x1b[31m", "\x1b]0;", "\x07", "\r", "\x00", "日", " " * 50, "y" * 120, "\x9d", "e\u0301"]
)


@given(st.lists(st.one_of(NOISE, st.sampled_from(SECRETS)), max_size=30), st.integers(1, 90))
def test_no_secret_comes_through_however_it_is_cut_and_coloured(parts: list[str], size: int) -> None:
    data = "".join(parts).encode()
    lines = LineAssembler(Redactor(SECRETS), max_line=40)  # cut by force at 160 bytes
    got: list[str] = []
    for start in range(0, len(data), size):
        got += lines.feed(data[start : start + size])
        assert len(lines._rest) < 2_000
    got += lines.close()
    shown = "".join(got)  # as one who puts the pieces together would read it
    for secret in ("hunter2-hunter2", "p@ss/wörd?", "lines-of-it", "quote'd\"one", "100 % & more"):
        assert secret not in shown
    assert all(is_clean(line) for line in got)


@pytest.mark.parametrize(
    "written",
    [
        "hun\x1b[0mter2-hunter2",
        "hunter2-\x1b]0;title\x07hunter2",
        "hunter2\u200d-hunter2",
        "postgresql://u:p%40ss%2Fw%C3%B6rd%3F@h/db",
        "postgresql://u:p%40ss%2fw%c3%b6rd%3f@h/db",
        '{"password": "p@ss/w\\u00f6rd?"}',
        '{"password": "quote\'d\\"one"}',
        "basic cEBzcy93w7ZyZD8=",
        "basic dTpwQHNzL3fDtnJkPw==",  # u:p@ss/wörd?
        "basic YW5uYTpwQHNzL3fDtnJkPw==",  # anna:p@ss/wörd?
        "basic b25jYWxsOnBAc3Mvd8O2cmQ/",  # oncall:p@ss/wörd?
        "lines-of-it",
    ],
)
def test_a_secret_is_known_in_its_other_clothes(written: str) -> None:
    shown = "".join(LineAssembler(Redactor(SECRETS)).feed(f"before {written} after\n".encode()))
    assert REDACTED in shown, shown
    assert shown.startswith("before")
    assert shown.endswith("after")


@given(st.integers(0, 60), st.integers(1, 40))
def test_a_secret_is_known_by_its_beginning_where_a_text_was_cut(before: int, limit: int) -> None:
    text = one_line(f"{'x' * before}hunter2-hunter2 and more", limit)
    shown = Redactor(SECRETS)(text)
    assert "hunt" not in shown
    assert shown.endswith(("…", "more"))


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("pass\u200bword", "pass\ufffdword"),
        ("a\u2060b\ufeffc\u00add", "a\ufffdb\ufffdc\ufffdd"),
        ("v1.0\U000e0041", "v1.0\ufffd"),
        ("\u2714\ufe0f done", "\u2714 done"),
        ("e" + "\u0301" * 50 + "x", "e" + "\u0301" * 3 + "x"),
        ("\u0301 on the frame", "\u25cc\u0301 on the frame"),
        ("日本語 ok", "日本語 ok"),
        ("naïve café", "naïve café"),
    ],
)
def test_what_hides_piles_up_or_has_no_width(foreign: str, shown: str) -> None:
    assert sanitise(foreign) == shown


def test_a_sequence_that_does_not_end_is_swallowed_and_not_kept() -> None:
    lines = LineAssembler(Redactor(), max_line=100)
    got = lines.feed(b"before \x1b]52;c;")
    for _ in range(1000):
        got += lines.feed(b"QUFB" * 250)
        assert len(lines._rest) <= 2_000
    got += lines.feed(b"\x07 after\n")
    assert "".join(got) == "before  after"


def test_an_endless_line_is_cut_and_never_kept_whole() -> None:
    lines = LineAssembler(Redactor(), max_line=100)
    got: list[str] = []
    for _ in range(1000):
        got += lines.feed(b"x" * 1000)
    got += lines.close()
    assert "".join(got) == "x" * 1_000_000
    assert max(map(len, got)) <= 100


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert LineAssembler(Redactor()).feed(b"10 %\r50 %\r100 %\r\nnext\n") == ["100 %", "next"]


def test_the_longest_of_two_secrets_goes_first() -> None:
    assert Redactor(["pass", "password"])("password") == REDACTED


def test_one_line_folds_and_cuts() -> None:
    assert one_line("a\n\n  b\tc") == "a b c"
    assert one_line("x" * 600).endswith("…")
    assert len(one_line("x" * 600)) == 500
