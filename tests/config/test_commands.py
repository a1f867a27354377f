"""`config init|check|show|schema`: what they print, what they write, and that no secret is in it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from debvisor_tui.cli.config_commands import app
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.schema_walk import all_keys
from debvisor_tui.model.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DEBVISOR_TUI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Any:
    return app(list(arguments), standalone_mode=False)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_init_writes_a_valid_config_with_every_key_and_never_overwrites(
    platform: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("init", "--name", "lab", "--platform", platform)
    path = here / "debvisor.toml"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    wanted = [k for k in all_keys() if k.table != "platform" or k.kind == platform]
    assert [k.dotted for k in wanted if f"{k.name} = " not in text] == []
    run("check")
    assert capsys.readouterr().out == f"ok: {path}\n"
    # What is commented out is valid too once it is switched on; [ci] takes one of its two sources.
    switched = "\n".join(
        line[2:]
        if line.startswith("# [") or (line.startswith("# ") and " = " in line and "{ env" not in line)
        else line
        for line in text.splitlines()
    )
    switched = switched.replace('command = ["ci-status"', '# command = ["ci-status"')
    switched = switched.replace('after = "health"', '# after = "health"')  # a step comes before another, or after one
    path.write_text(switched, encoding="utf-8")
    run("check")
    with pytest.raises(UsageError, match="is there already"):
        run("init")
    assert path.read_text(encoding="utf-8") == switched


def test_check_prints_every_problem_as_json_and_ends_with_2(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("init")
    path = here / "debvisor.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("restart =", "restrat ="), encoding="utf-8")
    capsys.readouterr()
    assert run("check", "--config", str(path), "--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {p["place"] for p in told["problems"]} == {"platform.restart", "platform.restrat"}


def test_show_fills_in_defaults_and_shows_no_secret(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("init")
    path = here / "debvisor.toml"
    plain = path.read_text(encoding="utf-8").replace('{file = "/etc/debvisor-tui/smoke-password"}', '"hunter2"')
    path.write_text(plain, encoding="utf-8")
    capsys.readouterr()
    run("show")
    shown = capsys.readouterr().out
    run("show", "--json")
    document = json.loads(capsys.readouterr().out)
    assert "hunter2" not in shown + str(document)
    assert document["monitor"]["duration"] == "15m"
    assert document["database"]["url"] == {"env": "DATABASE_URL"}
    assert tomllib.loads(shown) == {k: v for k, v in document.items() if k != "path"}


def test_the_schema_names_every_key_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    run("schema")
    schema = json.loads(capsys.readouterr().out)
    assert not {"path", "warnings"} & schema["properties"].keys()
    assert schema["properties"]["monitor"]["properties"]["duration"]["default"] == "15m"
    assert schema["properties"]["monitor"]["properties"]["duration"]["type"] == "string"
    text = json.dumps(schema)
    assert [k.dotted for k in all_keys() if f'"{k.name}"' not in text] == []
