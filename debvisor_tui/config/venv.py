"""Python environments, one a set of requirements: a release and what it installs go forward and back together."""

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from debvisor_tui.config.parts import Argv, Count, Flag, Part
from debvisor_tui.config.secrets import AnyPath, NonEmpty


def _in_the_release(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"expected paths inside the release, got {path!r}")
    if not paths:
        raise ValueError("expected a list that is not empty")
    return paths


class Venv(Part):
    """`link` leads to the environment in use; `home` holds them all."""

    link: AnyPath = Field(
        description="a symbolic link to the environment in use; the service and database.python go through it",
        examples=["/srv/debvisor/.venv"],
    )
    folder: AnyPath | None = Field(
        default=None,
        description="the folder that holds the environments; by default beside the link: its name and -releases",
        examples=["/srv/debvisor-venvs"],
    )
    requirements: Annotated[tuple[NonEmpty, ...], AfterValidator(_in_the_release)] = Field(
        default=("requirements.txt",),
        description="the release's files that say what is installed; with the same, releases share one",
        examples=[["requirements.txt"]],
    )
    python: AnyPath = Field(
        default=Path("/usr/bin/python3"), description="the Python that new environments are made with"
    )
    wheels: AnyPath | None = Field(
        default=None,
        description="a folder of wheels to install from, and from nowhere else; by default where pip looks",
        examples=["/srv/wheelhouse"],
    )
    project: Flag = Field(
        default=False, description="install the release itself, too: each release then has one of its own"
    )
    install: tuple[Argv, ...] = Field(
        default=(),
        description="commands that fill a new environment, instead of pip; {venv} stands for its folder, {tree} for "
        "the release's files, where they run",
        examples=[[["uv", "pip", "install", "--python", "{venv}/bin/python", "-r", "requirements.txt"]]],
    )
    keep: Count = Field(
        default=3, description="how many environments are kept besides those that a release could still need"
    )

    @property
    def home(self) -> Path:
        return self.folder or self.link.with_name(f"{self.link.name}-releases")
