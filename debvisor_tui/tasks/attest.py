"""Asks a person to vouch for what no program here can read, and keeps who said what, and when."""

from debvisor_tui.model.gates import GateKind
from debvisor_tui.tasks.base import StepContext


async def attest(ctx: StepContext, question: str, detail: str = "") -> str:
    """Ask, keep evidence "attested", and return who vouched. WorkFailed if nobody does."""
    reply = await ctx.ask(GateKind.ATTEST, question, detail=detail)
    who = str(reply.who)
    value = {"by": who, "at": reply.at, "statement": reply.reason}
    await ctx.evidence("attested", f"{who}: {reply.reason}" if reply.reason else f"attested by {who}", value)
    return who
