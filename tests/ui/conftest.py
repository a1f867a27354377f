"""For pilot tests of screens above home."""

import pytest

from debvisor_tui.model.artifacts import Artifact
from debvisor_tui.model.views import Now, Probe
from debvisor_tui.runner import query_client


@pytest.fixture
def quiet_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home, which lies below every screen, asks nobody what runs now."""

    async def now(*_: object) -> Now:
        probes = tuple(
            Probe(name, f"http://127.0.0.1/health/{name}", 200, 4.0, True, "good", {}) for name in ("live", "ready")
        )
        return Now("v1.1.0", Artifact("v1.1.0", {"commit": "b81d40ffe296"}), "d2a95be81c07", probes)

    monkeypatch.setattr(query_client, "ask_now", now)
