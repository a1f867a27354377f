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
