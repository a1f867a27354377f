"""Questions asked of a process of its own: what it says is foreign text, above all when it dies."""

import asyncio
import sys
from pathlib import Path

import pytest

from debvisor_tui.config.load import load_settings
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.scrub import remember
from debvisor_tui.runner import ask
from debvisor_tui.runner.places import Places
from debvisor_tui.sandbox.host import Sandbox

LAST = "ValueError: a\x1b]0;title\x07b s3cr3t-word c\x9b2J"


def test_the_last_words_of_a_question_that_failed_are_made_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(Sandbox.create(tmp_path / "host").config_path)
    (tmp_path / "words").write_text(f"Traceback\n{LAST}\n", encoding="utf-8")
    dies = tmp_path / "dies"
    dies.write_text(f"#!/bin/sh\ncat '{tmp_path}/words' >&2\nexit 1\n", encoding="utf-8")
    dies.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dies))
    remember("s3cr3t-word")
    with pytest.raises(WorkFailed) as caught:
        asyncio.run(ask.ask_now(settings, Places(tmp_path, "sandbox")))
    assert caught.value.what == "The question about now failed: ValueError: ab •••••• c"
