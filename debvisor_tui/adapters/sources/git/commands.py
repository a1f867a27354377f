"""Git, by its own command: builders of argv, parsers of answers, and a checkout that answers questions."""

import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debvisor_tui.model.artifacts import Commit
from debvisor_tui.model.errors import WorkFailed
from debvisor_tui.model.text import one_line, sanitise
from debvisor_tui.system.execute import Completed, Executor, run_quietly
from debvisor_tui.system.failures import last_words

QUICK = 30.0  # seconds for a command that only reads the checkout
WRITING = 600.0  # seconds for one that writes a large checkout to a slow disk
FETCH = 300.0  # seconds for a fetch that a release waits for
LISTED = 1000  # commits read of one range, at the most

_TAG_FORMAT = (
    "%(refname:strip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)"
    "%00%(creatordate:unix)%00%(contents:subject)"
)
_CLOBBERED = re.compile(r"^ ! \[rejected\]\s+(\S+)\s+->.*would clobber existing tag", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag on a commit. `at`: unix seconds of the tag; `subject`: its message, or the commit's."""

    name: str
    commit: str
    at: float
    subject: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """`problem`: why the remote could not be read, or "". `moved`: tags that differ there from the local ones."""

    problem: str = ""
    moved: tuple[str, ...] = ()


def environment(checkout: Path, ssh: str = "") -> dict[str, str]:
    """What keeps git from asking anybody, and its words in English. `ssh`: the ssh command configured, if any.

    The checkout may belong to another user: that is the operator's business.
    """
    ssh = (os.environ.get("GIT_SSH_COMMAND") or ssh).strip() or "ssh"
    if Path(ssh.split()[0]).name == "ssh":  # another program need not know the option
        ssh += " -oBatchMode=yes"
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",  # an empty one also keeps SSH_ASKPASS from opening a window
        "GIT_SSH_COMMAND": ssh,
        "GIT_PAGER": "cat",
        "GIT_OPTIONAL_LOCKS": "0",  # looking at the status must not get in the way of a release
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(checkout),
    }


def git(checkout: Path, *words: str) -> tuple[str, ...]:
    """The argv of a git command, as it is run and as the operator could type it."""
    return ("git", "-C", str(checkout), *words)


def shown_git(checkout: Path, *words: str) -> str:
    return shlex.join(git(checkout, *words))


def fetch_words(remote: str) -> tuple[str, ...]:
    return ("fetch", "--tags", "--no-recurse-submodules", "--", remote)


def forward_words(commit: str) -> tuple[str, ...]:
    """By its sha: what was proved to be the tag is what is put in place."""
    return ("merge", "--ff-only", commit)


def back_words(commit: str) -> tuple[str, ...]:
    """--keep, not --hard: it refuses rather than throw away what somebody changed in the meantime."""
    return ("reset", "--keep", commit)


def parse_log(data: str) -> tuple[Commit, ...]:
    """`git log -z` with sha, author, time and subject as fields, all ended by NUL."""
    fields = data.split("\0")
    return tuple(
        Commit(commit, one_line(author, 100), float(at), one_line(subject))
        for commit, author, at, subject in zip(*[iter(fields)] * 4, strict=False)
    )


def parse_tags(data: str) -> tuple[Tag, ...]:
    """`git for-each-ref` with `_TAG_FORMAT`; tags of other things than commits and unsafe names are left out."""
    tags = []
    for line in data.split("\n"):
        fields = line.split("\0")
        if len(fields) != 7:
            continue
        name, kind, sha, peeled_kind, peeled, at, subject = fields
        commit = sha if kind == "commit" else peeled if peeled_kind == "commit" else ""
        if commit and name == one_line(name, 200) and not name.startswith("-"):
            tags.append(Tag(name, commit, float(at or 0), one_line(subject, 200)))
    return tuple(tags)


def parse_status(data: str) -> tuple[str, ...]:
    """`git status --porcelain -z`: the changed paths. A rename carries its old path as a further field."""
    paths, fields = [], iter(data.split("\0"))
    for field in fields:
        if len(field) > 3:
            paths.append(one_line(field[3:], 200))
            if field[0] in "RC":
                next(fields, None)
    return tuple(paths)


def blob_id(content: bytes, length: int) -> str:
    """The id that git gives a file of this `content`; `length`: of the repository's ids, which tells their hash."""
    digest = hashlib.sha256() if length == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()


