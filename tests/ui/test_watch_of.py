"""What the monitor shows of a run: by the limits and the time that the run was watched by, not by today's config."""

from pathlib import Path

import seed

from debvisor_tui.config.monitors import ScrapeSettings
from debvisor_tui.model.instants import Instant
from debvisor_tui.model.verdict import Thresholds
from debvisor_tui.store.history import History
from debvisor_tui.ui.widgets.monitor_data import watch_of

TODAY = ScrapeSettings.model_validate(
    {"metrics": "http://127.0.0.1/metrics", "duration": "10m", "max_error_rate": 0.5, "max_p95_ms": 9000.0}
)


def watched(folder: Path, **value: float) -> seed.Story:
    story = seed.Story(folder)
    story.release()
    story.play("review", "ci", "backup", "migration-check", "pull", "upgrade", "restart", "health", "smoke")
    story.start("monitor")
    if value:
        with story._frozen() as journal:
            journal.add_evidence(story.run, story.attempt, "monitor", "watch", "scrape", value)
    for reason in ("300.0", "too late: it had come to its verdict"):
        with story._frozen() as journal:
            journal.decide(story.run, "monitor", "anna", "extend", reason)
    return story


def test_an_old_run_is_drawn_by_its_own_limits_and_only_what_the_watch_took_lengthens_it(tmp_path: Path) -> None:
    limits = Thresholds(max_error_rate=0.02, max_p95=250.0, breaches=2, min_requests=7)
    kept = {name: getattr(limits, name) for name in Thresholds.__slots__}
    story = watched(tmp_path, duration=900.0, interval=5.0, **kept)
    story.close()
    history = History(seed.session(tmp_path, at=story.at).places.journal)
    view = history.run(story.run)
    history.close()
    assert view is not None
    watch = watch_of(view, (), TODAY, Instant(story.at, None, None))
    assert watch is not None
    assert (watch.limits, watch.duration) == (limits, 900.0)


def test_a_journal_that_does_not_tell_is_drawn_by_the_config(tmp_path: Path) -> None:
    story = watched(tmp_path)
    story.close()
    history = History(seed.session(tmp_path, at=story.at).places.journal)
    view = history.run(story.run)
    history.close()
    assert view is not None
    watch = watch_of(view, (), TODAY, Instant(story.at, None, None))
    assert watch is not None
    assert (watch.limits.max_p95, watch.duration) == (9000.0, 900.0)
