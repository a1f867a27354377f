"""What the terminal is left, told and given: colours that stay, a title, a clipboard that says which way it went."""

import base64
from pathlib import Path

import pytest
import seed
from rich.color import Color, ColorSystem
from scenes import SCENES
from stage import play, runner, shown, text_of, until

from debvisor_tui.ui import clipboard
from debvisor_tui.ui.screens.home import HomeScreen
from debvisor_tui.ui.theme import COLOURS, THEME

RED, GREEN, YELLOW, BLUE = {1, 9}, {2, 10}, {3, 11}, {4, 6, 12, 14}


@pytest.mark.parametrize(
    ("colour", "hue"),
    [
        (COLOURS["alarm"], RED),
        (COLOURS["danger"], RED),
        (COLOURS["ok"], GREEN),
        (COLOURS["warn"], YELLOW),
        (THEME.accent, BLUE),
    ],
)
def test_each_meaning_keeps_its_hue_in_sixteen_colours(colour: str, hue: set[int]) -> None:
    assert Color.parse(colour).downgrade(ColorSystem.STANDARD).number in hue


def test_the_production_header_is_red_in_256_colours() -> None:
    assert Color.parse(COLOURS["alarm"]).downgrade(ColorSystem.EIGHT_BIT).number == 124


def test_outside_tmux_the_terminal_is_asked_and_what_is_said_is_true() -> None:
    written: list[str] = []
    said = clipboard.copy("git fetch", written.append, {})
    assert written == [f"\x1b]52;c;{base64.b64encode(b'git fetch').decode()}\x07"]
    assert "some terminals do not allow that" in said
    clipboard.copy("x", written.append, {"STY": "1.pts"})
    assert written[-1].startswith("\x1bP\x1b]52;c;")
    assert clipboard.copy("x" * 60_000, written.append, {}).startswith("not copied: it is longer")
    assert len(written) == 2


def test_in_tmux_its_own_buffer_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmux = tmp_path / "tmux"
    tmux.write_text(f'#!/bin/sh\n[ "$1 $2" = "load-buffer -w" ] || exit 1\ncat > {tmp_path}/buffer\n')
    tmux.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert clipboard.copy("a\nb", lambda _: None, {"TMUX": "/tmp/t,1,0"}).startswith("in tmux's buffer")  # noqa: S108
    assert (tmp_path / "buffer").read_text() == "a\nb"
    tmux.write_text("#!/bin/sh\nexit 1\n")
    assert clipboard.copy("a", lambda _: None, {"TMUX": "x"}).startswith("not copied: tmux did not take it")


@pytest.mark.usefixtures("quiet_home")
def test_esc_goes_back_and_ctrl_q_leaves_also_from_a_dialog(tmp_path: Path) -> None:
    async def main() -> None:
        story = seed.Story(tmp_path)
        SCENES["ready"].tell(story)
        session = seed.session(tmp_path, at=story.at + 2)
        async with runner(session, story.run), shown(session, attach=story.run) as (app, pilot):
            await until(lambda: "enter runs it" in text_of(app), pilot)
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, HomeScreen), pilot)
            await until(lambda: "attach" in text_of(app) and "q quit" in text_of(app), pilot)
            await pilot.press("a")
            await until(lambda: "enter runs it" in text_of(app), pilot)
            await pilot.press("s")
            await until(lambda: "esc back, nothing is done" in text_of(app), pilot)
            await pilot.press("ctrl+q")
            await until(lambda: app._exit, pilot)
        story.close()

    play(main())
