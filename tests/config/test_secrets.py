"""Secrets by reference: had from where they are, and named, never shown, when they cannot be had."""

from pathlib import Path

import pytest

from debvisor_tui.config.secrets import SecretRef
from debvisor_tui.model.errors import UsageError


def test_from_the_environment_a_file_a_command_or_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from-file\n", encoding="utf-8")
    monkeypatch.setenv("PANEL_PASSWORD", "from-env")
    references = [
        {"env": "PANEL_PASSWORD"},
        {"file": str(tmp_path / "secret")},
        {"command": ["printf", "%s", "from-command"]},
        "plainly",
    ]
    secrets = [SecretRef.model_validate(r).resolve("smoke.password") for r in references]
    assert [s.reveal() for s in secrets] == ["from-env", "from-file", "from-command", "plainly"]
    assert f"{secrets[3]} {secrets[3]!r}" == "Secret(••••••) Secret(••••••)"
    assert "plainly" not in repr(SecretRef.model_validate("plainly"))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"env": "NOT_SET_ANYWHERE"}, "the environment variable NOT_SET_ANYWHERE is not set"),
        ({"file": "/nonexistent/secret"}, "cannot read the secret's file /nonexistent/secret: No such file"),
        ({"file": "/dev/null"}, "secret's file /dev/null is not a regular file"),
        ({"command": ["false"]}, "the secret's command false ended with 1"),
        ({"command": ["true"]}, "ended with 0 and printed nothing"),
        ({"command": ["no-such-program-here"]}, "No such file or directory"),
    ],
)
def test_what_cannot_be_had_is_named_with_its_key_and_a_way_out(reference: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        SecretRef.model_validate(reference).resolve("smoke.password")
    assert caught.value.what.startswith("smoke.password: ")
    assert said in caught.value.what
    assert caught.value.hint
