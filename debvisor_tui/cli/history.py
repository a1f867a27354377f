"""`debvisor-tui history list|show|log|search|export|prune`: what the journal keeps of past runs."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from debvisor_tui.cli.error_handling import say
from debvisor_tui.cli.json_output import print_json, run_document, state_words, summary_document
from debvisor_tui.cli.target import Choice
from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import UsageError
from debvisor_tui.model.times import full_time, local_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from debvisor_tui.model.views import LogLine, RunSummary, RunView
    from debvisor_tui.store.history import History

PAGE = 1000  # log lines read at a time

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout; of logs, one object a line.")]
Run = Annotated[int, typer.Argument(help="The run's number.")]

commands = typer.Typer(help="Past runs and their logs.", no_args_is_help=True, rich_markup_mode=None)


def mount(app: typer.Typer) -> None:
    app.add_typer(commands, name="history")


@commands.command("list")
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """The runs, newest first; without --json also what was done by hand between them (status --json has that)."""
    from debvisor_tui.runner.by_hand_log import works_by_hand

    choice: Choice = context.obj
    places = choice.places(choice.settings())
    history = choice.history() if places.has_journal() else None
    runs = history.runs(limit=limit) if history else []
    if as_json:
        print_json([summary_document(run) for run in runs])
        return
    rows = [(run.started_at, _row(run)) for run in runs]
    oldest = runs[-1].started_at if len(runs) == limit else 0.0
    rows += [(work.at, f"    -  by hand: {work}") for work in works_by_hand(places) if work.at >= oldest]
    for _, row in sorted(rows, reverse=True):
        print(row)


def _row(run: "RunSummary") -> str:
    took = format_duration(run.seconds) if run.seconds is not None else "-"
    versions = f"{run.from_version} → {run.to_version}"
    note = f"  ! {run.note}" if run.note else ""
    began = full_time(run.started_at)
    return f"{run.id:5}  {began}  {run.kind:8}  {versions:24}  {run.state:15}  {took:>14}  {run.operator}{note}"


@commands.command()
def show(context: typer.Context, run: Run, as_json: Json = False) -> None:
    """One run: its steps, evidence, changes and decisions."""
    from debvisor_tui.model.migration_answers import answer_lines, heading
    from debvisor_tui.model.migration_record import migrations_of

    history = context.obj.history()
    view = _view(history, run)
    if as_json:
        print_json(run_document(view))
        return
    summary = view.run
    print(f"run {summary.id}: {summary.kind} {summary.from_version} → {summary.to_version}, {state_words(summary)}")
    print(f"by {summary.operator}, {full_time(summary.started_at)}")
    if view.gate:
        print(f"waits: {view.gate.question}")
    for step in view.steps:
        seconds = step.attempt.seconds if step.attempt else None
        took = format_duration(seconds) if seconds is not None else "-"
        tries = f", attempt {len(step.attempts)}" if len(step.attempts) > 1 else ""
        print(f"  {step.state:11}  {step.title:15}  {took:>12}{tries}")
        if step.attempt and step.attempt.error:
            print(f"               {step.attempt.error}")
        for evidence in view.evidence:
            if evidence.step == step.id and evidence.name not in {"probe", "request"}:
                print(f"               {evidence.text}")
        if record := migrations_of(view, step.id):
            for migration, said in record.answered():
                for told in (heading(migration), *answer_lines(said)):
                    print(f"                 {told}")
    for change in view.changes:
        print(f"change: {change.step} {change.kind} {change.subject}: {change.state}")
    for decision in view.decisions:
        why = f": {decision.reason}" if decision.reason else ""
        print(f"decision: {full_time(decision.at)} {decision.who} {decision.answer} {decision.step}{why}")


@commands.command()
def log(
    context: typer.Context,
    run: Run,
    step: Annotated[str | None, typer.Option(help="Only this step's.")] = None,
    as_json: Json = False,
) -> None:
    """Every log line of a run."""
    history = context.obj.history()
    view = _view(history, run)
    if step is not None and step not in {s.id for s in view.steps}:
        raise UsageError(f"Run {run} has no step {step!r}.", f"Its steps: {', '.join(s.id for s in view.steps)}.")
    for name, attempt, line in _lines(history, view):
        if step is not None and name != step:
            continue
        if as_json:
            print(json.dumps({"step": name, "attempt": attempt, **asdict(line)}, ensure_ascii=False))
        else:
            print(f"{local_time(line.at)} {name:15} {line.text}")


@commands.command()
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="All of them must be in the line.")],
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """Full-text search over the logs of all runs."""
    history = context.obj.history()
    hits = history.search(" ".join(words), limit)
    if unsearched := history.unsearched():
        say(f"! {unsearched} lines of a step that runs are not indexed yet, and were not searched.")
    for hit in hits:
        if as_json:
            print(json.dumps(asdict(hit), ensure_ascii=False))
        else:
            print(f"run {hit.run}  {full_time(hit.line.at)}  {hit.step:15} {hit.line.text}")
    if not hits:
        raise typer.Exit(1)


@commands.command()
def export(context: typer.Context, run: Run, as_json: Json = False) -> None:
    """All of a run as one JSON document: events, steps, evidence, changes, decisions, samples, log lines."""
    history = context.obj.history()
    view = _view(history, run)
    document = run_document(view)
    document["events"] = [asdict(event) for event in history.events(run)]
    document["samples"] = {
        str(attempt.id): [asdict(sample) for sample in history.samples(attempt.id)]
        for step in view.steps
        for attempt in step.attempts
        if step.id == "monitor"
    }
    document["log"] = [
        {"step": name, "attempt": attempt, **asdict(line)} for name, attempt, line in _lines(history, view)
    ]
    print_json(document)


@commands.command()
def prune(
    context: typer.Context,
    keep: Annotated[int, typer.Option(help="How many of the newest runs stay.", min=1)],
    as_json: Json = False,
) -> None:
    """Remove old ended runs with their logs; what a rollback could need stays."""
    from debvisor_tui.cli.caller import whoami
    from debvisor_tui.runner.lock import TargetLock
    from debvisor_tui.store.journal import Journal

    choice: Choice = context.obj
    choice.history().close()
    places = choice.places(choice.settings())
    lock = TargetLock.acquire(places, str(whoami(headless=True)), "history prune")
    try:
        journal = Journal(places.journal)
        removed = journal.prune(keep)
        journal.close()
    finally:
        lock.release()
    if as_json:
        print_json({"removed": removed})
    else:
        print(f"removed {len(removed)} runs" + (f": {', '.join(map(str, removed))}" if removed else ""))


def _view(history: "History", run: int) -> "RunView":
    view = history.run(run)
    if view is None:
        raise UsageError(f"There is no run {run}.", "See them all: debvisor-tui history list")
    return view


def _lines(history: "History", view: "RunView") -> "Iterator[tuple[str, int, LogLine]]":
    attempts = [(step.id, attempt) for step in view.steps for attempt in step.attempts]
    for name, attempt in sorted(attempts, key=lambda pair: pair[1].id):
        for first in range(1, attempt.lines + 1, PAGE):
            for line in history.lines(attempt.id, first, min(first + PAGE - 1, attempt.lines)):
                yield name, attempt.number, line
