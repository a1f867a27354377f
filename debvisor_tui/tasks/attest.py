"""Asks a person to vouch for what no program here can read, and keeps who said what, and when."""

from debvisor_tui.model.gates import Answer, GateKind
from debvisor_tui.tasks.base import StepContext


async def attest(ctx: StepContext, question: str, detail: str = "", more: tuple[Answer, ...] = ()) -> str | None:
    """Ask, keep evidence "attested", and return who vouched. WorkFailed if nobody does; None at an answer of
    `more`."""
    reply = await ctx.ask(GateKind.ATTEST, question, detail=detail, more=more)
    if reply.answer in more:
        return None
    who = str(reply.who)
    value = {"by": who, "at": reply.at, "statement": reply.reason}
    await ctx.evidence("attested", f"{who}: {reply.reason}" if reply.reason else f"attested by {who}", value)
    return who
