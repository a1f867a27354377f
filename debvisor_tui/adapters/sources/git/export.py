"""A commit's files in a temporary folder: looked at while the checkout stays as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from debvisor_tui.adapters.sources.git.commands import Git, shown_git
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.system.scratch import scratch

WRITING: Final = 600.0  # seconds for a large repository on a slow disk


@asynccontextmanager
async def exported(git: Git, commit: str) -> AsyncIterator[Path]:
    """The files of `commit`; removed on leaving, also when cancelled. WorkFailed if it is not in the checkout.

    By an index of its own and not by `git worktree`: that would leave its traces in the repository if we died.
    """
    checkout = git.checkout
    if not await git.commit_of(commit):
        raise WorkFailed(
            f"Commit {commit[:12]} is not in {checkout}",
            f"Fetch it with `{shown_git(checkout, 'fetch', '--tags')}`, then retry.",
        )
    with scratch("tree") as folder:
        environ = {**git.environ, "GIT_INDEX_FILE": f"{folder}/index"}
        tree = folder / "tree"
        tree.mkdir(0o700)
        await git.run("read-tree", commit, environ=environ, limit=WRITING)
        await git.run("checkout-index", "--all", "--quiet", f"--prefix={tree}/", environ=environ, limit=WRITING)
        yield tree
