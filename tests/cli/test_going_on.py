"""Who comes back to a run need not know its config and its state folder any more."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from release_host import ANNA, Host
from sandboxes import make_sandbox

from debvisor_tui.cli.target import Choice
from debvisor_tui.model.errors import UsageError
from debvisor_tui.runner.discovery import GoingOn, runs_going_on
from debvisor_tui.runner.spawn import start_release


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    sandbox = make_sandbox(tmp_path / "host")
    made = Host(sandbox)
    sandbox.start()
    yield made
    made.end_runner()
    sandbox.destroy()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config is to be found."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("DEBVISOR_TUI_CONFIG", "DEBVISOR_TUI_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.mark.slow
def test_a_living_runner_says_what_it_runs_on(host: Host, nowhere: None) -> None:
    this = GoingOn(host.sandbox.config_path, host.sandbox.state_dir)
    assert this not in runs_going_on()
    asyncio.run(start_release(host.settings, host.places, "v1.1.0", ANNA))
    assert runs_going_on().count(this) == 1
    found = Choice().that_goes_on([this])
    assert found.places(found.settings()) == host.places


def test_what_is_named_goes_before_what_goes_on(nowhere: None, tmp_path: Path) -> None:
    here, other = GoingOn(tmp_path / "a.toml", tmp_path / "a"), GoingOn(tmp_path / "b.toml", tmp_path / "b")
    here.config.touch()
    assert Choice(here.config).that_goes_on([other]) == Choice(here.config)
    assert Choice(here.config).that_goes_on([other, here]) == Choice(here.config, None, here.state_dir)
    named = Choice(here.config, None, tmp_path / "c")
    assert named.that_goes_on([here]) == named
    with pytest.raises(UsageError, match=r"2 runs go on") as several:
        Choice().that_goes_on([here, other])
    assert f"debvisor-tui --config {here.config} --state-dir {here.state_dir} attach" in several.value.hint
    with pytest.raises(UsageError, match="no config file"):
        Choice().that_goes_on([])
    with pytest.raises(UsageError, match="no config for the target"):
        Choice(target="web1").that_goes_on([here])
