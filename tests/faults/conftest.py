"""All in this folder is the fault suite: `make faults` runs it, `make test` does not; it counts what it has done."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from release_host import Host
from sandboxes import make_sandbox
from story import quick

HERE = Path(__file__).parent
COUNTED = ("points", "kills", "losses")


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """Makes sandbox hosts that ship a release in seconds."""
    made: list[Host] = []

    def make() -> Host:
        sandbox = make_sandbox(tmp_path / f"host{len(made)}", monitor="1s")
        made.append(Host(sandbox))
        quick(made[-1])
        sandbox.start()
        return made[-1]

    yield make
    for host in made:
        host.end_runner()
        host.sandbox.destroy()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    told: list[str] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                told += [str(text) for name, text in report.user_properties if name == "terminal"]
                counts.update({name: int(str(n)) for name, n in report.user_properties if name in COUNTED})
    if counts:
        terminalreporter.section("fault suite")
        terminalreporter.line(", ".join(f"{counts[name]} {name}" for name in COUNTED))
    for line in sorted(told):
        terminalreporter.line(f"terminal: {line}")
