"""`debvisor-tui demo`: the embedded sandbox host, made in seconds, to release and to rehearse on."""

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from debvisor_tui.cli.caller import whoami
from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.target import Choice
from debvisor_tui.model.errors import DebvisorError, UsageError

if TYPE_CHECKING:
    from debvisor_tui.runner.paths import TargetPaths
    from debvisor_tui.sandbox.host import Sandbox

PREFIX = "debvisor-demo-"
OWNER = "owner.json"  # whose temporary sandbox this is: the process that removes it at its end


def mount(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Keep the sandbox there; default: temporary, removed at the end.")
    ] = None,
    fault: Annotated[str | None, typer.Option(help="What goes wrong; --fault list shows all.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Ship a release without a terminal.")] = False,
    monitor: Annotated[str, typer.Option(help="How long the watch after the release lasts.")] = "30s",
    version: Annotated[str | None, typer.Option("--version", help="The version to ship.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop what runs in --dir, and end.")] = False,
) -> None:
    """A small real host in a folder: make it, start it, and open the TUI on it."""
    from debvisor_tui.sandbox.faults import FAULTS

    if fault == "list":
        for known in FAULTS.values():
            print(f"{known.name:18} {known.summary} (ship {known.version})")
        return
    if stop:
        _stop(folder)
        return
    _sweep()
    sandbox = _make(folder, fault, monitor)
    choice = Choice(config=sandbox.config_path, state_dir=sandbox.state_dir)
    wanted = version or (FAULTS[fault].version if fault else "v1.1.0")
    try:
        if headless:
            code = _ship(choice, wanted)
        else:
            from debvisor_tui.cli.tui import open_tui

            code = open_tui(choice, plan=wanted if version or fault else None)
    finally:
        _leave(sandbox, choice, keep=folder is not None)
    raise typer.Exit(code)


def _make(folder: Path | None, fault: str | None, monitor: str) -> "Sandbox":
    from debvisor_tui.sandbox.host import Sandbox, known_fault

    if folder is not None and (folder.expanduser() / "debvisor.toml").exists():
        say(f"Opening the sandbox in {folder} …")
        sandbox = Sandbox.open(folder)
        if fault is not None:
            sandbox.set_fault(fault)
        sandbox.start(must_be_ready=False)
        return sandbox
    known_fault(fault)  # before a folder is made
    where = folder or Path(tempfile.mkdtemp(prefix=PREFIX))
    say(f"Making a sandbox host in {where} …")
    sandbox = Sandbox.create(where, fault=fault, monitor=monitor)
    if folder is None:
        from dataclasses import asdict

        from debvisor_tui.system.procfs import myself

        (where / OWNER).write_text(json.dumps(asdict(myself())), encoding="utf-8")
    try:
        sandbox.start()
    except BaseException:
        if folder is None:
            sandbox.destroy()
        raise
    return sandbox


def _ship(choice: Choice, version: str) -> int:
    from debvisor_tui.cli.headless import Follower, Policy
    from debvisor_tui.runner.spawn import start_release

    settings = choice.settings()
    places = choice.places(settings)
    person = whoami(headless=True)
    # A rehearsal: what a person would have to decide is decided for the sake of seeing it through.
    policy = Policy(auto=True, yes=True, accept_data_loss=True, roll_back_on_failure=True, abort_at_gates=True)

    async def ship() -> int:
        run = await start_release(settings, places, version, person, auto=True)
        return await Follower(places, person, policy).follow(run)

    return asyncio.run(ship())


def _leave(sandbox: "Sandbox", choice: Choice, *, keep: bool) -> None:
    """Clean up, unless the sandbox is to be kept or a run in it has not ended: nothing is lost."""
    from debvisor_tui.runner.lock import find_lasting_holder

    places = choice.places(choice.settings())
    holder = find_lasting_holder(places)
    unfinished = _unfinished(places)
    if keep or holder is not None or unfinished:
        if holder is not None:
            say(f"{holder.what} is not finished in {sandbox.dir}.")
        elif unfinished:
            say(f"Run {unfinished} in {sandbox.dir} has not ended: it can be resumed, or rolled back.")
        (sandbox.dir / OWNER).unlink(missing_ok=True)  # it is not swept away any more
        say(f"The sandbox runs on. Open it again: debvisor-tui demo --dir {sandbox.dir}")
        say(f"Stop it: debvisor-tui demo --dir {sandbox.dir} --stop")
        return
    sandbox.destroy()


def _unfinished(places: "TargetPaths") -> int:
    """The run that has not ended, 0 if there is none."""
    from debvisor_tui.store.history import History

    if not places.has_journal():
        return 0
    history = History(places.journal)
    with contextlib.closing(history):
        active = history.active()
    return active.id if active is not None else 0


def _stop(folder: Path | None) -> None:
    from debvisor_tui.sandbox.host import Sandbox

    if folder is None:
        raise UsageError("--stop needs --dir: which sandbox?")
    sandbox = Sandbox.open(folder)
    choice = Choice(config=sandbox.config_path, state_dir=sandbox.state_dir)
    _end_runner(choice.places(choice.settings()))
    sandbox.stop()
    say(f"Stopped. The sandbox in {sandbox.dir} is kept; remove the folder if it is not needed any more.")


def _end_runner(places: "TargetPaths") -> None:
    """End the runner of a sandbox by TERM; its run is then interrupted and can be taken up again."""
    import os
    import signal
    import time

    from debvisor_tui.runner.lock import find_holder

    deadline = time.monotonic() + 15.0
    while (holder := find_holder(places)) is not None and time.monotonic() < deadline:
        if holder.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGTERM)
        time.sleep(0.1)


def _sweep() -> None:
    """Remove temporary sandboxes whose owner was killed before it could, and in which no run goes on."""
    from debvisor_tui.config.trust import is_private_folder
    from debvisor_tui.runner.lock import find_holder
    from debvisor_tui.sandbox.host import Sandbox
    from debvisor_tui.system.procfs import ProcessId

    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not is_private_folder(folder):
            continue  # another user's, whatever it looks like: its programs are not run
        try:
            owner = ProcessId(**json.loads((folder / OWNER).read_text(encoding="utf-8")))
            if owner.alive():
                continue
            sandbox = Sandbox.open(folder)
            choice = Choice(config=sandbox.config_path, state_dir=sandbox.state_dir)
            if find_holder(choice.places(choice.settings())) is None:
                sandbox.destroy()
        except (OSError, ValueError, TypeError, DebvisorError):
            continue  # not ours, or not whole: it is left alone
