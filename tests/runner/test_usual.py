"""How long a step usually takes is no guess made of a watch that somebody cut short."""

import pytest
from release_host import Host

from debvisor_tui.runner.usual import usual_at, usual_seconds


class Earlier:
    """A journal whose last watch was passed early, after 3.9 s."""

    def usual(self) -> dict[str, float]:
        return {"restart": 0.8, "monitor": 3.9}


@pytest.mark.slow
def test_the_watch_takes_what_is_configured_whatever_an_earlier_one_took(host: Host) -> None:
    configured = host.settings.monitor.duration
    assert usual_at(host.settings, host.places) == {"monitor": configured}
    assert usual_seconds(host.settings, Earlier()) == {"restart": 0.8, "monitor": configured}  # type: ignore[arg-type]
