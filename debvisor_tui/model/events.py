"""The kinds of events a run's journal holds, in the words that history shows."""

from enum import StrEnum


class EventKind(StrEnum):
    """`data` of each kind:

    RUN_CREATED      {"kind", "from", "to", "of_run", "by", "how": how the runner was started}
    RUN_STATE        {"from", "to", "reason"}
    STEP_STATE       {"from", "to", "attempt": number, "error"?}
    GATE             the gate, as JSON
    DECISION         {"who", "answer", "reason"}
    EVIDENCE         {"name", "text"}
    CHANGE           {"id", "kind", "subject", "state"}
    CLIENT           {"who", "what": "joined" | "left" | "took over", "role", "from"?: who operated before,
                      "version"?: another program's than the runner's}; who left as operator leaves nobody to operate
    RUNNER           {"pid", "how", "what": "started" | "resumed" | "ended"}
    """

    RUN_CREATED = "run-created"
    RUN_STATE = "run-state"
    STEP_STATE = "step-state"
    GATE = "gate"
    DECISION = "decision"
    EVIDENCE = "evidence"
    CHANGE = "change"
    CLIENT = "client"
    RUNNER = "runner"
