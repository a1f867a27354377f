"""Where a target's config file is looked for (DESIGN, "Configuration"), and what to say if it is nowhere."""

import os
import re
from pathlib import Path
from typing import Final

from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.text import one_line

VARIABLE: Final = "DEBVISOR_TUI_CONFIG"
HERE: Final = Path("debvisor.toml")

NAME_RULE: Final = "A name is of letters, digits, '.', '_' and '-', 64 at most, and begins with a letter or digit."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_name(text: str) -> bool:
    """Whether `text` can be a target's name."""
    return _NAME.fullmatch(text) is not None


def config_folders() -> tuple[Path, ...]:
    """The user's and the host's config folders, the user's first."""
    from platformdirs import site_config_path, user_config_path  # only a start without --config needs it

    app = "debvisor-tui"
    return tuple(dict.fromkeys((user_config_path(app), site_config_path(app), Path("/etc/debvisor-tui"))))


def find_config(config: Path | None = None, target: str | None = None) -> Path:
    """The config file, absolute: `config` if given; `target` by name in the config folders; else the usual places.

    UsageError says every place that was looked at and how to make a config.
    """
    if config is not None and target is not None:
        raise UsageError("--config and --target both name a config", "Give one of them.")
    if config is not None:
        return _named(config, "--config")
    if target is not None:
        return _target(target)
    if given := os.environ.get(VARIABLE):
        return _named(Path(given), f"${VARIABLE}")
    if HERE.exists() and not _of_another(HERE):
        return HERE.absolute()
    return _only_one()


def _of_another(here: Path) -> bool:
    """Root does not take up what another user has laid where root happens to stand."""
    return os.geteuid() == 0 and {here.lstat().st_uid, here.stat().st_uid} != {0}


def target_path(target: str) -> Path:
    """Where the config of `target` belongs if it is the user's own."""
    return config_folders()[0] / f"{_checked(target)}.toml"


def _named(path: Path, how: str) -> Path:
    path = path.expanduser().absolute()
    try:
        path.stat()  # Path.exists() calls it missing, from Python 3.14 on
    except PermissionError as error:
        raise UsageError(
            f"The config file {path} (given by {how}) cannot be read: {error.strerror}",
            "It is another user's: become that one (sudo -u), or root.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"There is no config file {path} (given by {how})",
            f"Make one: debvisor-tui --config {path} config init",
        ) from error
    return path


def _checked(target: str) -> str:
    if not is_name(target):
        raise UsageError(f"{one_line(target, 80)!r} cannot be a target's name", NAME_RULE)
    return target


def _target(target: str) -> Path:
    places = [folder / f"{_checked(target)}.toml" for folder in config_folders()]
    for place in places:
        if place.exists():
            return place.absolute()
    there = sorted({path.stem for path in _targets()})
    known = f"Targets there are: {', '.join(there)}. " if there else ""
    raise UsageError(
        _nowhere(f"There is no config for the target {target}", [str(p) for p in places]),
        f"{known}Make one: debvisor-tui --target {target} config init",
    )


def _only_one() -> Path:
    """Without any name: the one config there is. Which of several is a person's decision."""
    found = _targets()
    if len(found) == 1:
        return found[0].absolute()
    if found:
        names = ", ".join(sorted({path.stem for path in found}))
        raise UsageError(f"There are configs for several targets: {names}", "Say which: debvisor-tui --target NAME")
    raise UsageError(
        _nowhere(
            "There is no config file",
            ["--config FILE: not given", f"${VARIABLE}: not set", _here()]
            + [str(folder / "NAME.toml") for folder in config_folders()],
        ),
        "Make one: debvisor-tui config init\nOr try it all without one: debvisor-tui demo",
    )


def _targets() -> list[Path]:
    """Every target's file in the config folders; where a name is in several, the first folder's counts."""
    by_name: dict[str, Path] = {}
    for folder in config_folders():
        for path in sorted(folder.glob("*.toml")):
            by_name.setdefault(path.stem, path)
    return list(by_name.values())


def _here() -> str:
    passed_over = HERE.exists() and _of_another(HERE)
    return f"{HERE.absolute()}" + (": is not root's, so root does not use it" if passed_over else "")


def _nowhere(what: str, places: list[str]) -> str:
    return "\n".join([f"{what}. Looked at:", *(f"  {place}" for place in places)])
