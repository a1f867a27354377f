"""Pull and code back on a real checkout: forward to a proved tag, back to a record, and never over anybody's work."""

import asyncio
from pathlib import Path

import pytest
from releasing import Host, Told, git, make_host

from debvisor_tui.model.changes import ChangeKind, ChangeState
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.findings import Found
from debvisor_tui.model.playbook import RunKind
from debvisor_tui.tasks.pull import PullTask
from debvisor_tui.tasks.revert_release import RevertReleaseTask


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path)


def pull(host: Host, version: str = "v1.1.0") -> tuple[str, Told]:
    ctx = Told(host.settings(), host.job(version), "pull")
    return asyncio.run(PullTask().run(ctx)), ctx


def refused(host: Host, version: str = "v1.1.0") -> WorkFailed:
    """The refusal; the checkout must be as it was, and no change recorded."""
    before = host.head(), git(host.checkout, "status", "--porcelain")
    ctx = Told(host.settings(), host.job(version), "pull")
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(PullTask().run(ctx))
    assert (host.head(), git(host.checkout, "status", "--porcelain")) == before
    assert ctx.made == []
    assert failure.value.hint
    return failure.value


def test_it_goes_forward_to_the_tag_and_records_both_ends(host: Host) -> None:
    old = host.head()
    done, ctx = pull(host)
    new = git(host.work, "rev-parse", "v1.1.0^{commit}")
    assert host.head() == new
    assert git(host.checkout, "symbolic-ref", "--short", "HEAD") == "main"
    [change] = ctx.made
    assert (change.kind, change.state, change.subject) == (ChangeKind.CODE, ChangeState.DONE, str(host.checkout))
    assert change.before == {"commit": old, "version": "v1.0.0"}
    assert change.after == {"commit": new, "version": "v1.1.0"}
    [code] = ctx.evidences("code")
    assert code.value == {
        "label": "commit",
        "before": old,
        "after": new,
        "before_version": "v1.0.0",
        "after_version": "v1.1.0",
        "files": 2,
    }
    assert done == f"v1.0.0 → v1.1.0 ({new[:12]})"
    told = [line for line in ctx.lines if line.startswith("cmd: ")]
    assert len(told) == 2  # the fetch and the merge; questions are not worth a line
    assert told[1].endswith(f"merge --ff-only {new}")


def test_what_is_in_place_already_changes_nothing(host: Host) -> None:
    pull(host)
    done, ctx = pull(host)
    assert "in place already" in done
    assert ctx.made == []


def test_changed_files_are_named_and_left_alone(host: Host) -> None:
    (host.checkout / "VERSION").write_text("patched at night\n")
    error = refused(host)
    assert "1 changed file: VERSION" in error.what
    assert "stash" in error.hint
    assert (host.checkout / "VERSION").read_text() == "patched at night\n"


def test_an_untracked_file_in_the_way_is_not_overwritten_even_if_git_ignores_it(host: Host) -> None:
    (host.checkout / ".git/info/exclude").write_text("panel.py\n")
    (host.checkout / "panel.py").write_text("mine\n")
    assert "untracked" in refused(host).what
    assert (host.checkout / "panel.py").read_text() == "mine\n"


def test_a_git_that_died_or_works_there_is_named_with_its_lock(host: Host) -> None:
    lock = host.checkout / ".git/index.lock"
    lock.touch()
    old = host.head()
    ctx = Told(host.settings(), host.job("v1.1.0"), "pull")
    with pytest.raises(WorkFailed, match="another git works there, or died there") as failure:
        asyncio.run(PullTask().run(ctx))
    assert str(lock) in failure.value.hint
    assert (ctx.made[0].state, ctx.made[0].after["commit"]) == (ChangeState.FAILED, old)


def test_an_older_version_is_a_matter_for_rollback(host: Host) -> None:
    pull(host)
    error = refused(host, "v1.0.0")
    assert error.what == "v1.0.0 is older than v1.1.0, which is in place"
    assert "roll the last release back" in error.hint


