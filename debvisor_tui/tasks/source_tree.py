"""A commit's files in a temporary folder: looked at while the checkout stays as it is."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.platforms.execute import Executor
from debvisor_tui.tasks.database import Tree

GIT_ENV = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@asynccontextmanager
async def exported(execute: Executor, checkout: Path, commit: str) -> AsyncIterator[Tree]:
    """The files of `commit`; removed on leaving, also when cancelled. WorkFailed if it is not in the checkout.

    By an index of its own and not by `git worktree`: that would leave its traces in the repository if we died.
    """
    git = ["git", "-C", str(checkout), "-c", f"safe.directory={checkout}"]
    there = await execute([*git, "cat-file", "-e", f"{commit}^{{commit}}"], env=GIT_ENV, check=False)
    if there.exit_code != 0:
        raise WorkFailed(
            f"Commit {commit[:12]} is not in {checkout}", f"Fetch it: git -C {checkout} fetch --tags. Then retry."
        )
    with tempfile.TemporaryDirectory(prefix="debvisor-tree-", ignore_cleanup_errors=True) as folder:
        env = {**GIT_ENV, "GIT_INDEX_FILE": f"{folder}/index"}
        tree = Path(folder) / "tree"
        tree.mkdir(0o700)
        await execute([*git, "read-tree", commit], env=env)
        await execute([*git, "checkout-index", "--all", "--quiet", f"--prefix={tree}/"], env=env)
        yield Tree(checkout, tree)


async def head_commit(execute: Executor, checkout: Path) -> str:
    """The full sha that `checkout` is at."""
    git = ["git", "-C", str(checkout), "-c", f"safe.directory={checkout}"]
    done = await execute([*git, "rev-parse", "HEAD"], env=GIT_ENV, capture=True, quiet=True)
    return done.text.strip()
