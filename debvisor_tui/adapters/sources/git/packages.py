"""Whether two commits want other packages: by the files that say so, as projects name them."""

import re
import tomllib
from typing import Any, Final

from debvisor_tui.adapters.sources.git.commands import Git

#: What pip, uv, poetry, pdm, pipenv, hatch, conda and setuptools install by.
_FILES: Final = re.compile(
    r"(?:.*/)?(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in|pip)|requirements/[\w./-]+\.(?:txt|in)|uv\.lock|poetry\.lock"
    r"|pdm\.lock|Pipfile(?:\.lock)?|pylock[\w.-]*\.toml|environment\.ya?ml|setup\.(?:py|cfg)|pyproject\.toml)"
)


async def changed_packages(git: Git, old: str, new: str) -> tuple[str, ...]:
    """The files by which `new` wants other packages installed than `old`. WorkFailed if that cannot be told."""
    found = [path for path in await git.files_between(old, new) if _FILES.fullmatch(path)]
    return tuple([path for path in found if await _differs(git, old, new, path)])


async def _differs(git: Git, old: str, new: str, path: str) -> bool:
    if not path.endswith("pyproject.toml"):
        return True
    return bool(_wanted(await git.content(old, path)) != _wanted(await git.content(new, path)))


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _wanted(content: bytes | None) -> Any:
    """What of a pyproject.toml says what is installed: most of its changes are of a version or a linter."""
    try:
        found = tomllib.loads((content or b"").decode())
    except ValueError:
        return content
    project, poetry = _table(found, "project"), _table(_table(found, "tool"), "poetry")
    return [
        *(project.get(key) for key in ("dependencies", "optional-dependencies", "requires-python")),
        *(poetry.get(key) for key in ("dependencies", "group", "extras")),
        found.get("dependency-groups"),
    ]
