"""Review and CI: what is about to change, whether its pipeline passed, and who vouches where no program can tell."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from releasing import Host, Told, git, make_host

from debvisor_tui.model.errors import CommandFailed, WorkFailed
from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.tasks.ci import CiTask
from debvisor_tui.tasks.review import ReviewTask


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


def test_the_commits_are_listed_newest_first_and_a_person_vouches_for_them(host: Host) -> None:
    ctx = Told(host.settings(), host.job("v1.1.0"), "review")
    done = asyncio.run(ReviewTask().run(ctx))
    [commits] = ctx.evidences("commits")
    assert [c["subject"] for c in commits.value["commits"]] == ["Release v1.1.0", "Show the nodes (#38)"]
    assert commits.value["commits"][0]["commit"] == ctx.job.new.exact
    assert commits.value["commits"][0]["author"] == "Mira Santos"
    [gate] = ctx.gates
    assert gate.kind is GateKind.ATTEST
    assert "Show the nodes (#38)" in gate.detail
    [attested] = ctx.evidences("attested")
    assert attested.value == {"by": "anna (pts/1)", "at": 1_700_000_000.0, "statement": "read them all"}
    assert "anna (pts/1)" in done


def test_nobody_vouching_fails_the_review(host: Host) -> None:
    ctx = Told(host.settings(), host.job("v1.1.0"), "review", answer=Answer.DECLINE)
    with pytest.raises(WorkFailed, match="Declined by"):
        asyncio.run(ReviewTask().run(ctx))
    assert ctx.evidences("attested") == []


def test_a_commit_that_is_not_on_main_is_named_and_nobody_is_asked(host: Host) -> None:
    git(host.work, "checkout", "-q", "-b", "night")
    sha = host.commit("fix.py", "x\n", "Quick fix", "v1.2.0", push=False)
    git(host.work, "push", "-q", "--tags")
    ctx = Told(host.settings(), host.job("v1.2.0"), "review")
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(ReviewTask().run(ctx))
    assert failure.value.what == f"1 commit of v1.2.0 is not on origin/main: {sha[:12]} (Quick fix)"
    assert ctx.gates == []


def test_a_hostile_subject_is_shown_without_its_control_sequences(host: Host) -> None:
    host.commit("x", "x\n", "Innocent \x1b]0;owned\x07[/red] \u202etxet", "v1.2.0")
    ctx = Told(host.settings(), host.job("v1.2.0"), "review")
    asyncio.run(ReviewTask().run(ctx))
    assert ctx.evidences("commits")[0].value["commits"][0]["subject"] == "Innocent [/red] \ufffdtxet"


def test_the_same_version_again_changes_nothing_and_asks_nobody(host: Host) -> None:
    ctx = Told(host.settings(), host.job("v1.0.0"), "review")
    assert asyncio.run(ReviewTask().run(ctx)).startswith("nothing changes")
    assert ctx.gates == []
    assert ctx.evidences("commits")[0].value["commits"] == []


def ci(host: Host, status: str | bytes | None, **keys: Any) -> Told:
    """The step's context after it ran on a status file of this content, at a path with the commit in it."""
    job = host.job("v1.1.0")
    if status is not None:
        content = status if isinstance(status, bytes) else status.encode()
        (host.folder / f"{job.new.exact}.json").write_bytes(content)
    ctx = Told(host.settings(ci={"status_file": "{commit}.json", **keys}), job, "ci")
    asyncio.run(CiTask().run(ctx))
    return ctx


def checks(**results: str) -> str:
    return json.dumps({"checks": [{"name": name, "result": result} for name, result in results.items()]})


def test_passed_checks_are_kept_by_name(host: Host) -> None:
    ctx = ci(host, checks(unit="passed", e2e="passed"), required=("unit", "e2e"))
    assert ctx.evidences("checks")[0].value == {
        "commit": ctx.job.new.exact,
        "checks": [{"name": "unit", "result": "passed"}, {"name": "e2e", "result": "passed"}],
    }
    assert ctx.gates == []


@pytest.mark.parametrize(
    ("status", "keys", "what"),
    [
        (checks(unit="passed", e2e="failed", lint="pending"), {}, "has not passed: e2e failed; lint pending"),
        (checks(unit="green"), {}, "has not passed: unit unknown"),
        (checks(unit="passed"), {"required": ("unit", "e2e")}, "has not passed: e2e missing"),
        (checks(), {}, "has no checks at all"),
        (None, {}, "There is no pipeline result"),
        ("<html>502</html>", {}, "holds no JSON"),
        ('{"checks": {"unit": "passed"}}', {}, 'JSON without a list "checks"'),
        ('{"checks": [{"result": "passed"}]}', {}, "checks[0] has no name or no result"),
        (b"\xff\xfe\x00", {}, "holds no JSON"),
        ("[" * 100_000, {}, "holds no JSON"),
    ],
)
def test_what_has_not_passed_fails_with_its_name(host: Host, status: str | None, keys: Any, what: str) -> None:
    with pytest.raises(WorkFailed) as failure:
        ci(host, status, **keys)
    assert what in failure.value.what
    assert failure.value.hint


def test_a_failed_check_that_is_not_required_does_not_stop_the_release(host: Host) -> None:
    ctx = ci(host, checks(unit="passed", flaky="failed"), required=("unit",))
    assert ctx.evidences("checks")[0].text == "1 of 2 checks passed"


def test_a_command_may_tell_instead_even_if_it_ends_with_an_error(host: Host) -> None:
    script = 'echo "{\\"checks\\": [{\\"name\\": \\"$1\\", \\"result\\": \\"failed\\"}]}"; exit 8'
    settings = host.settings(ci={"command": ["sh", "-c", script, "sh", "{commit}"]})
    job = host.job("v1.1.0")
    with pytest.raises(WorkFailed, match=f"{job.new.exact} failed"):
        asyncio.run(CiTask().run(Told(settings, job, "ci")))
    settings = host.settings(ci={"command": ["sh", "-c", "echo no network >&2; exit 1"]})
    with pytest.raises(CommandFailed, match="no network"):
        asyncio.run(CiTask().run(Told(settings, job, "ci")))


def test_without_a_pipeline_to_read_a_person_attests(host: Host) -> None:
    ctx = Told(host.settings(), host.job("v1.1.0"), "ci")
    assert "anna (pts/1)" in asyncio.run(CiTask().run(ctx))
    assert ctx.job.new.exact in ctx.gates[0].detail
    assert ctx.evidences("attested")[0].value["by"] == "anna (pts/1)"
