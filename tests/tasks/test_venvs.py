"""A release and what it installs go forward together, and back together; what is tried is what will run."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from migrating import Release, make_release, run
from venv_host import VenvHost, make_venv_host, with_first, with_stubs

from debvisor_tui.adapters.sources import open_source
from debvisor_tui.config.settings import Settings
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.rollback import plan_rollback
from debvisor_tui.model.views import ReleasePlan
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.migration_check import MigrationCheckTask
from debvisor_tui.tasks.plan import plan_release
from debvisor_tui.tasks.pull import PullTask
from debvisor_tui.tasks.revert_database import RevertDatabaseTask
from debvisor_tui.tasks.revert_release import RevertReleaseTask
from debvisor_tui.tasks.upgrade import UpgradeTask


def planned(release: Release, version: str = "v1.1.0") -> ReleasePlan:
    return run(plan_release(release.settings, version))


def job_of(plan: ReleasePlan, release: Release) -> Job:
    return replace(release.job(plan.new.version), old=plan.old, new=plan.new)


def back(job: Job, host: VenvHost) -> Job:
    """The job of what puts back what the pull has recorded."""
    recorded = host.release.made[0].before
    return replace(job, old=job.new, new=job.old, facts={**recorded, "revision": "a1"})


@pytest.mark.slow
def test_what_the_release_installs_is_tried_shipped_and_put_back(tmp_path: Path) -> None:
    host = with_first(make_venv_host(tmp_path))
    release = host.release
    plan = planned(release)
    assert (plan.problems, plan.warnings) == ((), ())
    assert plan.old.environment == "first"
    place = host.venvs / plan.new.environment
    job = job_of(plan, release)
    check, pull = MigrationCheckTask().commands(release.settings, job), PullTask().commands(release.settings, job)
    assert any("pip install" in line and str(place) in line for line in check)
    assert any(f"{place} {host.link}" in line.replace(".venv.new", "venv") for line in pull)

    (place / "bin").mkdir(parents=True)  # as a runner leaves it that was killed in the middle of pip
    (place / "bin" / "python").symlink_to("/nowhere")
    run(MigrationCheckTask().run(release.context("migration-check", job)))
    assert [m["revision"] for m in release.value("migrations")["pending"]] == ["b2"], "read where it will run"
    assert release.value("migrations")["elsewhere"] == ""
    assert release.value("trial")["tried"][0]["revision"] == "b2"
    assert release.value("environment")["built"]
    assert host.in_use() == "1.0", "nothing is switched by looking"

    run(PullTask().run(release.context("pull", job)))
    assert (host.in_use(), host.link.resolve()) == ("2.0", place)
    [change] = release.made
    assert (change.before["environment"], change.after["environment"]) == ("first", place.name)
    run(UpgradeTask().run(release.context("upgrade", job)))
    assert release.rows("SELECT version_num FROM alembic_version") == [("b2",)]

    back_plan = plan_rollback(1, "v1.1.0", "v1.0.0", release.made)
    assert any(action.does.endswith(", in the environment first") for action in back_plan.enabled)
    assert not any("Putting the code back" in warning for warning in back_plan.warnings)
    host.wheels.rename(tmp_path / "gone")  # no network, no wheelhouse: the way back needs neither
    (tmp_path / "origin.git").rename(tmp_path / "gone.git")
    undo = back(job, host)
    run(RevertDatabaseTask().run(release.context("revert-database", undo)))
    run(RevertReleaseTask().run(release.context("revert-release", undo)))
    assert (host.in_use(), host.link.resolve().name) == ("1.0", "first")
    assert release.rows("SELECT version_num FROM alembic_version") == [("a1",)]
    assert (host.venvs / plan.new.environment).is_dir(), "what was built is kept for the next try"

    again = job_of(plan, release)
    run(MigrationCheckTask().run(release.context("migration-check", again)))
    assert not release.value("environment")["built"]


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    host = with_stubs(tmp_path, install=[["true"], ["ls", "{venv}/no-such-package"]])
    job = job_of(planned(host.release), host.release)
    with pytest.raises(WorkFailed, match="no-such-package"):
        run(MigrationCheckTask().run(host.release.context("migration-check", job)))
    assert not (host.venvs / job.new.environment).exists(), "half of it is of no use"
    assert host.link.resolve().name == "first"


def test_a_pull_that_was_cut_off_between_code_and_environment_is_seen_and_taken_up(tmp_path: Path) -> None:
    host = with_stubs(tmp_path)
    release, source = host.release, open_source(host.release.settings)
    job = job_of(planned(release), release)
    run(source.obtain(release.context("migration-check", job), job.new))
    release.git("merge", "-q", "--ff-only", job.new.exact)
    found = run(PullTask().inspect(release.context("pull", job)))
    assert found.found is Found.PARTLY
    with pytest.raises(WorkFailed, match="has the environment first, not"):
        run(UpgradeTask().run(release.context("upgrade", job)))
    run(PullTask().run(release.context("pull", job)))
    assert host.link.resolve().name == job.new.environment
    assert run(PullTask().inspect(release.context("pull", job))).found is Found.DONE


def test_old_environments_go_when_no_release_needs_them(tmp_path: Path) -> None:
    host = with_stubs(tmp_path, keep=1)
    release, recorded = host.release, []
    for number in range(1, 6):
        if number > 1:
            host.wants(f"v1.{number}.0", f"2.{number}")
        job = job_of(planned(release, f"v1.{number}.0"), release)
        release.made.clear()  # a run of its own
        run(PullTask().run(release.context("pull", job)))
        recorded += [change.after["environment"] for change in release.made]
        if number == 1:
            release.standing = (tuple(release.made),)
    left = {place.name for place in host.venvs.iterdir() if place.is_dir()}
    one, two, *others = recorded
    assert left == {"first", one, *others}, "what stands needs, what runs, what ran, and the newest besides"
    assert not (host.venvs / two).exists()


def test_a_folder_of_environments_belongs_to_one_target(tmp_path: Path) -> None:
    host = with_stubs(tmp_path)
    (host.venvs / ".link").write_text("/srv/staging/venv\n")
    job = job_of(planned(host.release), host.release)
    with pytest.raises(WorkFailed, match="holds the environments of /srv/staging/venv"):
        run(PullTask().run(host.release.context("pull", job)))
    assert not (host.venvs / job.new.environment).exists()
    assert host.link.resolve().name == "first"
    assert host.release.git("describe", "--tags") == "v1.0.0"


def test_a_way_back_that_does_not_start_is_known_before_anything_is_put_in_place(tmp_path: Path) -> None:
    host = with_stubs(tmp_path)
    job = job_of(planned(host.release), host.release)
    python = host.venvs / "first" / "bin" / "python"
    python.unlink()
    python.symlink_to("/bin/false")
    with pytest.raises(WorkFailed, match="first does not work: it ended with 1"):
        run(PullTask().run(host.release.context("pull", job)))
    assert host.release.git("describe", "--tags") == "v1.0.0"


def test_what_cannot_be_named_is_like_no_other_environment(tmp_path: Path) -> None:
    """Somebody put a folder in the link's place: the rollback neither takes it for the old one nor moves it."""
    host = with_stubs(tmp_path)
    release = host.release
    job = job_of(planned(release), release)
    run(PullTask().run(release.context("pull", job)))
    host.link.unlink()
    host.link.mkdir()
    release.git("reset", "-q", "--hard", "v1.0.0")
    undo = back(job, host)
    assert run(RevertReleaseTask().inspect(release.context("revert-release", undo))).found is not Found.DONE
    with pytest.raises(WorkFailed, match="is a folder, not a link"):
        run(RevertReleaseTask().run(release.context("revert-release", undo)))
    host.link.rmdir()
    host.link.symlink_to(host.venvs / job.new.environment)
    (host.venvs / ".link").write_text("/srv/moved/venv\n")  # the way back needs the link, and no more
    run(RevertReleaseTask().run(release.context("revert-release", undo)))
    assert host.link.resolve().name == "first"


