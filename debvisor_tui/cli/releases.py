"""`debvisor-tui release|attach|status|rollback`: starting runs, following them, and seeing where they stand."""

import asyncio
import importlib
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from debvisor_tui.cli.caller import whoami
from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.json_output import print_json, run_document, state_words, summary_document
from debvisor_tui.cli.target import Choice
from debvisor_tui.model.errors import LockHeld, RunnerGone, UsageError
from debvisor_tui.model.gates import GateKind
from debvisor_tui.model.people import Person
from debvisor_tui.model.secrets_registry import scrub, scrub_all
from debvisor_tui.model.states import RunState
from debvisor_tui.model.times import full_time

if TYPE_CHECKING:
    from debvisor_tui.cli.headless import Policy
    from debvisor_tui.config.settings import Settings
    from debvisor_tui.model.rollback import RollbackOptions, RollbackPlan
    from debvisor_tui.runner.live_history import LiveHistory
    from debvisor_tui.runner.paths import TargetPaths

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; all else on stderr.")]
Headless = Annotated[bool, typer.Option("--headless", help="Without a terminal.")]


def mount(app: typer.Typer) -> None:
    app.command("release")(release)
    app.command("attach")(attach)
    app.command("status")(status)
    app.command("rollback")(rollback)


def release(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version to ship, such as v1.2.0.")],
    headless: Headless = False,
    auto: Annotated[bool, typer.Option("--auto", help="Pass from step to step without asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Attest what a step asks to be attested.")] = False,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Agree to destructive migrations and their way back.")
    ] = False,
    rollback_on_failure: Annotated[
        bool, typer.Option("--rollback-on-failure", help="Headless: roll back when a step fails.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ship VERSION: guided, or without a terminal."""
    from debvisor_tui.runner.spawn import start_release

    choice: Choice = context.obj
    target = choice.named()
    places = choice.places(target)
    headless = headless or as_json
    if not headless:
        for option, given in (
            ("--yes", yes),
            ("--accept-data-loss", accept_data_loss),
            ("--rollback-on-failure", rollback_on_failure),
        ):
            if given:
                raise UsageError(f"{option} is for --headless: in the terminal you decide at each gate.")
        from debvisor_tui.cli.tui import open_tui

        if auto:
            _warn_of_logout()
            try:
                run = asyncio.run(start_release(target, places, version, whoami(), auto=True))
            except LockHeld as held:
                if not _attach_instead(held):
                    raise
                raise typer.Exit(open_tui(choice)) from None
            raise typer.Exit(open_tui(choice, attach=run))
        raise typer.Exit(open_tui(choice, plan=version))
    person = whoami(headless=True)
    _warn_of_logout()

    async def start_while_warming() -> int:
        # What following it needs is imported while the runner starts: neither waits for the other.
        warming = asyncio.create_task(asyncio.to_thread(importlib.import_module, "debvisor_tui.cli.headless"))
        run = await start_release(target, places, version, person, auto=auto)
        await warming
        return run

    run = asyncio.run(start_while_warming())
    from debvisor_tui.cli.headless import Policy

    policy = Policy(auto=auto, yes=yes, accept_data_loss=accept_data_loss, roll_back_on_failure=rollback_on_failure)
    raise typer.Exit(_follow(places, person, policy, run, as_json=as_json))


def _warn_of_logout() -> None:
    from debvisor_tui.runner.launch import logout_ends_it

    if warning := logout_ends_it():
        say(f"! {warning}")


def _attach_instead(held: LockHeld) -> bool:
    """Whether the operator would rather see the run that holds the target."""
    if not sys.stdin.isatty():
        return False
    print(f"{held.what}\nAttach to it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _follow(places: "TargetPaths", person: Person, policy: "Policy", run: int, *, as_json: bool) -> int:
    from debvisor_tui.cli.headless import Follower
    from debvisor_tui.store.history import History

    follower = Follower(places, person, policy, out=sys.stderr if as_json else sys.stdout)
    try:
        code = asyncio.run(follower.follow(run))
    except KeyboardInterrupt:
        say(f"Interrupted here; run {follower.run} goes on by itself. See: debvisor-tui status")
        raise
    if as_json:
        history = History(places.journal)
        view = history.run(follower.run)
        history.close()
        assert view is not None  # noqa: S101 - it was followed to its end
        print_json({**run_document(view), "exit_code": code})
    return code


def attach(
    context: typer.Context,
    run: Annotated[int | None, typer.Argument(help="Which run; default: the one that goes on.")] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Watch only.")] = False,
) -> None:
    """Attach to the run that goes on, or resume one whose runner is gone."""
    from debvisor_tui.cli.tui import open_tui
    from debvisor_tui.runner.discovery import runs_going_on
    from debvisor_tui.runner.lock import find_holder

    given: Choice = context.obj
    choice = given.that_goes_on(runs_going_on())
    if choice is not given:
        say(f"Config {choice.config}, state in {choice.state_dir}: those of your run that goes on.")
    settings = choice.settings()
    places = choice.places(settings)
    history = choice.history()
    wanted = history.summary(run) if run is not None else history.active()
    history.close()
    if wanted is None:
        what = f"There is no run {run}." if run is not None else f"No run of {places.target} goes on."
        raise UsageError(what, "See them all: debvisor-tui history list")
    if find_holder(places) is None:
        say(f"Run {wanted.id} has no runner: it opens as it stands.")
    raise typer.Exit(open_tui(choice, attach=wanted.id, observe=observe))


def status(context: typer.Context, as_json: Json = False) -> None:
    """What runs now, probed now, and the run that goes on."""
    from debvisor_tui.runner.by_hand_log import with_works_by_hand, works_by_hand
    from debvisor_tui.runner.left_behind import with_left_behind
    from debvisor_tui.runner.live_history import LiveHistory
    from debvisor_tui.runner.lock import find_holder
    from debvisor_tui.tasks.status import what_runs_now

    choice: Choice = context.obj
    settings = choice.settings()
    places = choice.places(settings)
    settings.remember_secrets()
    found = asyncio.run(what_runs_now(settings))
    holder = find_holder(places)
    active, last, under_way, waits = None, [], "", None
    if places.has_journal():
        history = LiveHistory(places)
        found = with_works_by_hand(with_left_behind(found, history), places, history)
        active, last = history.active(), history.runs(limit=5)
        if active is not None and active.state is RunState.INTERRUPTED:
            under_way = _was_under_way(history, active.id)
        elif active is not None and active.state is RunState.WAITING:
            waits = _waits(history, active.id)
        history.close()
    else:
        found = with_works_by_hand(found, places, None)
    now = scrub_all(asdict(found))  # found in the world: it may say anything
    if as_json:
        print_json(
            {
                "target": settings.name,
                "production": settings.production,
                "now": now,
                "run": {**summary_document(active), "under_way": under_way, "waits": waits} if active else None,
                "runner": asdict(holder) if holder else None,
                "last_runs": [summary_document(run) for run in last],
                "by_hand": scrub_all([asdict(work) for work in works_by_hand(places)[-20:]]),
            }
        )
        return
    answers = f"{now['version']}{' answers' if now['proven'] else ''}" if now["version"] else "nothing answers"
    installed = f"{found.installed} in place" if found.installed else "what is in place is not known"
    print(f"{settings.name}: {answers}, {scrub(installed)}, database at {now['revision'] or '-'}")
    for probe in now["probes"]:
        print(f"  {'✓' if probe['ok'] else '✗'} {probe['name']}: {probe['text']}")
    for problem in (*now["notes"], *now["problems"]):
        print(f"  ! {problem}")
    if active is None:
        print("No run goes on.")
    else:
        where = f" at {active.step}" if active.step else ""
        print(f"Run {active.id}: {active.kind} to {active.to_version}, {active.state}{where}, {active.operator}")
        if waits is not None:
            mark, how = ("✗", "failed, and waits") if waits["kind"] == GateKind.FAILED else ("■", "waits")
            print(
                f"  {mark} {waits['title']} {how} for a person since {full_time(waits['since'])}: {waits['question']}"
            )
        if under_way:
            print(f"  ! Its runner is gone. {under_way}\n    Resume it: debvisor-tui attach {active.id}")
    for run in last:
        if active is None or run.id != active.id:
            versions = f"{run.from_version} → {run.to_version}"
            print(f"  {full_time(run.started_at)}  run {run.id}: {run.kind} {versions}, {state_words(run)}")


def _waits(history: "LiveHistory", run: int) -> dict[str, Any] | None:
    """What the run waits for, and since when (unix seconds)."""
    view = history.run(run)
    if view is None or view.gate is None:
        return None
    gate, step = view.gate, view.step(view.gate.step)
    ended = [a.ended_at for s in view.steps for a in s.attempts if a.ended_at is not None]
    since = max(ended, default=view.run.started_at)
    if gate.kind in {GateKind.ATTEST, GateKind.ACKNOWLEDGE} and step.attempt is not None:
        since = step.attempt.started_at
    return {"kind": gate.kind, "step": gate.step, "title": step.title, "question": gate.question, "since": since}


def _was_under_way(history: "LiveHistory", run: int) -> str:
    from debvisor_tui.model.run_summary import was_under_way

    view = history.run(run)
    return was_under_way(view, time.time()) if view is not None else ""


def rollback(
    context: typer.Context,
    run: Annotated[int | None, typer.Argument(help="Which release; default: the last one.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show the way back; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    database: Annotated[
        bool | None,
        typer.Option(
            "--database/--no-database", help="Take the database down too, or not; default: as the plan needs."
        ),
    ] = None,
    restore_backup: Annotated[
        bool, typer.Option("--restore-backup", help="Last resort: restore the release's backup.")
    ] = False,
    headless: Headless = False,
    as_json: Json = False,
) -> None:
    """The way back of a release, from what it has really changed."""
    from debvisor_tui.cli.headless import EXIT_DONE, EXIT_ROLLED_BACK, Policy
    from debvisor_tui.model.playbook import RunKind
    from debvisor_tui.model.rollback import RollbackOptions
    from debvisor_tui.runner.rollback_planning import last_release, plan_way_back
    from debvisor_tui.store.history import History

    choice: Choice = context.obj
    settings = choice.settings()
    places = choice.places(settings)
    choice.history().close()
    history = History(places.journal)
    waiting = history.active()
    if waiting is not None and (waiting.kind is not RunKind.RELEASE or waiting.state is not RunState.WAITING):
        waiting = None
    release_id = run if run is not None else waiting.id if waiting else last_release(history).id
    options = RollbackOptions(database, restore_backup)
    the_plan = asyncio.run(plan_way_back(settings, history, release_id, options, all_rows=True))
    history.close()
    if plan:
        if as_json:
            print_json(asdict(the_plan))
        else:
            _print_plan(the_plan, to_stdout=True)
        return
    headless = headless or as_json
    if not headless:
        from debvisor_tui.cli.tui import open_tui

        raise typer.Exit(open_tui(choice, rollback=release_id))
    _print_plan(the_plan, to_stdout=False)
    if the_plan.blockers:
        raise UsageError("\n".join(the_plan.blockers), "Decide with --database, --no-database or --restore-backup.")
    if not the_plan.enabled and waiting is not None and waiting.id == the_plan.run:
        say(f"Run {waiting.id} has changed nothing that is to be undone: the way back is to end it here.")
        if not yes:
            _ask(the_plan, settings.name)
        ends = Policy(abort_at_gates=True, abort_reason="the way back: nothing to undo", abort_code=EXIT_DONE)
        raise typer.Exit(_follow(places, whoami(headless=True), ends, waiting.id, as_json=as_json))
    if not the_plan.enabled:
        raise UsageError("There is nothing to undo: this run has changed nothing that is still in place.")
    _refuse_if_another_runs(places, the_plan.run)
    if not yes:
        _ask(the_plan, settings.name)
    person = whoami(headless=True)
    new = asyncio.run(_start_rollback(settings, places, the_plan.run, options, person))
    code = _follow(places, person, Policy(auto=True), new, as_json=as_json)
    raise typer.Exit(EXIT_DONE if code == EXIT_ROLLED_BACK else code)


def _refuse_if_another_runs(places: "TargetPaths", release: int) -> None:
    """A runner that has another release in hand must end first: the way back would lead through its work."""
    from debvisor_tui.runner.lock import find_holder, lock_held
    from debvisor_tui.runner.rollback_planning import release_of
    from debvisor_tui.store.history import History

    holder = find_holder(places)
    if holder is None:
        return
    history = History(places.journal)
    try:
        if holder.run is None or release_of(history, holder.run).id != release:
            raise lock_held(places)
    finally:
        history.close()


async def _start_rollback(
    settings: "Settings", places: "TargetPaths", run: int, options: "RollbackOptions", person: Person
) -> int:
    """Ask the runner that still has the release in hand, or start one; the id of the rollback's run."""
    from debvisor_tui.runner.client import RunnerClient
    from debvisor_tui.runner.lock import find_holder
    from debvisor_tui.runner.spawn import start_rollback

    if find_holder(places) is not None:
        try:
            client = await RunnerClient.connect(places, person)
        except RunnerGone:
            _warn_of_logout()
            return await start_rollback(settings, places, run, options, person)
        started = asyncio.get_running_loop().create_future()

        async def hear() -> None:
            async for message in client:
                if message["type"] == "run" and not started.done():
                    started.set_result(int(message["run"]))
            if not started.done():
                started.set_exception(RunnerGone("The runner ended before the rollback began."))

        hearing = asyncio.create_task(hear())
        try:
            if client.role != "operator":
                await client.command("take-over")
            await client.command("rollback", options=options.to_json())
            async with asyncio.timeout(60.0):
                return int(await started)
        except TimeoutError:
            raise RunnerGone("The rollback did not begin within 60 s.", "See: debvisor-tui status") from None
        finally:
            hearing.cancel()
            await client.close()
    _warn_of_logout()
    return await start_rollback(settings, places, run, options, person)


def _ask(plan: "RollbackPlan", target: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to agree to the plan.", "Agree to it with --yes.")
    restores = any(action.step == "restore-backup" for action in plan.enabled)
    wanted = target if restores else "yes"
    print(f"Type {wanted!r} to do it: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != wanted:
        raise UsageError("Not agreed; nothing was changed.")


def _print_plan(plan: "RollbackPlan", *, to_stdout: bool) -> None:
    out = sys.stdout if to_stdout else sys.stderr
    print(f"The way back of run {plan.run}: {plan.from_version} → {plan.to_version}", file=out)
    for action in plan.actions:
        mark = "→" if action.enabled else ("✗" if action.blocked else "·")
        note = f"  ({action.note})" if action.note else ""
        print(f"  {mark} {action.title:15} {action.does}{note}", file=out)
        if action.blocked:
            print(f"    cannot be done: {action.blocked}", file=out)
        if action.loses:
            print(f"    loses: {action.loses}", file=out)
    for text in (*plan.warnings, *plan.blockers):
        print(f"  ! {text}", file=out)
