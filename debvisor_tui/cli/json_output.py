"""The shapes of `--json`: plain data from the views, the same everywhere."""

import json
from dataclasses import asdict
from typing import Any

from debvisor_tui.model.states import RunState, StepState
from debvisor_tui.model.views import AttemptView, RunSummary, RunView


def print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def run_document(view: RunView) -> dict[str, Any]:
    """A run with its steps, gate, evidence, changes and decisions; times in unix seconds, durations in seconds.

    `answers`: by step that looked at migrations, then by revision, the answer to each of the five questions, as this
    version judges what was found then.
    """
    from debvisor_tui.model.migration_record import migrations_of

    document = summary_document(view.run)
    document["gate"] = view.gate.to_json() if view.gate else None
    document["steps"] = [
        {
            "id": step.id,
            "phase": step.phase,
            "state": step.state,
            "seconds": step.attempt.seconds if step.attempt else None,
            "error": step.attempt.error if step.attempt and step.state is not StepState.SUCCEEDED else "",
            "commands": list(step.commands),
            "attempts": [_dated(attempt) for attempt in step.attempts],
        }
        for step in view.steps
    ]
    document["evidence"] = [asdict(evidence) for evidence in view.evidence]
    document["answers"] = {
        step.id: {migration.revision: [a.to_json() for a in said] for migration, said in record.answered()}
        for step in view.steps
        if (record := migrations_of(view, step.id))
    }
    document["changes"] = [asdict(change) for change in view.changes]
    document["decisions"] = [asdict(decision) for decision in view.decisions]
    return document


def state_words(run: RunSummary) -> str:
    """How a run stands; a rollback that did not bring all back is never said to have just succeeded."""
    told = run.note and run.state in {RunState.SUCCEEDED, RunState.ROLLED_BACK}
    return f"{run.state}, {run.note}" if told else str(run.state)


def summary_document(run: RunSummary) -> dict[str, Any]:
    """`old` and `new` are artifacts: {"version", "identity"}."""
    return _dated(run) | {"from_version": run.from_version, "to_version": run.to_version}


def _dated(what: RunSummary | AttemptView) -> dict[str, Any]:
    """With the wall clock's time of its beginning alone: no other reader knows the clock of this boot."""
    document = asdict(what)
    return {
        ("started_at" if k == "began" else k): (what.started_at if k == "began" else v) for k, v in document.items()
    }
