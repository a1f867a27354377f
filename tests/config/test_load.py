"""Loading a config: what is found, what is refused, and in which words."""

import os
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from debvisor_tui.config.discovery import config_folders
from debvisor_tui.config.load import load_settings
from debvisor_tui.config.parts import Duration, Kind, KindPart
from debvisor_tui.config.platforms import PLATFORMS
from debvisor_tui.config.schema_walk import all_keys
from debvisor_tui.config.show import effective, schema
from debvisor_tui.config.sources import GitSettings
from debvisor_tui.config.template import template
from debvisor_tui.model.errors import ConfigError, UsageError

GOOD = template("staging")


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("DEBVISOR_TUI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(text: str, tmp_path: Path) -> dict[str, str]:
    """What is said of the config `text`, by place."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path / "bad.toml", text))
    assert caught.value.exit_code == 2
    return {problem.place: problem.what for problem in caught.value.problems}


def test_five_mistakes_are_all_told_with_their_places(tmp_path: Path) -> None:
    text = (
        GOOD.replace("# max_error_rate", "max_error_rat = 0.05\n# max_error_rate")
        .replace('# duration = "15m"', "duration = 15")
        .replace('ready = "http://', 'ready = "ftp://')
        .replace('dashboard_contains = "Nodes"\n', "")
        .replace('kind = "process"', 'kind = "kubernetes"\nunit = "debvisor"')
    )
    told = refusal(text, tmp_path)
    assert told == {
        "platform.kind": '"kubernetes" is not supported by this version yet; supported: process, systemd',
        "health.ready": "expected a URL that begins with http:// or https:// and names a host, "
        "got 'ftp://127.0.0.1:8080/health/ready'",
        "smoke.dashboard_contains": "missing: a text that this page must hold",
        "monitor.duration": 'expected a duration such as "30s" or "15m", with its unit and in quotes',
        "monitor.max_error_rat": "unknown key; did you mean `max_error_rate`?",
    }


DRAIN = "[[extra_step]]\nid = 'drain'\ncommand = ['lbctl', 'drain']"


@pytest.mark.parametrize(
    ("added", "place", "said"),
    [
        ("[steps.smok]\nmanual = true", "steps.smok", "unknown step; did you mean `smoke`?"),
        ("[steps.migration_check]", "steps.migration_check", "unknown step; did you mean `migration-check`?"),
        ("[steps.health]\nbefore = [[]]", "steps.health.before[0]", "expected a list that is not empty"),
        ("[steps.health]\nmanual = 'yes'", "steps.health.manual", "expected true or false, without quotes"),
        ("[steps.health]\nproduction = true", "steps.health.production", "it belongs at the top of the file"),
        ("[ci]\nstatus_file = 'a'\ncommand = ['b']", "ci", "expected status_file or command, got both"),
        (
            "[[extra_step]]\nid = 'drain'\nbefore = 'restart'",
            "extra_step[0].command",
            "missing: the command that does it",
        ),
        (f"{DRAIN}\nbefor = 'restart'", "extra_step[0].befor", "unknown key; did you mean `before`?"),
        (DRAIN, "extra_step[0]", "expected before or after, got neither"),
        (f"{DRAIN}\nbefore = 'pull'\nafter = 'pull'", "extra_step[0]", "expected before or after, got both"),
        (f"{DRAIN}\nbefore = 'restrt'", "extra_step[0].before", 'expected "review" or "ci"'),
        (f"{DRAIN.replace('drain', 'restart')}\nafter = 'pull'", "extra_step", "the name 'restart' is taken"),
        (f"{DRAIN}\nafter = 'pull'\n{DRAIN}\nafter = 'ci'", "extra_step", "the name 'drain' is taken"),
        ("[venv]", "venv.link", "missing: a symbolic link to the environment in use"),
        (
            "[venv]\nlink = '/srv/venv'",
            "venv",
            "expected database.python below venv.link, such as /srv/venv/bin/python",
        ),
        (
            "[venv]\nlink = '/a'\nrequirements = ['../x']",
            "venv.requirements",
            "expected paths inside the release",
        ),
        ("[path]", "path", "unknown key"),
        ("['a b\\u001b[2J']\nx = 1", "a b", "unknown key"),
    ],
)
def test_each_mistake_is_told_in_plain_words(added: str, place: str, said: str, tmp_path: Path) -> None:
    told = refusal(f"{GOOD}\n{added}\n".replace("'", '"'), tmp_path)
    assert len(told) == 1
    (where, what), *_ = told.items()
    assert where.strip('"') == place
    assert said in what
    assert "\x1b" not in where + what
    assert "Input should" not in what


def test_what_may_be_a_secret_is_never_shown(tmp_path: Path) -> None:
    text = (
        GOOD.replace('password = {file = "/etc/debvisor-tui/smoke-password"}', "password = 4815162342")
        .replace('live = "http://', 'live = "http://anna:hunter2@')
        .replace("# environment = {DEBVISOR_ENV", "environment = {TOKEN = 2342, DEBVISOR_ENV")
    )
    told = refusal(text, tmp_path)
    assert set(told) == {"smoke.password", "health.live", "database.environment.TOKEN"}
    assert not [w for w in told.values() if "4815162342" in w or "hunter2" in w or "2342" in w]


@pytest.mark.parametrize(
    ("raw", "place", "hint"),
    [
        (b'name = "x"\nproduction = yes\n', "line 2, column 14", "need quotes"),
        (b'name = "x"\n[platform\n', "line 2, column 10", "need quotes"),
        (b'name = "x', "the last line", "need quotes"),
        (b'name = "x"\n# caf\xe9\n', "line 2", "UTF-8"),
        (b'name = "x"\nname = "y"\n', "line 2, column 11", "given twice"),
        (b'[platform]\nkind = "process"\n[platform]\n', "line 3, column 10", "given twice"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line_and_how_to_fix_it(
    raw: bytes, place: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert [p.place for p in caught.value.problems] == [place]
    assert hint in caught.value.hint


def test_relative_paths_are_relative_to_the_config_and_its_path_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = GOOD.replace('"/srv/debvisor"', '"checkout"').replace('"/var/backups/debvisor"', '"~/backups"')
    text += '[ci]\nstatus_file = "ci/{commit}.json"\n'
    write(tmp_path / "etc" / "host.toml", text)
    monkeypatch.chdir(tmp_path / "etc")
    settings = load_settings(Path("host.toml"))
    assert settings.path == tmp_path / "etc" / "host.toml"
    assert isinstance(settings.source, GitSettings)
    assert settings.source.checkout == tmp_path / "etc" / "checkout"
    assert settings.backup.dir == tmp_path / "home" / "backups"
    assert settings.ci.status_file == str(tmp_path / "etc" / "ci" / "{commit}.json")


def test_the_order_of_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user, site, *_ = config_folders()
    write(site / "lab.toml", template("site"))
    assert load_settings().name == "site"  # the only one there is
    write(user / "lab.toml", template("user"))
    assert load_settings(target="lab").name == "user"
    write(user / "prod.toml", template("prod"))
    with pytest.raises(UsageError, match="several targets: lab, prod"):
        load_settings()
    write(tmp_path / "debvisor.toml", template("here"))
    assert load_settings().name == "here"
    monkeypatch.setenv("DEBVISOR_TUI_CONFIG", str(write(tmp_path / "env.toml", template("env"))))
    assert load_settings().name == "env"
    assert load_settings(target="prod").name == "prod"
    assert load_settings(write(tmp_path / "given.toml", template("given"))).name == "given"


def test_a_missing_config_lists_every_place_and_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings()
    told = str(caught.value)
    for place in ("--config", "$DEBVISOR_TUI_CONFIG", str(tmp_path / "debvisor.toml"), *map(str, config_folders())):
        assert place in told
    assert "debvisor-tui config init" in told
    with pytest.raises(UsageError, match=r"(?s)no config for the target lab.*lab\.toml"):
        load_settings(target="lab")
    with pytest.raises(UsageError, match="cannot be a target's name"):
        load_settings(target="../../etc/passwd")
    with pytest.raises(UsageError, match="There is no config file"):
        load_settings(tmp_path / "gone.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_readable_file_with_a_plain_password_is_warned_of(tmp_path: Path) -> None:
    text = GOOD.replace('{file = "/etc/debvisor-tui/smoke-password"}', '"hunter2"')
    text = text.replace('{env = "DATABASE_URL"}', '"postgresql://panel:s3cr%40t@db/panel"')
    path = write(tmp_path / "plain.toml", text)
    os.chmod(path, 0o644)
    settings = load_settings(path)
    (warning,) = settings.warnings
    assert "smoke.password and database.url" in warning
    assert f"chmod 600 {path}" in warning
    assert "hunter2" not in warning
    assert set(settings.secrets()) >= {"hunter2", "s3cr%40t", "s3cr@t"}
    assert "hunter2" not in repr(settings)
    os.chmod(path, 0o600)
    assert load_settings(path).warnings == ()


class Crontab(KindPart):
    """A platform that this version does not have."""

    kind: Literal["crontab"] = Field(description="how the service runs: crontab")
    schedule: str = Field(description="when it starts anew", examples=["@reboot"])
    jitter: Duration = Field(default=30.0, description="how much later it may be")


def test_a_table_is_read_by_its_kind_and_its_errors_have_the_keys_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLATFORMS, "crontab", Kind(Crontab, "nowhere:Crontab"))
    begin, end = GOOD.index("[platform]"), GOOD.index("[source]")
    table = '[platform]\nkind = "crontab"\nschedule = "@reboot"\njitter = "5s"\n'
    path = write(tmp_path / "host.toml", GOOD[:begin] + table + GOOD[end:])
    settings = load_settings(path)
    assert settings.platform == Crontab.model_validate({"kind": "crontab", "schedule": "@reboot", "jitter": "5s"})
    assert effective(settings)["platform"] == {"kind": "crontab", "schedule": "@reboot", "jitter": "5s"}
    shapes = schema()["properties"]["platform"]["oneOf"]
    assert [set(shape["properties"]) >= {"kind"} for shape in shapes] == [True, True, True]
    assert shapes[2]["properties"]["jitter"]["default"] == "30s"
    assert {key.kind for key in all_keys() if key.table == "platform"} == {"process", "systemd", "crontab"}

    path = write(path, path.read_text().replace("schedule =", "schedul =").replace('"5s"', "5"))
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    told = {p.place: p.what for p in caught.value.problems}
    assert told["platform.schedul"] == "unknown key; did you mean `schedule`?"
    assert told["platform.schedule"].startswith("missing")
    assert "in quotes" in told["platform.jitter"]

    path = write(path, path.read_text().replace('"crontab"', '"cron"'))
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    [problem] = caught.value.problems
    assert (problem.place, problem.what) == (
        "platform.kind",
        '"cron" is not supported by this version yet; supported: process, systemd, crontab',
    )
