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
_EDITABLE: Final = re.compile(r"(?:-e|--editable)[\s=]*")
#: A path, an archive, the folder that pip runs in: no name of a package, and no URL.
_PATH: Final = re.compile(
    r"(?:[\w.-]+(?:\[[^]]*\])?\s*@\s*)?(?:file:\S+|\.{1,2}(?:\[[^]]*\])?|\S*/\S*|\S+\.(?:whl|zip|tar\.\w+))"
)


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
        if path.endswith((".toml", ".lock", ".json")):
            continue
        for number, raw in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            line = raw.strip()
            if found := _INCLUDED.match(line):
                if "://" not in found["path"]:
                    todo.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), found["path"])))
                continue
            if not settings.install and (why := _not_apart(line, settings)):
                raise WorkFailed(
                    f"{path} of {version} installs the release's own files: line {number}, {one_line(line, 80)!r}",
                    why,
                )


def _not_apart(line: str, settings: Venv) -> str:
    """What to do about a line that installs what lies in the release, and so in no other; or ""."""
    wanted = line.partition(" #")[0].partition(";")[0].strip()
    editable = _EDITABLE.match(wanted)
    if (wanted.startswith("-") and not editable) or "://" in wanted.replace("file://", ""):
        return ""
    if editable:
        return (
            "An editable install leads to files that are gone after the build. Take it out; venv.project = true "
            "installs the release itself."
        )
    if settings.project or not _PATH.fullmatch(wanted):
        return ""
    return "Take it out, or set venv.project = true: each release then has an environment of its own."
