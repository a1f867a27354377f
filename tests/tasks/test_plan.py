"""The plan: versions as people order them, every step's commands, and what stands in the way, said beforehand."""

import asyncio
from pathlib import Path

import pytest
from releasing import Host, git, make_host, web

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.playbook import RELEASE_STEPS
from debvisor_tui.model.views import Now
from debvisor_tui.model.wording import listed
from debvisor_tui.tasks.plan import plan_release, versions
from debvisor_tui.tasks.status import what_runs_now


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


def installed(now: Now) -> str:
    return now.installed.version if now.installed else ""


def test_versions_are_fetched_newest_first_and_say_which_is_in_place(host: Host) -> None:
    found = asyncio.run(versions(host.settings()))
    assert [(v.name, v.current, v.newer) for v in found] == [
        ("v1.10.0", False, True),
        ("v1.1.0", False, True),
        ("v1.0.0", True, False),
    ]
    assert found[0].artifact.exact == git(host.work, "rev-parse", "v1.10.0^{commit}")


def test_without_the_origin_the_known_versions_are_still_listed(host: Host) -> None:
    host.origin.rename(host.folder / "elsewhere")
    assert [v.name for v in asyncio.run(versions(host.settings()))] == ["v1.0.0"]


def test_without_a_checkout_the_error_says_where_to_look(host: Host) -> None:
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(versions(host.settings(source={"checkout": "/nowhere"})))
    assert failure.value.what == "The checkout /nowhere is not there"
    plan = asyncio.run(plan_release(host.settings(source={"checkout": "/nowhere"}), "v1.1.0"))
    assert plan.problems == ("The checkout /nowhere is not there. Check source.checkout in the config.",)


def test_a_good_plan_has_the_commands_of_every_step_and_no_problem(host: Host) -> None:
    before = host.head()
    plan = asyncio.run(plan_release(host.settings(steps={"smoke": {"manual": True}}), "v1.1.0"))
    assert plan.problems == ()
    assert (plan.from_version, plan.to_version) == ("v1.0.0", "v1.1.0")
    assert (plan.old.exact, plan.new.exact) == (before, git(host.work, "rev-parse", "v1.1.0^{commit}"))
    assert [s.id for s in plan.steps] == [s.id for s in RELEASE_STEPS]
    commands = {s.id: s.commands for s in plan.steps}
    assert commands["pull"] == (
        f"git -C {host.checkout} fetch --tags --no-recurse-submodules -- origin",
        f"git -C {host.checkout} merge --ff-only {plan.new.exact}",
    )
    config = f"debvisor-cli --config {host.folder}/debvisor.toml"
    assert commands["health"] == (f"{config} health live", f"{config} health ready")
    assert {s.id for s in plan.steps if s.manual} == {"ci", "smoke"}
    assert host.head() == before


def test_an_unknown_version_names_the_newest_and_the_nearest(host: Host) -> None:
    plan = asyncio.run(plan_release(host.settings(), "1.1.0"))
    assert plan.problems == (
        "There is no version 1.1.0. The newest are v1.10.0, v1.1.0, v1.0.0. Did you mean v1.1.0?",
    )
    assert plan.steps == ()
    hostile = asyncio.run(plan_release(host.settings(), "--upload-pack=x\x1b[2J\0"))
    assert hostile.problems[0].startswith("There is no version --upload-pack=x")
    assert "\x1b" not in hostile.problems[0]


def test_everything_that_stands_in_the_way_is_said_at_once(host: Host) -> None:
    git(host.checkout, "fetch", "-q", "--tags")
    git(host.checkout, "commit", "-q", "--allow-empty", "-m", "hotfix")
    (host.checkout / "VERSION").write_text("patched")
    host.origin.rename(host.folder / "elsewhere")
    plan = asyncio.run(plan_release(host.settings(), "v1.1.0"))
    assert [word for p in plan.problems for word in ("fetched", "changed file", "diverged") if word in p] == [
        "fetched",
        "changed file",
        "diverged",
    ]


def test_what_runs_now_never_raises_and_says_what_cannot_be_told(host: Host) -> None:
    now = asyncio.run(what_runs_now(host.settings("http://127.0.0.1:9")))
    assert (now.version, now.installed, now.revision) == ("", Artifact("v1.0.0", {"commit": host.head()}), "")
    assert [(p.name, p.ok, p.text) for p in now.probes] == [
        ("live", False, "connection refused at 127.0.0.1:9"),
        ("ready", False, "connection refused at 127.0.0.1:9"),
    ]
    assert len(now.problems) == 1  # the database


def test_a_file_in_the_way_may_be_called_anything() -> None:
    """The names are the repository's; only what is shown of them is made safe."""
    assert listed(["a\x1b]0;title\x07b", "c\u202ed"], 1) == "ab and 1 more"
    assert listed(["c\u202ed\n"]) == "c\ufffdd"


def test_what_runs_now_is_what_answers_and_not_what_is_checked_out(host: Host) -> None:
    """After a pull without a restart the old release still answers: the first line must say so."""
    with web() as site:
        site.json("/health/live", '{"status": "ok", "version": "1.0.0"}')
        site.json("/health/ready", '{"status": "ok"}')
        now = asyncio.run(what_runs_now(host.settings(site.base)))
        assert (now.version, installed(now), now.proven, now.notes) == ("v1.0.0", "v1.0.0", True, ())
        site.json("/health/live", '{"status": "ok", "version": "0.9.0"}')
        now = asyncio.run(what_runs_now(host.settings(site.base)))
        assert (now.version, installed(now)) == ("0.9.0", "v1.0.0")
        assert now.notes == ("0.9.0 answers; v1.0.0 is in place. Was the service restarted since?",)
        site.json("/health/live", '{"status": "ok"}')
        now = asyncio.run(what_runs_now(host.settings(site.base)))
        assert (now.version, now.proven, now.notes) == ("v1.0.0", False, ()), "it does not say what it is"
    now = asyncio.run(what_runs_now(host.settings(site.base)))
    assert (now.version, now.notes) == ("", ("Nothing answers; v1.0.0 is in place.",))