def test_a_run_goes_on_with_the_environments_that_it_was_planned_with(tmp_path: Path) -> None:
    host = with_stubs(tmp_path)
    release, settings = host.release, host.release.settings
    job = job_of(planned(release), release)
    release.settings = settings.model_copy(update={"venv": None})
    with pytest.raises(WorkFailed, match=r"v1.1.0 runs in the environment .*, and the config has no \[venv\]"):
        run(PullTask().run(release.context("pull", job)))
    release.settings = settings
    run(PullTask().run(release.context("pull", job)))
    release.settings = settings.model_copy(update={"venv": None})
    with pytest.raises(WorkFailed, match=r"v1.0.0 runs in the environment first, and the config has no \[venv\]"):
        run(RevertReleaseTask().run(release.context("revert-release", back(job, host))))
    release.settings = settings
    without = replace(job, new=Artifact("v1.1.0", {"commit": job.new.exact}))
    with pytest.raises(WorkFailed, match="was planned without an environment"):
        run(MigrationCheckTask().run(release.context("migration-check", without)))


def test_the_plan_refuses_what_has_no_way_back(tmp_path: Path) -> None:
    host = make_venv_host(tmp_path)
    [problem] = planned(host.release).problems
    assert problem.startswith(f"There is no {host.link}, which venv.link names.")
    host.link.mkdir()
    [problem] = planned(host.release).problems
    assert f"{host.link} is a folder, not a link" in problem
    assert f"mv {host.link} {host.venvs / 'first'}" in problem
    host.link.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    host.link.symlink_to(elsewhere)
    [problem] = planned(host.release).problems
    assert f"leads to {elsewhere}, which is not in {host.venvs}" in problem
    host.link.unlink()
    (host.venvs / "first").mkdir(parents=True)
    host.link.symlink_to(host.venvs / "first")
    [problem] = planned(host.release).problems
    assert "is no program: the environment in use is broken" in problem
    (host.venvs / "current").symlink_to(host.venvs / "first")
    host.link.unlink()
    host.link.symlink_to(host.venvs / "current")
    [problem] = planned(host.release).problems
    assert f"leads to {host.venvs / 'current'}, another link" in problem
    (host.venvs / ".link").write_text("/srv/staging/venv\n")
    [problem] = planned(host.release).problems
    assert "holds the environments of /srv/staging/venv" in problem


