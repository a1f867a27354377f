"""Secrets by reference: had from where they are, and named, never shown, when they cannot be had."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from migrating import run, until
from sandboxes import make_sandbox

from debvisor_tui.adapters.migrations.alembic import current_revision
from debvisor_tui.config import secrets
from debvisor_tui.config.load import load_settings
from debvisor_tui.config.secrets import SecretRef
from debvisor_tui.model.errors import UsageError
from debvisor_tui.system.procfs import identify


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


def counting(folder: Path, seconds: float = 0.0) -> SecretRef:
    """Of a command that takes its time, and leaves a mark each time that it is run."""
    script = f"echo run >> {folder}/runs; sleep {seconds}; echo s3cret"
    return SecretRef.model_validate({"command": ["sh", "-c", script]})


def test_a_command_is_run_once_however_often_and_by_how_many_it_is_asked(tmp_path: Path) -> None:
    secret = counting(tmp_path, 0.2)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: secret.resolve("smoke.password").reveal(), range(8)))
    assert told == ["s3cret"] * 8
    assert (tmp_path / "runs").read_text() == "run\n"
    secret.forget()
    assert secret.resolve("smoke.password").reveal() == "s3cret"
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


def test_a_command_that_leaves_something_behind_is_ended_whole_when_it_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT", 0.3)
    script = f"(sleep 60; echo) & echo $! > {tmp_path}/pid; wait"
    with pytest.raises(UsageError, match="no answer within 0 s"):
        SecretRef.model_validate({"command": ["sh", "-c", script]}).resolve("smoke.password")
    left = int((tmp_path / "pid").read_text())
    run(until(lambda: identify(left) is None))  # it was killed, and dies when the kernel comes to it


def test_an_event_loop_does_not_wait_for_a_secrets_command(tmp_path: Path) -> None:
    sandbox = make_sandbox(tmp_path / "host")
    text = sandbox.config_path.read_text(encoding="utf-8")
    url = f"sqlite:///{tmp_path}/host/data/panel.db"
    slow = f'url = {{ command = ["sh", "-c", "sleep 3; echo {url}"] }}'
    sandbox.config_path.write_text(re.sub(r"(?m)^url = .*$", slow, text, count=1), encoding="utf-8")
    settings = load_settings(sandbox.config_path)
    gaps: list[float] = []

    async def ticks() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    async def main() -> str | None:
        ticking = asyncio.create_task(ticks())
        try:
            return await current_revision(settings)
        finally:
            ticking.cancel()

    assert asyncio.run(main())
    assert len(gaps) > 10
    assert max(gaps) < 2.5, "the loop stood still while the command ran"
