"""Every error an operator can meet, as one tree.

    DebvisorError
    ├── UsageError            the command line or the config is wrong; nothing was touched     (exit 2)
    │   └── ConfigError       … with every problem and its place
    ├── LockHeld              another run owns the target                                      (exit 3)
    ├── WorkFailed            a step's work failed; it says what, where, and what can be done  (exit 1)
    │   ├── CommandFailed     … because a command ended badly
    │   └── Cancelled         … because the operator cancelled it                              (exit 130)
    ├── Refused               the runner will not do that now, and says why                    (exit 1)
    ├── RunnerGone            no runner is there, or not any more                              (exit 1)
    ├── NoReply               the runner has not said in time whether it obeyed                (exit 1)
    └── JournalError          the journal cannot be read or written                            (exit 1)

An error is written for a person at 3 a.m.: `what` happened, and in `hint` what can be done about it.
"""

from dataclasses import dataclass


class DebvisorError(Exception):
    """`what` happened, in one sentence; `hint`, what can be done, or ""."""

    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what


class UsageError(DebvisorError):
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a config: `place` is a dotted path (`monitor.duration`), `what` says what is expected."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


class ConfigError(UsageError):
    """All problems of one config file at once."""

    def __init__(self, path: str, problems: tuple[Problem, ...], hint: str = "") -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {p}" for p in problems)]), hint)
        self.path = path
        self.problems = problems


class LockHeld(DebvisorError):
    exit_code = 3


class WorkFailed(DebvisorError):
    pass


class CommandFailed(WorkFailed):
    def __init__(self, what: str, hint: str = "", *, exit_code: int | None = None) -> None:
        super().__init__(what, hint)
        self.command_exit_code = exit_code


class Cancelled(WorkFailed):
    exit_code = 130


class Refused(DebvisorError):
    pass


class NoReply(DebvisorError):
    pass


class RunnerGone(DebvisorError):
    pass


class JournalError(DebvisorError):
    """`passing`: it may pass by itself or be fixed while we wait (disk full, locked), and the call be made again."""

    def __init__(self, what: str, hint: str = "", *, passing: bool = False) -> None:
        super().__init__(what, hint)
        self.passing = passing
