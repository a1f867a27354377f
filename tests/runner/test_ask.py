"""Questions asked of a process of its own: what it says is foreign text, above all when it dies."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from release_host import Host
from sandboxes import make_sandbox

from debvisor_tui.config.load import load_settings
from debvisor_tui.model.errors import DebvisorError, WorkFailed
from debvisor_tui.model.secrets_registry import remember
from debvisor_tui.model.text import REDACTED, Redactor
from debvisor_tui.runner import query_client
from debvisor_tui.runner.paths import TargetPaths

LAST = "ValueError: a\x1b]0;title\x07b s3cr3t-word c\x9b2J"


def test_the_last_words_of_a_question_that_failed_are_made_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(make_sandbox(tmp_path / "host").config_path)
    (tmp_path / "words").write_text(f"Traceback\n{LAST}\n", encoding="utf-8")
    dies = tmp_path / "dies"
    dies.write_text(f"#!/bin/sh\ncat '{tmp_path}/words' >&2\nexit 1\n", encoding="utf-8")
    dies.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dies))
    remember("s3cr3t-word")
    with pytest.raises(WorkFailed) as caught:
        asyncio.run(query_client.ask_now(settings, TargetPaths(tmp_path, "sandbox")))
    assert caught.value.what == "The question about now failed: ValueError: ab •••••• c"


@pytest.mark.slow
@pytest.mark.parametrize("password", ["deploy", "probes", "review", "oncall", "state"])
def test_a_password_that_is_a_common_word_breaks_no_answer_and_no_way_back(host: Host, password: str) -> None:
    host.configure(lambda c: c["smoke"].update(password=password))
    plan = asyncio.run(query_client.ask_plan(host.settings, host.places, "v1.1.0"))
    assert plan.problems == ()
    assert asyncio.run(query_client.ask_now(host.settings, host.places)).version == "v1.0.0"


def test_a_password_that_stands_in_the_config_is_warned_of_and_struck_out_of_urls(tmp_path: Path) -> None:
    path = make_sandbox(tmp_path / "host").config_path
    text = path.read_text(encoding="utf-8")
    assert load_settings(path).warnings == ()
    secret = tmp_path / "word"
    secret.write_text("sandbox")
    path.write_text(re.sub(r"password = \{.*\}", f'password = {{ file = "{secret}" }}', text), encoding="utf-8")
    settings = load_settings(path)
    [warning] = settings.warnings
    assert "smoke.password is a word that stands in this config" in warning
    redact = Redactor(settings.secrets())
    assert redact("sandbox at http://me:sandbox@host") == f"sandbox at http://me{REDACTED}host"


def test_an_answer_of_another_version_is_a_sentence_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(make_sandbox(tmp_path / "host").config_path)
    other = tmp_path / "other"
    other.write_text('#!/bin/sh\necho \'{"answer": {"version": "v1.0.0", "commit": 7}}\'\n', encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))
    with pytest.raises(WorkFailed, match="is of another version of debvisor-tui") as caught:
        asyncio.run(query_client.ask_now(settings, TargetPaths(tmp_path, "sandbox")))
    assert "start it again" in caught.value.hint


def test_a_question_is_asked_in_the_callers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git's configuration is the caller's: the plan must see what the release will."""
    settings = load_settings(make_sandbox(tmp_path / "host").config_path)
    tells = tmp_path / "tells"
    tells.write_text(
        '#!/bin/sh\nprintf \'{"error": {"what": "%s", "hint": ""}}\' "$GIT_CONFIG_GLOBAL"\n', encoding="utf-8"
    )
    tells.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tells))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/srv/gitconfig")
    with pytest.raises(DebvisorError, match="/srv/gitconfig"):
        asyncio.run(query_client.ask_now(settings, TargetPaths(tmp_path, "sandbox")))
