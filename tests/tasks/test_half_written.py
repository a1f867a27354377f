"""A git that is killed in the middle of a pull: found out, finished or taken back exactly; nobody's work is lost."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from releasing import ANNA, Host, Told, copy_of, git, make_host

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.changes import Change, ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.tasks.base import Job
from debvisor_tui.tasks.pull import PullTask
from debvisor_tui.tasks.revert_release import RevertReleaseTask

FILES = 1500
COUNTS = [1, *(pytest.param(count, marks=pytest.mark.slow) for count in (500, FILES))]


@pytest.fixture
def host(tmp_path: Path, template: Path) -> Host:
    return copy_of(template, tmp_path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v2.0.0 adds so many files that git is caught at it, changes one and removes one."""
    host = make_host(tmp_path_factory.mktemp("many"))
    host.commit("old.txt", "old\n", "an old file", push=True)
    git(host.checkout, "pull", "-q")
    (host.work / "many").mkdir()
    for number in range(FILES):
        (host.work / "many" / f"{number}.txt").write_text(f"{number}\n" * 50)
    (host.work / "old.txt").unlink()
    git(host.work, "add", "-A")
    host.commit("app.txt", "two\n" * 1000, "so much", tag="v2.0.0")
    return host.folder


def begun(host: Host, old: str) -> Told:
    """The step after its runner was killed in it: a change was intended, its outcome never recorded."""
    ctx = Told(host.settings(), host.job("v2.0.0"), "pull")
    before = {"commit": old, "version": "v1.0.0"}
    ctx.made.append(Change(1, "pull", ChangeKind.CODE, str(host.checkout), ChangeState.INTENDED, before))
    return ctx


def kill_in_the_middle(host: Host, *command: str, count: int) -> None:
    """Run git in the checkout, and kill it once `count` of the new files are there (or are left)."""
    folder = host.checkout / "many"
    going = folder.exists()
    with subprocess.Popen(["git", "-C", str(host.checkout), *command], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            try:
                there = len(os.listdir(folder))
            except FileNotFoundError:  # not yet, or not any more
                there = 0
            if (there <= FILES - count) if going else (there >= count):
                process.send_signal(signal.SIGKILL)
                break
        process.wait(20)


def way_back(old: str, new: str, facts: Mapping[str, Any]) -> Job:
    there, here = Artifact("v2.0.0", {"commit": new}), Artifact("v1.0.0", {"commit": old})
    return Job(RunKind.ROLLBACK, there, here, ANNA, facts=facts)


def as_if_never_begun(host: Host, commit: str) -> bool:
    clean = git(host.checkout, "status", "--porcelain") == ""
    return host.head() == commit and clean and not list((host.checkout / ".git").rglob("*.lock"))


@pytest.mark.slow
@pytest.mark.parametrize("count", COUNTS)
def test_a_merge_that_was_killed_is_seen_retried_and_taken_back(host: Host, count: int) -> None:
    old, new = host.head(), git(host.work, "rev-parse", "v2.0.0^{commit}")
    git(host.checkout, "fetch", "-q", "--tags")
    kill_in_the_middle(host, "merge", "--ff-only", new, count=count)
    ctx = begun(host, old)
    finding = asyncio.run(PullTask().inspect(ctx))
    assert finding.found in ({Found.PARTLY} if host.head() == old else {Found.DONE, Found.PARTLY}), finding
    copy = host.checkout.with_name("copy")
    shutil.copytree(host.checkout, copy, symlinks=True)

    asyncio.run(PullTask().run(ctx))
    assert as_if_never_begun(host, new)

    shutil.rmtree(host.checkout)
    copy.rename(host.checkout)
    back = Told(host.settings(), host.job("v2.0.0", RunKind.ROLLBACK, commit=old, version="v1.0.0"), "revert-release")
    back.job = way_back(old, new, back.job.facts)
    asyncio.run(RevertReleaseTask().run(back))
    assert as_if_never_begun(host, old)


@pytest.mark.parametrize("count", COUNTS)
def test_a_reset_that_was_killed_is_taken_up_again(host: Host, count: int) -> None:
    old, new = host.head(), git(host.work, "rev-parse", "v2.0.0^{commit}")
    git(host.checkout, "pull", "-q", "--tags")
    kill_in_the_middle(host, "reset", "--keep", old, count=count)
    back = Told(host.settings(), way_back(old, new, {"commit": old}), "revert-release")
    assert asyncio.run(RevertReleaseTask().inspect(back)).found is not Found.UNKNOWN
    asyncio.run(RevertReleaseTask().run(back))
    assert as_if_never_begun(host, old)


@pytest.mark.slow
def test_what_a_person_has_changed_meanwhile_is_not_touched(host: Host) -> None:
    old = host.head()
    git(host.checkout, "fetch", "-q", "--tags")
    kill_in_the_middle(host, "merge", "--ff-only", "v2.0.0", count=500)
    (host.checkout / "app.txt").write_text("fixed by hand at 3 a.m.\n")
    before = {path: path.read_bytes() for path in host.checkout.rglob("*.txt")}
    with pytest.raises(WorkFailed, match=r"cut off half-way .* somebody has changed app\.txt since"):
        asyncio.run(PullTask().run(begun(host, old)))
    assert {path: path.read_bytes() for path in host.checkout.rglob("*.txt")} == before


def test_a_pipe_in_a_files_place_is_somebodys_and_is_not_waited_for(host: Host) -> None:
    old = host.head()
    git(host.checkout, "fetch", "-q", "--tags")
    kill_in_the_middle(host, "merge", "--ff-only", "v2.0.0", count=500)
    there = next(iter(sorted((host.checkout / "many").iterdir())))
    there.unlink()
    os.mkfifo(there)
    with pytest.raises(WorkFailed, match=re.escape(there.name)):
        asyncio.run(asyncio.wait_for(PullTask().run(begun(host, old)), 30))
    assert there.is_fifo()


def test_without_a_change_of_this_run_a_dirty_checkout_is_somebody_elses(host: Host) -> None:
    git(host.checkout, "fetch", "-q", "--tags")
    kill_in_the_middle(host, "merge", "--ff-only", "v2.0.0", count=500)
    with pytest.raises(WorkFailed):
        asyncio.run(PullTask().run(Told(host.settings(), host.job("v2.0.0"), "pull")))


def test_a_lock_whose_git_lives_is_left_alone(host: Host) -> None:
    git(host.checkout, "fetch", "-q", "--tags")
    lock = host.checkout / ".git" / "index.lock"
    lock.touch()
    alive = subprocess.Popen(["git", "-C", str(host.checkout), "cat-file", "--batch"], stdin=subprocess.PIPE)
    try:
        with pytest.raises(WorkFailed, match="Another git works"):
            asyncio.run(PullTask().run(begun(host, host.head())))
        assert lock.exists()
    finally:
        alive.communicate()
    asyncio.run(PullTask().run(begun(host, host.head())))
    assert not lock.exists()
