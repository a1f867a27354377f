"""The release's checkout: what is in place, which versions are on offer, and what stands in the way of moving it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.adapters.sources.git.commands import Git, Tag, shown_git
from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.versions import version_key
from debvisor_tui.model.views import Version
from debvisor_tui.model.wording import counted, listed


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the checkout may not be moved, and what can be done about it."""

    what: str
    hint: str

    def error(self) -> WorkFailed:
        return WorkFailed(self.what, self.hint)

    def __str__(self) -> str:
        return f"{self.what}. {self.hint}"


def artifact_of(commit: str, version: str) -> Artifact:
    return Artifact(version, {"commit": commit})


def in_environment(artifact: Artifact, name: str) -> Artifact:
    """`artifact` as it runs in the environment `name`; "": in none that could be named, which is like no other."""
    return Artifact(artifact.version, {**artifact.identity, "environment": name or "not known"})


def commit_of(artifact: Artifact) -> str:
    return artifact.identity.get("commit", "")


def newest_first(tags: Sequence[Tag]) -> list[Tag]:
    return sorted(tags, key=lambda tag: version_key(tag.name), reverse=True)


async def in_place(git: Git, tags: str) -> Artifact:
    """What the checkout is at, under its tag that matches `tags`, or what git describe makes of it. WorkFailed if it
    cannot be read."""
    commit = await git.head()
    here = [tag for tag in await git.tags(tags, contains=commit) if tag.commit == commit]
    return artifact_of(commit, newest_first(here)[0].name if here else await git.describe())


async def local_versions(git: Git, tags: str) -> tuple[Version, ...]:
    """The versions that the checkout knows, newest first. WorkFailed if it cannot be read."""
    commit = await git.head()
    after = {tag.name for tag in await git.tags(tags, contains=commit) if tag.commit != commit}
    return tuple(
        Version(
            artifact_of(tag.commit, tag.name),
            tag.at,
            tag.subject,
            current=tag.commit == commit,
            newer=tag.name in after,
        )
        for tag in newest_first(await git.tags(tags))
    )


async def dirty(git: Git) -> Obstacle | None:
    """Changed files are somebody's work: never written over, never taken along."""
    files = await git.changed_files()
    if not files:
        return None
    return Obstacle(
        f"The checkout {git.checkout} has {counted(len(files), 'changed file')}: {listed(files)}",
        f"See them with `{shown_git(git.checkout, 'diff')}`; commit them, or put them aside with "
        f"`{shown_git(git.checkout, 'stash')}`, and retry.",
    )


async def cannot_forward(git: Git, place: Artifact, target: Artifact) -> Obstacle | None:
    """Why `target` cannot be reached from what is in place by going forward only."""
    here, there = commit_of(place), commit_of(target)
    if await git.is_ancestor(here, there):
        return await _overwritten(git, here, there)
    if await git.is_ancestor(there, here):
        return Obstacle(
            f"{target.version} is older than {place.version}, which is in place",
            "A release only goes forward. To go back, roll the last release back (R, or `debvisor-tui rollback`).",
        )
    own = await git.count(f"{there}..{here}")
    return Obstacle(
        f"The checkout {git.checkout} has diverged: {place.version} has {counted(own, 'commit')} "
        f"that {target.version} lacks",
        f"See them with `{shown_git(git.checkout, 'log', '--oneline', f'{target.version}..HEAD')}`; bring them into "
        "main, or put the checkout back on a released version.",
    )


async def _overwritten(git: Git, older: str, newer: str) -> Obstacle | None:
    """Untracked files in the way of files that the release adds; git would overwrite those that it ignores."""
    added = await git.files_between(older, newer, added=True)
    there = existing(git.checkout, added)
    if not there:
        return None
    return Obstacle(
        f"The release brings files that lie untracked in {git.checkout} already: {listed(there)}",
        "Move them away, and retry.",
    )


def existing(folder: Path, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(folder / path)]
