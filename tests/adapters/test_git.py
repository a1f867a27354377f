"""Git: exact commands, answers read as they are, versions in the order people mean."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from debvisor_tui.adapters.sources.git.commands import (
    Git,
    Tag,
    environment,
    git,
    parse_log,
    parse_status,
    parse_tags,
    shown_git,
)
from debvisor_tui.model.artifacts import Commit
from debvisor_tui.model.versions import nearest_version, plain_version, version_key
from debvisor_tui.system.execute import run_quietly


def test_commands_are_exact_and_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Path("/srv/deb visor")
    assert git(checkout, "merge", "--ff-only", "v1.1.0") == (
        *("git", "-C", "/srv/deb visor"),
        *("merge", "--ff-only", "v1.1.0"),
    )
    assert shown_git(checkout, "fetch", "origin") == "git -C '/srv/deb visor' fetch origin"
    monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
    assert environment(checkout)["GIT_CONFIG_VALUE_0"] == "/srv/deb visor"
    assert environment(checkout)["GIT_TERMINAL_PROMPT"] == "0"
    assert environment(checkout)["GIT_ASKPASS"] == ""
    assert environment(checkout)["GIT_SSH_COMMAND"] == "ssh -oBatchMode=yes"
    assert environment(checkout, "ssh -i /etc/key")["GIT_SSH_COMMAND"] == "ssh -i /etc/key -oBatchMode=yes"
    assert environment(checkout, "plink")["GIT_SSH_COMMAND"] == "plink"
    monkeypatch.setenv("GIT_SSH_COMMAND", "/usr/bin/ssh -v")
    assert environment(checkout, "plink")["GIT_SSH_COMMAND"] == "/usr/bin/ssh -v -oBatchMode=yes"


def test_answers_are_parsed_and_made_safe() -> None:
    log = "a1\0Ana\0" + "1700000000\0one\0" + "b2\0B\x1b[31mo\0" + "1700000001\0two\x07\0"
    assert parse_log(log) == (
        Commit("a1", "Ana", 1_700_000_000.0, "one"),
        Commit("b2", "Bo", 1_700_000_001.0, "two\ufffd"),
    )
    assert parse_log("") == ()
    tags = (
        "v1.0.0\0tag\0t1\0commit\0c1\0" + "1700000000\0First\n"
        "v0.9\0commit\0c0\0\0\0" + "1600000000\0light\n"
        "blob\0blob\0b0\0\0\0" + "1\0no commit\n"
        "v\u202e1\0commit\0c9\0\0\0" + "1\0hides\n"
        "-x\0commit\0c9\0\0\0" + "1\0an option\n"
    )
    assert parse_tags(tags) == (Tag("v1.0.0", "c1", 1.7e9, "First"), Tag("v0.9", "c0", 1.6e9, "light"))
    assert parse_status(" M a b.py\0R  new\0old\0?? n\x1b]0;x\x07\0") == ("a b.py", "new", "n")
    assert parse_status("") == ()


def test_a_place_is_described_safely(tmp_path: Path) -> None:
    def call(*words: str) -> None:
        settings = ["-c", "user.name=x", "-c", "user.email=x@y"]
        subprocess.run(["git", *settings, *words], cwd=tmp_path, check=True, capture_output=True)

    call("init", "--quiet")
    call("commit", "--quiet", "--allow-empty", "--message=one")
    call("tag", "--annotate", "--message=x", "at\u009b2J\u202egnp")
    assert asyncio.run(Git(tmp_path, run_quietly).describe()) == "at\ufffdgnp"


def test_the_callers_git_variables_never_reach_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a hook sets them for its own repository, and to run something (git(1), git-config(1))."""

    def call(folder: str, *words: str) -> str:
        settings = ["-c", "user.name=x", "-c", "user.email=x@y"]
        done = subprocess.run(["git", *settings, *words], cwd=tmp_path / folder, check=True, capture_output=True)
        return done.stdout.decode().strip()

    heads = {}
    for name in ("checkout", "other"):
        (tmp_path / name).mkdir()
        call(name, "init", "--quiet")
        (tmp_path / name / name).touch()
        call(name, "add", "--all")
        call(name, "commit", "--quiet", f"--message={name}")
        heads[name] = call(name, "rev-parse", "HEAD")
    other = tmp_path / "other"
    mark, spy = tmp_path / "mark", tmp_path / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {mark}\n")
    spy.chmod(0o755)
    theirs = {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": other / ".git" / "objects",
        "GIT_NAMESPACE": "theirs",
        "GIT_TRACE": "1",
        "GIT_CONFIG_COUNT": 1,
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": spy,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={spy}'",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, str(value))
    git = Git(tmp_path / "checkout", run_quietly)
    assert asyncio.run(git.head()) == heads["checkout"] != heads["other"]
    assert asyncio.run(git.changed_files()) == ()
    assert not mark.exists()
    monkeypatch.setenv("GIT_COMMIT", "of the pipeline")
    env = asyncio.run(run_quietly(["env"], capture=True)).text
    assert "GIT_COMMIT=of the pipeline" in env, "what a pipeline tells its own commands is not git's"
    assert not {"GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT"} & {row.partition("=")[0] for row in env.splitlines()}


def test_versions_sort_as_people_mean_them() -> None:
    ordered = [
        *("nightly", "v0.9", "v1.0.0-alpha", "v1.0.0-rc.2", "v1.0.0-rc.10", "v1.0.0", "v1.0.0.post1"),
        *("v1.0.1", "v1.9.0", "v1.10.0", "2.0"),
    ]
    assert sorted(reversed(ordered), key=version_key) == ordered


def test_versions_are_compared_without_their_trimmings() -> None:
    assert {plain_version(v) for v in ("v1.1.0", "1.1.0", "V1.1.0+build.5", "v1.1.0-3-g3f2a91c")} == {"1.1.0"}
    assert nearest_version("1.1.0", ["v1.10.0", "v1.1.0"]) == "v1.1.0"
    assert nearest_version("v1.1.00", ["v1.10.0", "v2.0.0"]) == "v1.10.0"
    assert nearest_version("banana", ["v1.0.0"]) == ""