def with_included(release: Release) -> Settings:
    """v1.4.0 and v1.5.0 differ in a file that another file includes; another tool than pip installs them."""
    was = release.settings
    assert was.venv is not None
    venv = was.venv.model_copy(update={"requirements": ("wanted.in",), "install": (("uv", "sync"),)})
    release.settings = was.model_copy(update={"venv": venv})
    (release.checkout / "wanted.in").write_text("-r base.in\n")
    for version, wanted in (("v1.4.0", "attrs==1\n"), ("v1.5.0", "attrs==2\n")):
        (release.checkout / "base.in").write_text(wanted)
        release.tag(version)
    return was


def test_the_name_is_of_what_is_installed_and_how(tmp_path: Path) -> None:
    host = make_venv_host(tmp_path)
    release = host.release
    here = release.git("rev-parse", "HEAD")

    def name(version: str) -> str:
        return planned(release, version).new.environment

    (release.checkout / "README").write_text("nothing that is installed")
    release.tag("v1.2.0")
    assert name("v1.2.0") == name("v1.0.0"), "shared: nothing else is installed for it"
    (release.checkout / "more" / "pins.txt").write_text("attrs==1\n")
    release.tag("v1.3.0")
    assert name("v1.3.0") != name("v1.2.0"), "what a file includes counts"
    release.git("reset", "-q", "--hard", here)
    other = with_included(release)
    assert name("v1.4.0") != name("v1.5.0"), "whatever tool installs it"
    release.settings = other
    (tmp_path / "whole").mkdir()
    whole = make_venv_host(tmp_path / "whole", project=True).release
    whole.tag("v1.2.0")
    assert planned(whole, "v1.0.0").new.environment != planned(whole, "v1.2.0").new.environment, "one a release"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-e .", "installs the release's own files: line 1, '-e .'"),
        ("./vendored", "installs the release's own files"),
        ("-e src/", "installs the release's own files"),
        ("vendor/panel-1.0-py3-none-any.whl", "installs the release's own files"),
        ("panel @ ./src", "installs the release's own files"),
        ("-r not/there.txt", "has no file not/there.txt"),
    ],
)
def test_requirements_that_cannot_be_kept_apart_are_a_problem_of_the_plan(
    tmp_path: Path, line: str, told: str
) -> None:
    host = with_stubs(tmp_path, install=[])
    (host.release.checkout / "requirements.txt").write_text(f"{line}\n")
    host.release.tag("v1.2.0")
    host.release.git("reset", "-q", "--hard", "v1.0.0")
    [problem] = planned(host.release, "v1.2.0").problems
    assert told in problem


def test_without_environments_the_plan_says_what_a_rollback_leaves(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    for name, text in (("requirements.txt", "attrs\n"), ("pyproject.toml", "[project]\nversion = '1'\n")):
        (release.checkout / name).write_text(text)
    release.tag("v1.1.0")
    (release.checkout / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    release.tag("v1.2.0")
    source = open_source(release.settings)
    one, two, three = (Artifact(v, release.job(v).new.identity) for v in ("v1.0.0", "v1.1.0", "v1.2.0"))
    assert asyncio.run(source.stays(one, two)) == ("what is installed for requirements.txt",)
    assert asyncio.run(source.stays(two, three)) == (), "another version number installs nothing"
    release.git("reset", "-q", "--hard", "v1.0.0")
    assert planned(release).warnings == (
        "A rollback will leave what is installed for requirements.txt as it is then.",
    )
    before = {"commit": one.exact, "stays": ["what is installed for requirements.txt"]}
    change = Change(1, "pull", ChangeKind.CODE, "", ChangeState.DONE, before, {"commit": two.exact})
    [told] = plan_rollback(1, "v1.1.0", "v1.0.0", [change]).warnings
    assert told == "Putting the code back leaves this as v1.1.0 has made it: what is installed for requirements.txt."
