"""The releases of the sandbox's panel as a git history: who committed which files of which release, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from debvisor_tui.sandbox.commands import git
from debvisor_tui.sandbox.layout import TEMPLATE, Layout

FIRST = "v1.0.0"
RELEASES = ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")

MIRA = "Mira Santos <mira@debvisor.example>"
JONAS = "Jonas Weber <jonas@debvisor.example>"
AIKO = "Aiko Tanaka <aiko@debvisor.example>"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: of its release's template it takes the files whose path begins with one of `paths`."""

    release: str
    author: str
    at: str  # ISO date and time, UTC
    subject: str
    paths: tuple[str, ...]
    body: str = ""


HISTORY: tuple[Commit, ...] = (
    Commit(
        "v1.0.0",
        MIRA,
        "2025-01-12T09:14:00",
        "Serve nodes and virtual machines from SQLite",
        (
            ".gitignore",
            "README",
            "requirements",
            "alembic.ini",
            "migrations/env",
            "migrations/rehearsal",
            "migrations/script",
            "migrations/versions/3c9a",
            "panel/__",
            "panel/config",
            "panel/database",
            "panel/nodes",
            "panel/dashboard",
            "panel/tables",
            "panel/web",
        ),
    ),
    Commit(
        "v1.0.0",
        JONAS,
        "2025-01-14T15:40:00",
        "Log in with a form, a session and a CSRF token",
        ("migrations/versions/7e20", "panel/login", "panel/sessions"),
        "The token is bound to the session's cookie; logins are recorded.",
    ),
    Commit(
        "v1.0.0",
        MIRA,
        "2025-01-16T11:02:00",
        "Probe the database and the cache in /health/ready",
        ("panel/health", "panel/cache", "panel/faults"),
    ),
    Commit(
        "v1.0.0",
        AIKO,
        "2025-01-19T10:25:00",
        "Count and time requests for Prometheus",
        ("panel/metrics", "panel/server"),
    ),
    Commit("v1.0.0", MIRA, "2025-01-20T16:00:00", "Release v1.0.0", ("VERSION", "CHANGELOG")),
    Commit(
        "v1.1.0",
        JONAS,
        "2025-02-03T09:31:00",
        "Give nodes a region (#38)",
        ("migrations/versions/b1f0",),
        "Nullable, so that v1.0.0 runs on with it.",
    ),
    Commit(
        "v1.1.0",
        AIKO,
        "2025-02-05T14:12:00",
        "Add maintenance windows, make names of machines unique (#40)",
        ("migrations/versions/c48d", "panel/tables"),
    ),
    Commit(
        "v1.1.0",
        MIRA,
        "2025-02-06T08:55:00",
        "Merge pull request #41 from debvisor/region-column",
        ("panel/nodes", "panel/dashboard"),
        "Show the region on the dashboard, [none] as a dash",
    ),
    Commit("v1.1.0", MIRA, "2025-02-09T16:20:00", "Release v1.1.0", ("VERSION", "CHANGELOG")),
    Commit(
        "v1.2.0",
        AIKO,
        "2025-03-02T10:47:00",
        "Do not read node.notes any more, the wiki has them (#46)",
        ("panel/nodes", "panel/dashboard"),
    ),
    Commit(
        "v1.2.0",
        JONAS,
        "2025-03-04T13:05:00",
        "Merge pull request #47 from debvisor/drop-notes",
        ("migrations/versions/d95e", "panel/tables"),
        "Drop node.notes [/breaking] for releases before this one",
    ),
    Commit("v1.2.0", MIRA, "2025-03-05T15:30:00", "Release v1.2.0", ("VERSION", "CHANGELOG")),
    Commit("v1.3.0", JONAS, "2025-03-23T17:58:00", "Ask the node agents for their load (#52)", ("panel/agents",)),
    Commit(
        "v1.3.0",
        JONAS,
        "2025-03-24T18:41:00",
        "Show live load on the dashboard and in the API (#53)",
        ("panel/dashboard",),
    ),
    Commit("v1.3.0", MIRA, "2025-03-25T16:10:00", "Release v1.3.0", ("VERSION", "CHANGELOG")),
)


def make_repositories(layout: Layout) -> None:
    """The bare origin with all releases, and the checkout: on main, at the first of them, behind its upstream."""
    layout.origin.mkdir()
    git(layout.origin, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", ".")
    git(layout.origin, "fast-import", "--quiet", "--done", stdin=b"".join(_stream()))
    git(layout.dir, "clone", "--quiet", "--no-checkout", "--template=", str(layout.origin), str(layout.checkout))
    git(layout.checkout, "reset", "--quiet", "--hard", FIRST)


def release_files(release: str) -> dict[str, bytes]:
    """The files that `release` adds or changes, by their path in the repository."""
    folder = TEMPLATE / "releases" / release
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(folder).as_posix()
            # Under its own name it would hide files from the repository that this template lives in.
            files[".gitignore" if name == "gitignore" else name] = path.read_bytes()
    return files


def _stream() -> Iterator[bytes]:
    """The history for git fast-import: one process makes it all, and the same commit ids every time."""
    last = {commit.release: number for number, commit in enumerate(HISTORY)}
    for number, commit in enumerate(HISTORY):
        stamp = f"{commit.author} {int(datetime.fromisoformat(commit.at).replace(tzinfo=UTC).timestamp())} +0000"
        yield f"commit refs/heads/main\nmark :{number + 1}\nauthor {stamp}\ncommitter {stamp}\n".encode()
        yield _data(f"{commit.subject}\n\n{commit.body}".strip().encode() + b"\n")
        if number:
            yield f"from :{number}\n".encode()
        for name, content in release_files(commit.release).items():
            if name.startswith(commit.paths):
                yield f"M 100644 inline {name}\n".encode() + _data(content)
        if last[commit.release] == number:
            yield f"tag {commit.release}\nfrom :{number + 1}\ntagger {stamp}\n".encode()
            yield _data(f"{commit.release}\n".encode())
    yield b"done\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def commits_after(layout: Layout, version: str) -> tuple[str, ...]:
    """The full ids of the commits on the origin's main that are not in `version`; all of them for ""."""
    excluded = (f"^{version}",) if version else ()
    return tuple(git(layout.origin, "rev-list", "main", *excluded).split())
