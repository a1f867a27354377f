"""The files of a release that say what is installed for it: what two releases have in common if they share a venv."""

import posixpath
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from debvisor_tui.config.venv import Venv
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.text import one_line

#: What a release has at a path, or None.
Read = Callable[[str], Awaitable[bytes | None]]

_INCLUDED: Final = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]*(?P<path>\S+)")
_ITSELF: Final = re.compile(r"(?P<editable>(?:-e|--editable)[\s=]*)?(?:\.{1,2}(?:/\S*)?(?:\[[^]]*\])?|file:\S+)")


async def requirements_of(version: str, settings: Venv, read: Read) -> AsyncIterator[tuple[str, bytes]]:
    """(path, content) of the files that `settings` name and, where pip reads them, of those that they include.

    WorkFailed if one is not there, or would install the release itself where it is only looked at.
    """
    todo, seen = list(settings.requirements), set()
    while todo:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        content = await read(path)
        if content is None:
            raise WorkFailed(
                f"{version} has no file {path}, which says what is installed for it",
                "Fix venv.requirements in the config, or add the file to the release.",
            )
        yield path, content
        if settings.install or not path.endswith(".txt"):
            continue
        for number, raw in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            line = raw.strip()
            if found := _INCLUDED.match(line):
                if "://" not in found["path"]:
                    todo.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), found["path"])))
                continue
            itself = _ITSELF.fullmatch(line.partition(" #")[0].partition(";")[0].strip())
            if itself and (itself["editable"] or not settings.project):
                raise WorkFailed(
                    f"{path} of {version} installs the release's own files: line {number}, {one_line(line, 80)!r}",
                    "Take it out and set venv.project = true: each release then has an environment of its own.",
                )