class Git:
    """One checkout. Every method raises WorkFailed with git's own words if git does.

    What only asks runs quietly; what changes something goes through `execute`, and so into the step's log.
    """

    def __init__(self, checkout: Path, execute: Executor, environ: Mapping[str, str] | None = None) -> None:
        self.checkout = checkout
        self._execute = execute
        self.environ = environment(checkout) if environ is None else environ

    async def head(self) -> str:
        return await self._line("rev-parse", "--verify", "HEAD^{commit}")

    async def branch(self) -> str:
        """The branch that is checked out, or "" (a detached HEAD)."""
        done = await self.run("symbolic-ref", "--short", "--quiet", "HEAD", ok=(0, 1))
        return one_line(done.text, 200)

    async def commit_of(self, name: str) -> str:
        """The full sha of the commit that `name` (a ref or sha) means, or ""."""
        if name.startswith("-"):
            return ""
        done = await self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=None)
        return done.text.strip() if done.exit_code == 0 else ""

    async def tags(self, pattern: str, *, contains: str = "") -> tuple[Tag, ...]:
        """The tags that match the glob `pattern`; with `contains`, only those at or after that commit."""
        more = (f"--contains={contains}",) if contains else ()
        done = await self.run("for-each-ref", f"--format={_TAG_FORMAT}", *more, f"refs/tags/{pattern}")
        return parse_tags(done.text)

    async def describe(self) -> str:
        return one_line(await self._line("describe", "--tags", "--always", "--abbrev=12"), 200)

    async def log(self, older: str, newer: str) -> tuple[Commit, ...]:
        """The commits of `newer` that `older` does not have, newest first, at most `LISTED`."""
        done = await self.run(
            *("log", "-z", "--format=%H%x00%an%x00%ct%x00%s", "--encoding=UTF-8", "--no-show-signature"),
            *(f"--max-count={LISTED}", f"{older}..{newer}", "--"),
        )
        return parse_log(done.text)

    async def count(self, *revisions: str) -> int:
        return int(await self._line("rev-list", "--count", *revisions, "--"))

    async def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` holds `older`, or is the same."""
        done = await self.run("merge-base", "--is-ancestor", older, newer, ok=(0, 1))
        return done.exit_code == 0

    async def changed_files(self) -> tuple[str, ...]:
        """The tracked files that differ from HEAD. Untracked files are nobody's mistake on a running host."""
        done = await self.run("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=none")
        return parse_status(done.text)

    async def files_between(self, older: str, newer: str, *, added: bool = False) -> tuple[str, ...]:
        """The paths that differ between two commits; with `added`, only those that `newer` adds."""
        more = ("--diff-filter=A",) if added else ()
        done = await self.run("diff", "--name-only", "--no-renames", "-z", *more, older, newer, "--")
        return tuple(path for path in done.text.split("\0") if path)

    async def content(self, commit: str, path: str) -> bytes | None:
        """What `commit` has at `path`; None if it has no file there."""
        done = await self.run("cat-file", "blob", f"{commit}:{path}", ok=None)
        return done.stdout if done.exit_code == 0 else None

    async def blobs(self, commit: str) -> dict[str, str]:
        """The id of the content of each file in `commit`, by its path."""
        done = await self.run("ls-tree", "-r", "-z", commit, limit=WRITING)
        found = {}
        for entry in done.text.split("\0"):
            told, _, path = entry.partition("\t")
            words = told.split()
            if path and len(words) == 3 and words[1] == "blob":
                found[path] = words[2]
        return found

    async def fetch(self, remote: str, limit: float = FETCH) -> Fetched:
        """`git fetch --tags`: never raises for a remote that is gone, and never moves or deletes a local tag."""
        configured = await self.run("config", "--get", "core.sshCommand", ok=(0, 1))
        try:
            done = await self.run(
                *fetch_words(remote),
                ok=None,
                limit=limit,
                environ={**self.environ, **environment(self.checkout, configured.text.strip())},
                told=True,
            )
        except WorkFailed as error:  # it took too long
            return Fetched(error.what)
        stderr = sanitise(done.stderr.decode("utf-8", "replace"))
        if moved := tuple(_CLOBBERED.findall(stderr)):
            return Fetched(moved=moved)
        if done.exit_code == 0:
            return Fetched()
        return Fetched(_reason(stderr) or f"git fetch ended with {done.exit_code}")

    async def remote_url(self, remote: str) -> str:
        """Where `remote` is, without the password that its URL may hold; "" if there is no such remote."""
        done = await self.run("remote", "get-url", "--", remote, ok=None)
        return re.sub(r"(?<=://)[^/@\s]*@", "", one_line(done.text, 300))

    async def run(
        self,
        *words: str,
        ok: Sequence[int] | None = (0,),
        limit: float = QUICK,
        environ: Mapping[str, str] | None = None,
        told: bool = False,
    ) -> Completed:
        """Run `git WORDS`; `told`: in the step's log. Its stdout is kept unless it is told.

        WorkFailed after `limit` seconds, or if the exit code is not one of `ok` (None: any).
        """
        argv = git(self.checkout, *words)
        execute = self._execute if told else run_quietly
        try:
            done = await execute(argv, env=environ or self.environ, check=False, capture=not told, limit=limit)
        except TimeoutError:
            raise WorkFailed(
                f"git {words[0]} gave no answer within {limit:.0f} s",
                "Check the network, and the disk of the checkout.",
            ) from None
        if ok is not None and done.exit_code not in ok:
            raise self._failure(words[0], done)
        return done

    async def _line(self, *words: str) -> str:
        return (await self.run(*words)).text.strip()

    def _failure(self, verb: str, done: Completed) -> WorkFailed:
        reason = _reason(sanitise(done.stderr.decode("utf-8", "replace"))) or f"it ended with {done.exit_code}"
        if done.exit_code == 127:
            return WorkFailed("git was not found", "Install git, or check the PATH of the user who runs the release.")
        if not self.checkout.is_dir():
            return WorkFailed(f"The checkout {self.checkout} is not there", "Check source.checkout in the config.")
        if "not a git repository" in reason:
            return WorkFailed(f"{self.checkout} is not a git checkout", "Check source.checkout in the config.")
        if "index.lock" in reason:
            lock = self.checkout / ".git" / "index.lock"
            return WorkFailed(
                f"git {verb} failed in {self.checkout}: another git works there, or died there",
                f"Look for a running git; if there is none, remove {lock} and retry.",
            )
        return WorkFailed(
            f"git {verb} failed in {self.checkout}: {reason}", f"Look at it: {shown_git(self.checkout, 'status')}"
        )


def _reason(stderr: str) -> str:
    """Git's own words: the first line that says "fatal" or "error", else the last one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))), "")
    return one_line(told, 300) or last_words(stderr.encode())
