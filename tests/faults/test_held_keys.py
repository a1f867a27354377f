"""Keys held down on a real terminal decide nothing but what a single press would: no release ships itself."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from release_host import Host
from terminal import Terminal

from debvisor_tui.store.history import History

REPEAT = 0.033  # seconds between two keys, as key repeat sends them
ENTER = b"\r"
HELD = {ENTER: 10.0}  # seconds; other keys are held for 3
PROGRAM = Path(sys.executable).with_name("debvisor-tui")


@pytest.fixture
def host(make_host: Callable[[], Host]) -> Host:
    made = make_host()
    made.configure(lambda c: c.update(production=True))
    return made


@contextmanager
def opened(host: Host) -> Iterator[Terminal]:
    options = ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))
    terminal = Terminal([PROGRAM, *options])
    try:
        terminal.until(lambda text: "new release" in text and "v1.0.0" in text, "home")
        yield terminal
    finally:
        terminal.close()


def hold(terminal: Terminal, key: bytes) -> None:
    end = time.monotonic() + HELD.get(key, 3.0)
    while time.monotonic() < end:
        terminal.type(key)
        time.sleep(REPEAT)  # as a keyboard does it


def go(terminal: Terminal, *ways: tuple[bytes, str]) -> None:
    """Press each key until its words are there; those that are there already are not pressed for."""
    for key, words in ways:
        terminal.decide(key, lambda text, words=words: words in text, words)  # type: ignore[misc]


VERSIONS = (b"n", "Which version?")
PLAN = (ENTER, "Nothing is touched yet")
ASKED = (ENTER, "y start the release")
GATE = (b"y", "waiting for you")  # the runner takes a moment; a second y copies, and does no harm
ATTEST = (ENTER, "enter confirm it")

#: A screen, the way there, and how many decisions one press of the key may make there.
SCREENS: dict[str, tuple[tuple[tuple[bytes, str], ...], dict[bytes, int]]] = {
    "home": ((), {ENTER: 0, b"y": 0, b"R": 0}),
    "versions": ((VERSIONS,), {ENTER: 0}),
    "plan": ((VERSIONS, PLAN), {ENTER: 0, b"a": 0}),
    "the production question": ((VERSIONS, PLAN, ASKED), {ENTER: 0}),
    "a gate": ((VERSIONS, PLAN, ASKED, GATE), {ENTER: 1, b"y": 0, b"r": 0, b"E": 0, b"T": 0}),
    "an attestation": ((VERSIONS, PLAN, ASKED, GATE, ATTEST), {ENTER: 1, b"y": 1}),
    "a reason to skip": ((VERSIONS, PLAN, ASKED, GATE, (b"s", "Skip Code review")), {ENTER: 0, b" ": 0}),
}
CASES = [(screen, key, most) for screen, (_, keys) in SCREENS.items() for key, most in keys.items()]


@pytest.mark.parametrize(("screen", "key", "most"), CASES, ids=[f"{s}-{k!r}" for s, k, _ in CASES])
def test_a_held_key_decides_no_more_than_one_press_would(host: Host, screen: str, key: bytes, most: int) -> None:
    ways, _ = SCREENS[screen]
    with opened(host) as terminal:
        go(terminal, *ways)
        time.sleep(1.0)  # a person looks first
        hold(terminal, key)
        decided = decisions(host)
    assert len(decided) <= most, decided
    assert not any(step in {"backup", "pull", "upgrade", "restart"} for step, _ in decided)


def test_a_burst_from_a_lagging_line_decides_nothing(host: Host) -> None:
    with opened(host) as terminal:
        go(terminal, VERSIONS, PLAN, ASKED, GATE)
        time.sleep(1.0)
        for _ in range(5):
            terminal.type(ENTER * 30)
            time.sleep(1.0)
    assert decisions(host) == []


def test_a_rollback_in_production_is_asked_for_by_y(host: Host) -> None:
    """R and Enter alone put the old code back and restarted the service."""
    options = ("--config", str(host.sandbox.config_path), "--state-dir", str(host.sandbox.state_dir))
    ships = [str(PROGRAM), *options, "release", "v1.1.0", "--headless", "--auto", "--yes"]
    subprocess.run(ships, check=True, capture_output=True, timeout=120)
    with opened(host) as terminal:
        go(terminal, (b"R", "Put code back"))
        time.sleep(1.0)
        hold(terminal, ENTER)
        go(terminal, (ENTER, "Roll back PRODUCTION"))
        assert "does not answer" in "\n".join(terminal.lines)
        hold(terminal, ENTER)
    history = History(host.places.journal)
    assert [run.kind for run in history.runs()] == ["release"]
    history.close()


def decisions(host: Host) -> list[tuple[str, str]]:
    if not host.places.has_journal():
        return []
    history = History(host.places.journal)
    try:
        views = [history.run(run.id) for run in history.runs()]
        return [(d.step, d.answer) for view in views if view is not None for d in view.decisions]
    finally:
        history.close()
