"""A release's own Python environment: built beside the one in use, switched to by a link, switched back by it."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from debvisor_tui.adapters.sources.requirements import Read, requirements_of
from debvisor_tui.config.settings import Settings
from debvisor_tui.config.venv import Venv
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.text import one_line
from debvisor_tui.system.failures import shown
from debvisor_tui.system.files import explain, sync_file, sync_folder
from debvisor_tui.system.work import QUIET, Work

Argv = tuple[str, ...]

WHOLE: Final = ".debvisor-tui"  # in an environment: it was built to its end
OF: Final = ".link"  # beside the environments: the link that they are for
NAME: Final = 12  # hex digits
ANSWER: Final = 30.0  # seconds for an interpreter to start, on a cold disk

#: What of the caller's settings for pip would have it install into another place, or another thing; empty is unset.
NOT_OURS: Final = {
    f"PIP_{name}": ""
    for name in ("TARGET", "PREFIX", "ROOT", "USER", "REQUIREMENT", "CONSTRAINT", "EDITABLE", "DRY_RUN", "PYTHON")
}


class Venvs:
    """The environments of a target whose config has [venv]. All raise WorkFailed with what can be done."""

    def __init__(self, settings: Settings) -> None:
        assert settings.venv is not None  # noqa: S101 - the caller looked
        self._settings: Venv = settings.venv
        self._inside = settings.database.python.relative_to(settings.venv.link)
        self.link, self.home = settings.venv.link, settings.venv.home

    # -- looking ------------------------------------------------------------------------------------------------

    async def name_for(self, version: str, exact: str, read: Read) -> str:
        """The name of the environment that the release `version` needs: made of what is installed, and how."""
        settings = self._settings
        digest = hashlib.sha256()
        async for path, content in requirements_of(version, settings, read):
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        python = await asyncio.to_thread(os.path.realpath, settings.python)
        made = [python, settings.project and exact, [list(argv) for argv in settings.install]]
        digest.update(json.dumps(made).encode())
        return digest.hexdigest()[:NAME]

    def current(self) -> str:
        """The name of the environment in use; "" if that is none of ours."""
        try:
            target = self.link.parent / os.readlink(self.link)
        except OSError:
            return ""
        inside = os.path.realpath(target.parent) == os.path.realpath(self.home)
        return target.name if inside else ""

    def obstacle(self, *, in_use: bool = True) -> str:
        """Why the link cannot be switched and switched back, and what can be done; or "". `in_use`: what it leads to
        must be of use, too."""
        link, home = self.link, self.home
        first = home / "first"
        leads = shown(("ln", "-s", str(first), str(link)))
        if not os.path.lexists(link):
            return f"There is no {link}, which venv.link names. Put what runs now at {first}, then: {leads}"
        if not link.is_symlink():
            move = f"{shown(('mkdir', '-p', str(home)))} && {shown(('mv', str(link), str(first)))} && {leads}"
            return (
                f"{link} is a folder, not a link to the environment in use: what is installed could not be put back. "
                f"Move it once, and the service goes on: {move}"
            )
        if not in_use:  # the way back needs a link, and no more
            return ""
        if other := self._of_another():
            return (
                f"{home} holds the environments of {other}. Each target needs a folder of its own: fix venv.folder."
            )
        if not self.current():
            real = os.path.realpath(link)
            return f"{link} leads to {real}, which is not in {home}. Move that there, or fix venv.folder."
        if self.place(self.current()).is_symlink():
            return (
                f"{link} leads to {self.place(self.current())}, another link. Have it lead to the environment itself."
            )
        if not os.access(link / self._inside, os.X_OK):
            return f"{link / self._inside} is no program: the environment in use is broken. Repair it first."
        return ""

    def place(self, name: str) -> Path:
        """The folder of the environment `name`; it may not be there."""
        return self.home / name

    def python(self, name: str) -> Path:
        """Its interpreter, as database.python names it through the link."""
        return self.place(name) / self._inside

    def is_whole(self, name: str) -> bool:
        """Whether it was built here, to its end."""
        return (self.place(name) / WHOLE).is_file()

    async def require(self, name: str) -> None:
        """WorkFailed if the interpreter of `name` does not start."""
        python = self.python(name)
        try:
            done = await QUIET.execute((str(python), "-I", "-c", "pass"), check=False, quiet=True, limit=ANSWER)
            why = "" if done.exit_code == 0 else one_line(done.stderr.decode("utf-8", "replace").strip()[-200:], 200)
            why = why or ("" if done.exit_code == 0 else f"it ended with {done.exit_code}")
        except WorkFailed as error:
            why = error.what
        except TimeoutError:
            why = f"it gave no answer within {ANSWER:.0f} s"
        if why:
            raise WorkFailed(
                f"The environment {self.place(name)} does not work: {why}",
                "Was it removed, or the Python that it was made with? Put that back. What was built here is built "
                "anew for a release if its folder is not there.",
            )

    # -- building -----------------------------------------------------------------------------------------------

    def build_commands(self, name: str, tree: str = "TREE") -> tuple[Argv, ...]:
        """What :meth:`build` runs, in the folder of the release's files."""
        settings, place = self._settings, self.place(name)
        make = (str(settings.python), "-I", "-m", "venv", str(place))
        if settings.install:
            filled = [
                tuple(word.replace("{venv}", str(place)).replace("{tree}", tree) for word in argv)
                for argv in settings.install
            ]
            return (make, *filled)
        pip = [str(place / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input"]
        pip += ["--disable-pip-version-check", "--progress-bar", "off"]
        pip += ["--no-index", "--find-links", str(settings.wheels)] if settings.wheels else []
        files = [word for path in settings.requirements for word in ("-r", path)]
        return (make, (*pip, *files), *(((*pip, "--no-deps", "."),) if settings.project else ()))

    async def build(self, work: Work, name: str, tree: Path) -> dict[str, Any]:
        """Have the environment `name` there, of the release's files in `tree`: {"name", "path", "built": it was not
        there before, "seconds"?}."""
        place = self.place(name)
        found = {"name": name, "path": str(place)}
        if await asyncio.to_thread(self.is_whole, name):
            await self.require(name)
            work.log(f"the environment {place} is there already")
            return {**found, "built": False}
        if name == self.current():
            raise WorkFailed(
                f"{place} is in use, and was not built to its end here",
                f"Move it and the link to another name: see venv.link, {self.link}.",
            )
        began = time.monotonic()
        await asyncio.to_thread(self._make_way, place)
        environ = {**NOT_OURS, "VIRTUAL_ENV": str(place), "PATH": f"{place / 'bin'}:{os.environ.get('PATH', '')}"}
        try:
            for argv in self.build_commands(name, str(tree)):
                await work.execute(argv, cwd=tree, env=environ)
            await self.require(name)
            # Its files before the mark: after a power cut what is marked must be whole.
            await work.execute(("sync", "--file-system", str(place)), quiet=True)
            await asyncio.to_thread(_write, place / WHOLE, f"{self.link}\n")
        except BaseException:
            # Half of an environment is of no use, and may be what filled the disk.
            await asyncio.shield(asyncio.to_thread(_removed, place))
            raise
        return {**found, "built": True, "seconds": round(time.monotonic() - began, 1)}

    def _make_way(self, place: Path) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if other := self._of_another():
                raise WorkFailed(
                    f"{self.home} holds the environments of {other}, and venv.link is {self.link}",
                    "Each target needs a folder of its own: one would remove what the other needs.",
                )
            _write(self.home / OF, f"{self.link}\n")
            if os.path.lexists(place):
                shutil.rmtree(place)  # what a killed run has left
        except OSError as error:
            raise explain(error, self.home) from None

    def _of_another(self) -> str:
        """Another link that the folder's environments are for, or ""."""
        try:
            found = one_line((self.home / OF).read_text("utf-8", "replace").strip(), 200)
        except OSError:
            return ""
        return "" if found == str(self.link) else found

    # -- switching ----------------------------------------------------------------------------------------------

    def switch_commands(self, name: str) -> tuple[Argv, ...]:
        """What :meth:`switch` runs: at every moment the link leads to one of the two."""
        new = str(self.link.with_name(f".{self.link.name}.new"))
        return (
            ("ln", "--symbolic", "--force", "--no-dereference", str(self.place(name)), new),
            ("mv", "--force", "--no-target-directory", new, str(self.link)),
        )

    async def switch(self, work: Work, name: str) -> None:
        """Lead the link to the environment `name`."""
        for argv in self.switch_commands(name):
            await work.execute(argv)
        await asyncio.to_thread(sync_folder, self.link.parent)

    async def tidy(self, work: Work, needed: Collection[str]) -> None:
        """Remove what was built here and nobody needs any more but the newest few."""
        if self._of_another():
            return
        for place in await asyncio.to_thread(lambda: list(self._unneeded({*needed, self.current()}))):
            gone = await asyncio.to_thread(_removed, place)
            what = "removed" if gone else "could not remove all of"
            work.log(f"{what} the environment {place}: no release that stands needs it")

    def _unneeded(self, needed: Collection[str]) -> Iterator[Path]:
        built: list[tuple[float, Path]] = []
        with contextlib.suppress(OSError), os.scandir(self.home) as entries:
            for entry in entries:
                if entry.name in needed or entry.is_symlink():
                    continue
                with contextlib.suppress(OSError):  # no mark: somebody else made it
                    built.append(((Path(entry.path) / WHOLE).stat().st_mtime, Path(entry.path)))
        yield from (place for _, place in sorted(built, reverse=True)[self._settings.keep :])


def _write(path: Path, text: str) -> None:
    """Whole, or as it was."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, "utf-8")
    sync_file(new)
    new.replace(path)
    sync_folder(path.parent)


def _removed(place: Path) -> bool:
    """Remove an environment; its mark first, so that half of one is never taken for whole."""
    with contextlib.suppress(OSError):
        (place / WHOLE).unlink(missing_ok=True)
        sync_folder(place)
    shutil.rmtree(place, ignore_errors=True)
    return not os.path.lexists(place)
