"""What an answer to a health probe says, in words: well or not, which part fails, and whose answer it is."""

import json
from collections.abc import Mapping
from typing import Any, Final

from debvisor_tui.model.text import one_line
from debvisor_tui.model.versions import plain_version
from debvisor_tui.model.views import Probe
from debvisor_tui.system.http import HttpAnswer

#: What a body says when all is well. A plain body must be one of these; in JSON only the bad words count, because
#: the HTTP status has the first word there.
_GOOD = "ok okay healthy up pass passed alive live ready running true good success pong 200"
_BAD = "fail failed failing failure error down unhealthy critical degraded unavailable dead false no timeout broken"
GOOD: Final = frozenset(_GOOD.split())
BAD: Final = frozenset(_BAD.split())


def judge_answer(name: str, answer: HttpAnswer, expected: str = "") -> Probe:
    """Whether `answer` says that the service is well, and in words why not."""
    report = _report(answer)
    parts = _parts(report)
    said = _objection(answer, report, parts, expected)
    well = ", ".join(f"{part} {state}" for part, state in parts.items())
    text = said or f"answers 200 in {answer.ms:.0f} ms" + (f": {well}" if well else "")
    version = report.get("version") if report else None
    told = one_line(version, 60) if isinstance(version, str) else ""
    return Probe(name, answer.url, answer.status, answer.ms, not said, text, parts, told)


def _objection(answer: HttpAnswer, report: Mapping[str, Any] | None, parts: Mapping[str, str], expected: str) -> str:
    failing = ", ".join(f"{part} {state}" for part, state in parts.items() if _is_bad(state))
    if answer.problem:
        return answer.problem
    if answer.location:
        return f"answers {answer.status} and points to {one_line(answer.location, 200)}"
    if answer.status != 200:
        status = one_line(str(report["status"]), 60) if report and "status" in report else ""
        why = failing or status
        return f"answers {answer.status}" + (f": {why}" if why else "")
    if answer.is_html:
        return "answers 200 but with an HTML page, not a health report"
    if report is None:
        said = one_line(answer.text, 60)
        if not said or said.strip(" .!").lower() in GOOD:
            return ""
        return f"answers 200 but with no health report: {said}"
    if failing:
        return f"answers 200 but reports {failing}"
    if "status" in report and _is_bad(str(report["status"])):
        return f"answers 200 but reports the status {one_line(str(report['status']), 60)}"
    return _wrong_version(report, expected)


def _wrong_version(report: Mapping[str, Any], expected: str) -> str:
    version = report.get("version")
    wanted = plain_version(expected)
    if not isinstance(version, str) or not version or "." not in wanted or plain_version(version) == wanted:
        return ""
    return f"answers 200 but it is {one_line(version, 60)} that answers, not {expected}: the old process, still?"


def _report(answer: HttpAnswer) -> Mapping[str, Any] | None:
    try:
        report = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def _parts(report: Mapping[str, Any] | None) -> dict[str, str]:
    """What the report says of its parts; under the names that the common health libraries use."""
    for key in ("checks", "components", "details", "dependencies", "services"):
        found = (report or {}).get(key)
        if isinstance(found, dict):
            return {one_line(str(name), 40): _state(value) for name, value in list(found.items())[:20]}
    return {}


def _state(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("status", value.get("state", "unknown"))
    if isinstance(value, list) and value and isinstance(value[0], dict):  # as in the health+json draft
        value = value[0].get("status", "unknown")
    return one_line("ok" if value is True else "failing" if value is False else str(value), 60) or "unknown"


def _is_bad(state: str) -> bool:
    words = state.lower().replace("_", " ").replace(":", " ").split()
    return bool(words) and (words[0] in BAD or words[:2] == ["not", "ready"])
