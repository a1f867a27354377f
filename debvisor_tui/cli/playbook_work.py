"""How `debvisor-cli` does its work: the log on stderr, questions on the terminal, results to the caller."""

import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from debvisor_tui.cli.caller import whoami
from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.target import Choice

if TYPE_CHECKING:
    from debvisor_tui.config.settings import Settings
    from debvisor_tui.model.changes import Change
    from debvisor_tui.model.gates import Gate
    from debvisor_tui.runner.paths import TargetPaths
    from debvisor_tui.tasks.base import Reply
    from debvisor_tui.tasks.cli_context import StandaloneContext

T = TypeVar("T")

EVERY = 0.2  # seconds between two drawings of the progress

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
TagOption = Annotated[str, typer.Option("--tag", help='The name of the backup, such as "pre-deploy-v1.1.0".')]


def settings_of(context: typer.Context) -> "Settings":
    choice = context.obj
    return (choice if isinstance(choice, Choice) else Choice()).settings()


def standing_of(context: typer.Context, settings: "Settings") -> "Callable[[], Sequence[Sequence[Change]]]":
    """The changes of each release that stands, by the target's journal if it has one here."""

    def look() -> "Sequence[Sequence[Change]]":
        from debvisor_tui.store.history import History

        places = (context.obj if isinstance(context.obj, Choice) else Choice()).places(settings)
        if not places.has_journal():
            return ()
        history = History(places.journal)
        try:
            return tuple(release.changes for release in history.standing())
        finally:
            history.close()

    return look


@contextlib.contextmanager
def alone(context: typer.Context, settings: "Settings", what: str) -> Iterator[None]:
    """With the target's lock: nothing of a run works meanwhile, and it is recorded. LockHeld if something does.

    A step of a run may do `what` itself; and while a run waits for a person, that person may do it by hand.
    """
    from debvisor_tui.adapters.sources import open_source
    from debvisor_tui.model.errors import LockHeld
    from debvisor_tui.runner.by_hand_log import recorded
    from debvisor_tui.runner.lock import TargetLock, by_hand, find_holder
    from debvisor_tui.runner.lock_holder import holder_by_kernel

    places = _places_of(context, settings)
    places.prepare()
    settings.remember_secrets()  # what is recorded may quote what the work was told
    locks = open_source(settings).locks()
    try:
        lock = TargetLock.acquire(places, str(whoami()), what, locks)
    except LockHeld:
        holder = find_holder(places)
        pids = {found.pid for found in (holder, *map(holder_by_kernel, locks)) if found is not None}
        if pids & set(_ancestors()):
            yield  # the run that holds it waits for this very command
            return
        if holder is None or holder.run is None or not _waits(places, holder.run):
            raise
        with by_hand(places, str(whoami()), what):
            if not _waits(places, holder.run):  # it has gone on just now
                raise
            say(f"Run {holder.run} waits for a person meanwhile; {what} is done beside it.")
            with recorded(places, str(whoami()), what, say):
                yield
        return
    try:
        with recorded(places, str(whoami()), what, say):
            yield
    finally:
        lock.release()


def _places_of(context: typer.Context, settings: "Settings") -> "TargetPaths":
    """Where a run of this target that goes on keeps its state; else where one would."""
    from debvisor_tui.runner.discovery import runs_going_on
    from debvisor_tui.runner.paths import TargetPaths

    for run in runs_going_on():
        if run.config == settings.path:
            return TargetPaths(run.state_dir, settings.name)
    return (context.obj if isinstance(context.obj, Choice) else Choice()).places(settings)


def _waits(places: "TargetPaths", run: int) -> bool:
    from debvisor_tui.model.states import RunState
    from debvisor_tui.store.history import History

    history = History(places.journal)
    try:
        found = history.summary(run)
    finally:
        history.close()
    return found is not None and found.state is RunState.WAITING


def _ancestors() -> Iterator[int]:
    from debvisor_tui.system.procfs import parent

    pid = parent(os.getpid())
    while pid is not None and pid > 1:
        yield pid
        pid = parent(pid)


def work(
    settings: "Settings",
    step: str,
    do: Callable[["StandaloneContext"], Awaitable[T]],
    standing: "Callable[[], Sequence[Sequence[Change]]]" = tuple,
) -> T:
    """Run `do` in a step's context that logs to stderr; Ctrl-C cancels it, and what it started.

    `standing`: the changes of each release that stands, which may need a backup still.
    """
    import asyncio

    from debvisor_tui.model.artifacts import Artifact
    from debvisor_tui.model.playbook import RunKind
    from debvisor_tui.tasks.base import Job
    from debvisor_tui.tasks.cli_context import StandaloneContext

    nothing = Artifact()  # no release is going on
    job = Job(RunKind.RELEASE, nothing, nothing, whoami())
    terminal = _Terminal()
    ask = _ask if sys.stdin.isatty() and sys.stderr.isatty() else None
    context = StandaloneContext(
        settings, job, step, say=terminal.line, ask=ask, progress=terminal.progress, standing=standing
    )

    async def run() -> T:
        return await do(context)

    try:
        return asyncio.run(run())
    finally:
        terminal.clear()


class _Terminal:
    """The log, a line at a time, and on a terminal one line of progress that is drawn over."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._dim = self._live and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._drawn_at = 0.0
        self._drawn = False

    def line(self, text: str, stream: str) -> None:
        self.clear()
        say(f"\x1b[2m{text}\x1b[0m" if self._dim and stream == "cmd" else text)

    def progress(self, done: float, total: float | None, unit: str, note: str) -> None:
        now = time.monotonic()
        if not self._live or now - self._drawn_at < EVERY:
            return
        self._drawn_at, self._drawn = now, True
        share = f"{done / total:4.0%} " if total else ""
        sys.stderr.write(f"\r\x1b[K{share}{note or unit}"[:200])
        sys.stderr.flush()

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


async def _ask(gate: "Gate") -> "Reply":
    from debvisor_tui.model.gates import Answer, GateKind
    from debvisor_tui.tasks.base import Reply

    for text in (gate.detail, gate.danger, gate.question):
        if text:
            say(text)
    agreed = await typed("Type yes to agree: ") == "yes"
    good = Answer.ATTEST if gate.kind is GateKind.ATTEST else Answer.ACKNOWLEDGE
    return Reply(good if agreed else Answer.DECLINE, whoami(), time.time())


async def typed(prompt: str) -> str:
    """A line from the terminal, awaited so that Ctrl-C ends it at once."""
    import asyncio

    sys.stderr.write(prompt)
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
        return sys.stdin.readline().strip()
    finally:
        loop.remove_reader(sys.stdin.fileno())
