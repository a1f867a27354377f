"""What the operator can do on a run's screen: answer its gate, cancel, copy, roll back; and why not, when not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType

from debvisor_tui.model.durations import format_duration
from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.model.gates import Answer, Gate, GateKind
from debvisor_tui.model.playbook import STANDARD
from debvisor_tui.model.run_summary import can_roll_back, changes_so_far
from debvisor_tui.model.states import StepState
from debvisor_tui.model.text import one_line
from debvisor_tui.model.times import local_time
from debvisor_tui.ui.keys import key
from debvisor_tui.ui.prices import crossing_text, half_done, price_of_skipping, risks
from debvisor_tui.ui.screens.dialogs import ConfirmDialog, ReasonDialog, TypedDialog
from debvisor_tui.ui.screens.run_model import RunStateScreen
from debvisor_tui.ui.widgets.gate import ENTER

EXTEND: Final = 300.0  # seconds

#: Actions that answer a gate, and with what.
ANSWERS: Mapping[str, Answer] = {"retry": Answer.RETRY, "skip": Answer.SKIP, "decline": Answer.DECLINE}

#: Actions that only the operator may take.
ACTS = frozenset({"proceed", "retry", "skip", "decline", "cancel", "end_run", "extend", "pass_early"})

#: What Enter is called in the key bar.
ENTER_HINTS: Mapping[Answer, str] = {
    Answer.RUN: "run",
    Answer.ATTEST: "attest",
    Answer.ACKNOWLEDGE: "agree…",
    Answer.CONTINUE: "let it stand",
}


class RunActs(RunStateScreen):
    ANSWERS = ACTS | {"take_over"}
    BINDINGS: ClassVar[list[BindingType]] = [
        key("run", "enter", "proceed", "run", "The gate's main answer: run the step, attest, agree, go on"),
        key("run", "f,full_stop", "follow", "to the run", "Back to the step the run is at"),
        key("run", "r", "retry", "retry", "Try the step again, as a new attempt"),
        key("run", "x", "decline", "decline", "Decline what is asked: the step fails"),
        key("run", "s", "skip", "skip", "Go on without this step; asks for a reason"),
        key("run", "plus", "extend", "5 min more", "Watch the service for 5 more minutes"),
        key("run", "p", "pass_early", "pass early", "End the watch now as passed; asks for a reason"),
        key("run", "c", "cancel", "cancel", "Cancel the running step; asks first"),
        key("run", "T", "take_over", "take over", "Become the operator of this run"),
        key("run", "R", "rollback", "ROLL BACK", "The way back: see its plan first, then decide"),
        key("run", "y", "copy", "copy", "Copy the step's commands to the clipboard", show=False),
        key("run", "h", "history", "history", "This run's history: timeline, logs, changes, decisions"),
        key("run", "d", "detach", "detach", "Back to home; the run goes on"),
        key("run", "E", "end_run", "end run", "End the run where it waits; asks for a reason"),
    ]

    # -- why not --------------------------------------------------------------------------------------------------

    def refusal(self, action: str) -> str:
        view, gate = self.view, self.gate
        if view is None:
            return "" if action in {"detach", "history"} else "The run is not read yet."
        if action in ACTS and self.between_runners:
            return self.between_runners
        if action == "proceed" and self.stranded:
            return "You only observe this run." if self.observe else ""
        if action in ACTS and self.stranded:
            return "The runner is gone: enter resumes the run."
        if action in ACTS and not self.active:
            return "The run has ended."
        if action in ACTS and not self.operates:
            who = "Nobody" if self.operator == "" else self.operator or "Somebody else"
            return f"{who} operates this run; T takes over."
        if action in ACTS and self.selected is not None:
            return f"You look at another step than {self._title(self.live)}, where the run is; f goes there."
        match action:
            case "proceed":
                return self._why_not_proceed(gate)
            case "retry" | "skip" | "decline":
                return self._why_not_answer(action, gate)
            case "cancel":
                return self._why_not_cancel(gate)
            case "end_run" if gate is None:
                return "A step is running: c cancels it. The run can be ended where it waits for you."
            case "extend" if gate is not None and Answer.EXTEND in gate.answers:
                return ""
            case "extend" | "pass_early":
                return "" if self._under_way() == "monitor" and gate is None else "The monitor is not running."
            case "take_over":
                if self.operates:
                    return "You operate this run already."
                if self.observe:
                    return "You attached only to watch (--observe). Attach without it to take over."
                return "" if self.active and self.listening else "There is no runner to take over."
            case "rollback":
                return can_roll_back(view)
            case "copy":
                return "" if self.shown is not None and self.shown.commands else "This step runs no command."
            case _:
                return ""

    def _why_not_proceed(self, gate: Gate | None) -> str:
        if gate is None:
            return (
                f"{self._title(self.live)} is running." if self._under_way() else "The run does not wait for you now."
            )
        if ENTER.get(gate.kind) not in gate.answers:
            return "Trying again is a key of its own: r retries, s skips, E ends the run here."
        return ""

    def _why_not_cancel(self, gate: Gate | None) -> str:
        if gate is not None:
            return "No step is running, so there is nothing to cancel; E ends the run here."
        return "" if self._under_way() else "The run is between two steps."

    def _why_not_answer(self, action: str, gate: Gate | None) -> str:
        if gate is None:
            return "A step is running; c cancels it." if self._under_way() else "The run does not wait for you now."
        if ANSWERS[action] in gate.answers:
            return ""
        if action == "retry":
            return "There is nothing to try again: enter goes on."
        if action == "skip":
            return "This question is to be answered or declined (x); a step under way cannot be skipped."
        return "Nothing to decline. s skips this step."

    def _under_way(self) -> str:
        """The step that is running, or ""."""
        steps = self.view.steps if self.view is not None else ()
        return next((step.id for step in steps if step.state is StepState.RUNNING), "")

    def _title(self, step: str) -> str:
        return self.view.step(step).title if self.view is not None else step

    def key_hints(self) -> Iterator[Binding]:
        hints = list(super().key_hints())
        if not self.active:  # what is done well is not to be undone by the first word on the screen
            hints.sort(key=lambda binding: binding.action == "rollback")
        for binding in hints:
            if binding.action == "proceed":
                gate = self.gate
                main = ENTER.get(gate.kind) if gate is not None else None
                yield replace(binding, description=ENTER_HINTS[main] if main else "resume")
            elif binding.action == "history" and self.active:
                continue
            elif binding.action == "detach" and not self.active:
                yield replace(binding, description="home")
            else:
                yield binding

    # -- answering ------------------------------------------------------------------------------------------------

    async def _command(self, name: str, **args: Any) -> bool:
        """Send a command; what speaks against it is said. True if it was obeyed."""
        try:
            await self.feed.command(name, **args)
        except DebvisorError as error:
            self.say_error(error)
            return False
        return True

    async def _answer(self, gate: Gate, answer: Answer, reason: str = "") -> None:
        self.answered = gate
        asked = {"kind": gate.kind, "step": gate.step}
        if not await self._command("answer", answer=answer, gate=asked, reason=reason):
            self.answered = None

    @work(group="act", exclusive=True, description="answer the gate")
    async def action_proceed(self) -> None:
        gate = self.gate
        if self.stranded:
            self.resuming = True
            self.app.run_worker(self._resume(), description="resume the run")
        elif gate is None:
            return
        elif gate.kind is GateKind.ATTEST:
            await self._attest(gate)
        elif gate.kind is GateKind.ACKNOWLEDGE:
            agreed = await self.app.push_screen_wait(
                ConfirmDialog(gate.question, gate.detail, danger=self._danger_of(gate), agree="accept and continue")
            )
            if agreed:
                await self._answer(gate, Answer.ACKNOWLEDGE)
        elif await self._crosses(gate):
            await self._answer(gate, ENTER[gate.kind])

    def _danger_of(self, gate: Gate) -> str:
        """What is in danger here, and what this run goes on without."""
        return "\n".join(text for text in (gate.danger, *(risks(self.view) if self.view is not None else ())) if text)

    async def _crosses(self, gate: Gate) -> bool:
        """In production, what changes it or is noticed by users is asked once more; True to go on."""
        view = self.view
        crossing = crossing_text(view, gate.step) if view is not None and gate.kind is GateKind.READY else ""
        if view is None or not crossing or not self.session.settings.production:
            return True
        return await self.app.push_screen_wait(
            ConfirmDialog(
                f"PRODUCTION {self.session.settings.name}: {self._title(gate.step)}?",
                crossing,
                danger="\n".join(risks(view)),
                agree=f"run {self._title(gate.step)}",
            )
        )

    def _statement(self, step: str) -> str:
        """What is proposed to be confirmed: no more than this run has established."""
        commits = self.view.found("review", "commits") if self.view and step == "review" else ()
        trunk = one_line(str(commits[-1].value.get("trunk", ""))) if commits else ""
        statement = next((spec.statement for spec in STANDARD.release if spec.id == step), "")
        return statement.format(trunk=f" and are on {trunk}" if trunk else "")

    async def _attest(self, gate: Gate) -> None:
        now = local_time(self.session.clock.now().at)
        detail = f"{gate.detail}\n\nRecorded with it: {self.session.person}, {now}.".strip()
        statement = await self.app.push_screen_wait(
            ReasonDialog(
                gate.question,
                detail,
                danger=gate.danger,
                proposal=self._statement(gate.step),
                ask="what do you confirm, in your words?",
                confirm="confirm it",
            )
        )
        if not statement:
            return
        if gate.step == "monitor" and not await self.app.push_screen_wait(
            ConfirmDialog(
                "Count the watch as passed?",
                f"{gate.detail}\n\nNo numbers say that the release is good; the history will say that you did: "
                f"“{statement}”",
                agree="count it as passed",
            )
        ):
            return
        await self._answer(gate, Answer.ATTEST, statement)

    async def _resume(self) -> None:
        """A worker of the app's: no other key, and no other screen, stops a runner that is being started."""
        from debvisor_tui.runner import spawn

        self.say("Resuming: what was done is checked, then it waits for you…")
        try:
            await spawn.start_resume(self.session.settings, self.session.places, self.run_id, self.session.person)
        except DebvisorError as error:  # somebody was quicker, perhaps: that runner is looked for anyway
            self.say_error(error)
            begun = False
        else:
            begun = True
        if self not in self.app.screen_stack:
            return
        self.resuming = False
        if begun and not self.listening:
            self.start_feed()

    @work(group="act", exclusive=True, description="retry the step")
    async def action_retry(self) -> None:
        if self.gate is not None:
            await self._answer(self.gate, Answer.RETRY)

    @work(group="act", exclusive=True, description="decline")
    async def action_decline(self) -> None:
        gate = self.gate
        if gate is not None and await self.app.push_screen_wait(
            ConfirmDialog(f"Decline? {self._title(gate.step)} then fails.", gate.question, agree="decline")
        ):
            await self._answer(gate, Answer.DECLINE)

    @work(group="act", exclusive=True, description="skip the step")
    async def action_skip(self) -> None:
        gate = self.gate
        if gate is None:
            return
        step = self.view.step(gate.step) if self.view is not None else None
        title = self._title(gate.step)
        price = price_of_skipping(self.view, gate.step) if self.view is not None else ""
        reason = await self.app.push_screen_wait(
            ReasonDialog(
                f"Skip {title}?",
                f"What it is for: {step.why}" if step else "",
                danger=price,
                ask="why is it right to go on without it?",
                confirm="skip it",
            )
        )
        if not reason:
            return
        if half_done(self.view, gate.step) and not await self.app.push_screen_wait(
            TypedDialog(f"{title} is done in part.", "Nothing finishes it later.", danger=price, expected=title)
        ):
            return
        await self._answer(gate, Answer.SKIP, reason)

    @work(group="act", exclusive=True, description="end the run")
    async def action_end_run(self) -> None:
        gate, view = self.gate, self.view
        if view is None or gate is None:
            return
        reason = await self.app.push_screen_wait(
            ReasonDialog(
                f"End run {view.run.id} here?",
                f"{changes_so_far(view)} Nothing is undone by this; R shows the way back.",
                ask="why does it end here?",
                confirm="end the run",
            )
        )
        if reason:
            await self._answer(gate, Answer.ABORT, reason)

    @work(group="act", exclusive=True, description="cancel the step")
    async def action_cancel(self) -> None:
        step = self._under_way()
        if not await self.app.push_screen_wait(
            ConfirmDialog(
                f"Cancel {self._title(step)}?",
                "Its command is ended. What it had done by then is looked at, and the run waits for you.",
                agree="cancel the step",
            )
        ):
            return
        if self._under_way() == step:
            await self._command("cancel")
        else:  # it was not this one that was meant
            self.say(f"{self._title(step)} has ended by itself meanwhile: nothing was cancelled.", wrong=True)

    @work(group="act", exclusive=True, description="extend the watch")
    async def action_extend(self) -> None:
        gate = self.gate
        if gate is not None:
            await self._answer(gate, Answer.EXTEND, str(EXTEND))
        elif await self._command("extend", seconds=EXTEND):
            self.say("The watch goes on for 5 more minutes.")

    @work(group="act", exclusive=True, description="pass the watch early")
    async def action_pass_early(self) -> None:
        reason = await self.app.push_screen_wait(
            ReasonDialog(
                "End the watch now and count it as passed?",
                self._left_to_watch(),
                ask="why is it enough?",
                confirm="pass it",
            )
        )
        if reason:
            await self._command("pass", reason=reason)

    def _left_to_watch(self) -> str:
        from debvisor_tui.ui.widgets.monitor_data import watch_of

        view = self.view
        now = self.session.clock.now()
        watch = watch_of(view, self.samples, self.session.settings.monitor, now) if view else None
        left = max(watch.duration - watch.elapsed, 0.0) if watch is not None else 0.0
        if not left:
            return "The rest of the time is not watched."
        return f"{format_duration(left)} of the watch are left, and are not watched then."

    @work(group="act", exclusive=True, description="take over")
    async def action_take_over(self) -> None:
        view = self.view
        if view is not None and await self.app.push_screen_wait(
            ConfirmDialog(
                "Take this run over?",
                (f"{self.operator} then only observes." if self.operator else "Nobody operates it now.")
                + " It is recorded.",
                agree="take over",
            )
        ):
            await self._command("take-over")

    # -- going elsewhere ------------------------------------------------------------------------------------------

    def action_rollback(self) -> None:
        if self.view is not None:
            self.debvisor.show_rollback(self.view.run.of_run or self.view.run.id)

    def action_history(self) -> None:
        self.debvisor.show_run_history(self.run_id)

    def action_detach(self) -> None:
        if self.active and not self.stranded:
            self.say(f"Run {self.run_id} goes on; a attaches again.")
        self.debvisor.show_home()

    @work(group="copy", exclusive=True, description="copy the commands")
    async def action_copy(self) -> None:
        step = self.shown
        if step is not None and step.commands:
            count = "The command" if len(step.commands) == 1 else f"{len(step.commands)} commands"
            how = await self.debvisor.copy("\n".join(step.commands))
            self.say(f"{count}: {how}.")
