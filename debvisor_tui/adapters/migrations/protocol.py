"""What is asked of the place where a release's own code runs: this host, a container, a pod."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from debvisor_tui.system.execute import Completed, Converse, Executor


class CodeRunner(Protocol):
    """One release's code and the Python that it runs in.

    `interpreter`: for people, in errors; `moved`: pairs of what the config and the release's files call a folder,
    and where it is for this code; `folders`: what lies in none of them is not this release's own; empty: not known.
    """

    interpreter: str
    moved: tuple[tuple[Path, Path], ...]
    folders: tuple[Path, ...]

    def find(self, path: Path) -> Path:
        """Where this code finds what the config calls `path`."""

    async def python(
        self,
        execute: Executor,
        program: Path,
        args: Sequence[str],
        env: Mapping[str, str],
        converse: Converse,
    ) -> Completed:
        """Run `program`, a folder of this host with a __main__.py, beside the release's code. `converse` gets its
        stdout, a line at a time, and gives its stdin; its stderr goes to the log. Its exit code is not checked."""
