"""A release's code on this host: an interpreter, and the folder where it is, or where it was put to be looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from debvisor_tui.adapters.databases import folder_of
from debvisor_tui.config.settings import Settings
from debvisor_tui.system.execute import Completed, Converse, Executor


class HostCode:
    """See :class:`..protocol.CodeRunner`. `place`: the folder of the code in place; `copy`: the folder of the code to
    run, if that is another; `venv`: the environment that it runs in, and the interpreter there, if that is not the
    one in use."""

    def __init__(
        self, settings: Settings, place: Path, copy: Path | None = None, venv: tuple[Path, Path] | None = None
    ) -> None:
        self.interpreter = str(venv[1] if venv else settings.database.python)
        self.folders = tuple(folder for folder in (copy, venv and venv[0]) if folder) if copy else ()
        self._cwd = folder_of(settings)
        self.moved = () if copy is None else tuple((old, copy) for old in dict.fromkeys((place, place.resolve())))

    def find(self, path: Path) -> Path:
        """In the copy, if `path` is there: what no release holds, an ini not in git, is used where it is."""
        for named in (path, path.resolve()):  # a link may lead into the checkout from outside
            for old, new in self.moved:
                if named.is_relative_to(old) and (there := new / named.relative_to(old)).exists():
                    return there
        return path

    async def python(
        self,
        execute: Executor,
        program: Path,
        args: Sequence[str],
        env: Mapping[str, str],
        converse: Converse,
    ) -> Completed:
        env = {**env, "PYTHONDONTWRITEBYTECODE": "1"}  # looking at a checkout must not make it dirty
        argv = [self.interpreter, str(program), *args]
        return await execute(argv, cwd=self.find(self._cwd), env=env, check=False, quiet=True, converse=converse)
