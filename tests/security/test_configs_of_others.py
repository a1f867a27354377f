"""A config decides which commands run: one that another user owns, or can change, is refused (sshd's StrictModes)."""

import os
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from other_user import NOBODY, only_root
from stranger import Stranger, debvisor

from debvisor_tui.config.load import load_settings
from debvisor_tui.config.secrets import SecretRef
from debvisor_tui.config.template import template
from debvisor_tui.config.trust import make_trusted_folder, require_trusted
from debvisor_tui.model.errors import UsageError

pytestmark = only_root


def config_of(folder: Path, stranger: Stranger) -> Path:
    """A config that runs the stranger's program as soon as its secrets are asked for."""
    document: Any = tomlkit.parse(template("web1"))
    document["database"]["url"] = {"command": [str(stranger.program("p.sh"))]}
    document["smoke"]["password"] = {"command": [str(stranger.program("p.sh"))]}
    path = folder / "debvisor.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def refused(path: Path, *words: str) -> None:
    with pytest.raises(UsageError) as refusal:
        load_settings(path)
    for word in words:
        assert word in str(refusal.value) + refusal.value.hint


def test_a_config_of_another_or_that_others_can_write_is_refused_with_its_mend(stranger: Stranger) -> None:
    path = config_of(stranger.folder, stranger)
    stranger.own(path, 0o644)
    refused(path, f"the user nobody owns {stranger.folder}", "chown root", "sudo -u nobody")
    os.chown(stranger.folder, 0, 0)
    refused(path, "everybody may write to", f"chmod o-w {stranger.folder}")
    stranger.folder.chmod(0o755)
    refused(path, "the user nobody owns it", f"chown root {path}")
    os.chown(path, 0, NOBODY.pw_gid)
    path.chmod(0o664)
    refused(path, "may write to it", f"chmod g-w {path}")
    path.chmod(0o646)
    refused(path, "everybody may write to it", f"chmod o-w {path}")
    path.chmod(0o644)
    assert load_settings(path).path == path, "root's, and nobody else can change it"


def test_links_are_followed_and_each_of_their_folders_counts(stranger: Stranger, tmp_path: Path) -> None:
    real = config_of(tmp_path, stranger)
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    assert require_trusted(link, "config file") == real.resolve()
    theirs = stranger.folder / "link.toml"
    theirs.symlink_to(real)
    refused(theirs, f"the user nobody owns {stranger.folder}")
    sticky = stranger.folder.parent / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    mine, foreign = sticky / "mine.toml", sticky / "foreign.toml"
    mine.symlink_to(real)
    foreign.symlink_to(real)
    os.chown(foreign, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)
    assert load_settings(mine).path == mine, "in a sticky folder nobody can replace it"
    refused(foreign, "the user nobody owns it")
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    with pytest.raises(UsageError):
        load_settings(loop)


def test_pipes_and_devices_are_no_config_and_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    refused(pipe, "not a regular file")
    link = tmp_path / "zero.toml"
    link.symlink_to("/dev/zero")
    refused(link, "not a regular file")
    for path in (pipe, link):
        done = debvisor("--config", path, "release", "v1.0.0", "--headless", cwd=tmp_path)
        assert (done.returncode, "not a regular file" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", [["status"], ["history", "list"], ["release", "v1.0.0", "--headless"]])
def test_root_takes_up_no_config_of_another_that_lies_where_root_stands(
    stranger: Stranger, command: list[str], tmp_path: Path
) -> None:
    stranger.own(config_of(stranger.folder, stranger), 0o644)
    done = debvisor(*command, cwd=stranger.folder, HOME=str(tmp_path))
    assert not stranger.obeyed
    assert done.returncode == 2
    assert "debvisor.toml: is not root's, so root does not use it" in done.stderr


@pytest.mark.slow
def test_a_named_config_of_another_runs_nothing(stranger: Stranger, tmp_path: Path) -> None:
    path = stranger.own(config_of(stranger.folder, stranger), 0o644)
    home = stranger.folder / "home"
    (home / ".config" / "debvisor-tui").mkdir(parents=True)
    in_home = home / ".config" / "debvisor-tui" / "prod.toml"
    in_home.write_bytes(path.read_bytes())
    for folder in (home, home / ".config", in_home.parent):
        stranger.own(folder, 0o755)
    stranger.own(in_home, 0o644)
    for done in (
        debvisor("--config", path, "status", cwd=tmp_path),
        debvisor("status", cwd=tmp_path, DEBVISOR_TUI_CONFIG=str(path)),
        debvisor("status", cwd=tmp_path, HOME=str(home), XDG_CONFIG_HOME=""),
    ):
        assert not stranger.obeyed
        assert (done.returncode, "is not used" in done.stderr) == (2, True), done.stderr


def test_a_secret_s_file_is_held_to_the_same_rule(stranger: Stranger, tmp_path: Path) -> None:
    secret = stranger.folder / "secret"
    secret.write_text("sqlite:////etc/theirs.db", encoding="utf-8")
    reference = SecretRef.model_validate({"file": str(secret)})
    with pytest.raises(UsageError, match=r"^database\.url: The secret's file .* is not used"):
        reference.resolve("database.url")
    mine = tmp_path / "secret"
    mine.write_text("sqlite:////srv/mine.db\n", encoding="utf-8")
    assert SecretRef.model_validate({"file": str(mine)}).resolve("x").reveal() == "sqlite:////srv/mine.db"


def test_folders_that_are_made_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_trusted_folder(tmp_path / "a" / "b", "state folder")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o700, 0o700]


def test_a_folder_where_a_group_may_write_is_not_taken_sticky_or_not(tmp_path: Path) -> None:
    for mode in (0o2770, 0o1770, 0o1777):
        shared = tmp_path / oct(mode)
        shared.mkdir()
        os.chown(shared, 0, NOBODY.pw_gid)
        shared.chmod(mode)
        with pytest.raises(UsageError, match="may write to"):
            make_trusted_folder(shared, "state folder")


def test_a_secret_s_command_runs_in_the_config_s_folder_wherever_it_is_asked_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.sh").write_text("echo sqlite:////srv/mine.db\n", encoding="utf-8")
    document: Any = tomlkit.parse(template("web1"))
    document["database"]["url"] = {"command": ["sh", "secret.sh"]}
    path = tmp_path / "debvisor.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    monkeypatch.chdir("/")
    assert load_settings(path).database.url.resolve("database.url").reveal() == "sqlite:////srv/mine.db"