def test_diverged_history_is_counted(host: Host) -> None:
    git(host.checkout, "commit", "-q", "--allow-empty", "-m", "hotfix")
    assert "has 1 commit that v1.1.0 lacks" in refused(host).what


def test_an_origin_that_is_gone_is_said_in_gits_words(host: Host) -> None:
    job = host.job("v1.1.0")
    host.origin.rename(host.folder / "elsewhere")
    ctx = Told(host.settings(), job, "pull")
    with pytest.raises(WorkFailed) as failure:
        asyncio.run(PullTask().run(ctx))
    assert str(host.origin) in failure.value.what
    assert "does not appear to be a git repository" in failure.value.what
    assert "\n" not in failure.value.what


@pytest.mark.parametrize("known", [True, False])
def test_a_tag_that_was_moved_after_the_plan_is_refused(host: Host, known: bool) -> None:
    job = host.job("v1.1.0")
    if known:
        git(host.checkout, "fetch", "-q", "--tags")
    git(host.work, "tag", "-f", "-a", "-m", "moved", "v1.1.0", "v1.10.0^{commit}")
    git(host.work, "push", "-q", "-f", "--tags")
    ctx = Told(host.settings(), job, "pull")
    with pytest.raises(WorkFailed, match=r"The tag v1\.1\.0 was moved"):
        asyncio.run(PullTask().run(ctx))
    assert ctx.made == []


def test_another_tag_that_was_moved_does_not_stop_the_release(host: Host) -> None:
    git(host.checkout, "fetch", "-q", "--tags")
    git(host.work, "tag", "-f", "-a", "-m", "moved", "v1.10.0", "v1.0.0^{commit}")
    git(host.work, "push", "-q", "-f", "--tags")
    done, ctx = pull(host)
    assert done.startswith("v1.0.0 → v1.1.0")
    assert "v1.10.0" in ctx.log_text


def test_inspection_tells_where_the_checkout_stands(host: Host) -> None:
    ctx = Told(host.settings(), host.job("v1.1.0"), "pull")

    def found() -> Found:
        return asyncio.run(PullTask().inspect(ctx)).found

    assert found() is Found.NOT_DONE
    asyncio.run(PullTask().run(ctx))
    assert found() is Found.DONE
    (host.checkout / "VERSION").write_text("half")
    assert found() is Found.PARTLY
    git(host.checkout, "checkout", "-q", "--", "VERSION")
    git(host.checkout, "reset", "-q", "--hard", "v1.10.0")
    assert found() is Found.UNKNOWN


def test_code_goes_back_to_the_record_on_the_same_branch_and_keeps_other_files(host: Host) -> None:
    old = host.head()
    pull(host)
    new = host.head()
    (host.checkout / "notes.txt").write_text("somebody's")
    job = host.job("v1.0.0", RunKind.ROLLBACK, commit=old, version="v1.0.0")
    ctx = Told(host.settings(), job, "revert-release")
    assert RevertReleaseTask().commands(ctx.settings, job) == (f"git -C {host.checkout} reset --keep {old}",)
    asyncio.run(RevertReleaseTask().run(ctx))
    assert host.head() == old
    assert git(host.checkout, "symbolic-ref", "--short", "HEAD") == "main"
    assert git(host.checkout, "status", "--porcelain") == "?? notes.txt"
    assert ctx.made[0].before == {"commit": new, "version": "v1.1.0"}
    assert asyncio.run(RevertReleaseTask().inspect(ctx)).found is Found.DONE


def test_code_back_refuses_to_throw_changed_files_away(host: Host) -> None:
    old = host.head()
    pull(host)
    new = host.head()
    (host.checkout / "VERSION").write_text("patched\n")
    ctx = Told(host.settings(), host.job("v1.0.0", RunKind.ROLLBACK, commit=old), "revert-release")
    with pytest.raises(WorkFailed, match="1 changed file: VERSION"):
        asyncio.run(RevertReleaseTask().run(ctx))
    assert host.head() == new
    assert (host.checkout / "VERSION").read_text() == "patched\n"
