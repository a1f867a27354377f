"""How the service runs: the settings of each kind of platform."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from debvisor_tui.config.parts import Argv, Duration, Flag, Kind, KindPart
from debvisor_tui.config.secrets import AnyPath


class ProcessSettings(KindPart):
    """A service that its own commands start and stop. `pid_file` holds the main process's pid."""

    kind: Literal["process"] = Field(description="how the service runs: process")
    restart: Argv = Field(
        description="the command that restarts the service", examples=[["/srv/debvisor/bin/panelctl", "restart"]]
    )
    pid_file: AnyPath = Field(
        description="the file that holds the main process's pid", examples=["/run/debvisor/panel.pid"]
    )
    log_file: AnyPath | None = Field(
        default=None,
        description="the service's log; its last lines are shown when the service dies",
        examples=["/var/log/debvisor/panel.log"],
    )
    cwd: AnyPath | None = Field(
        default=None,
        description="the folder that the restart command runs in; default: the config's folder",
        examples=["/srv/debvisor"],
    )
    settle: Duration = Field(
        default=2.0, description="how long the new process must live before it counts as started"
    )
    stop_timeout: Duration = Field(
        default=30.0, description="how long the old process may take to make way for the new one"
    )


_NO_SERVICES = {"socket", "target", "timer", "path", "mount", "automount", "swap", "device", "slice", "scope"}


def _unit(name: str) -> str:
    """A service's name as systemd has it: "debvisor" is debvisor.service."""
    suffix = name.rpartition(".")[2] if "." in name else ""
    if suffix in _NO_SERVICES:
        raise ValueError(f"expected a service, got {name!r}: its state does not tell whether the service runs")
    full = name if suffix == "service" else f"{name}.service"
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,240}\.service", full) or "@." in full:
        raise ValueError(f'expected the name of a unit, such as "debvisor.service" or "debvisor@1", got {name!r}')
    return full


class SystemdSettings(KindPart):
    """A service that systemd runs, as one unit or several."""

    kind: Literal["systemd"] = Field(description="how the service runs: units of systemd")
    units: Annotated[tuple[Annotated[str, AfterValidator(_unit)], ...], Field(min_length=1)] = Field(
        description="the units, in the order in which they are restarted",
        examples=[["debvisor.service", "debvisor-worker.service"]],
    )
    user: Flag = Field(default=False, description="they are of the operator's own manager (systemctl --user)")
    sudo: Flag | None = Field(
        default=None,
        examples=[True],
        description="restart them by `sudo -n`; default: where the operator is not root, and they are not of `user`",
    )
    settle: Duration = Field(default=5.0, description="how long each unit must stay up before it counts as started")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.user and self.sudo:
            raise PydanticCustomError("no_sudo", "units of `user` are not restarted by sudo: leave one of them out")
        if len(set(self.units)) != len(self.units):
            raise PydanticCustomError("twice", "a unit is named twice in `units`")
        return self

    def uses_sudo(self, uid: int) -> bool:
        """Whether a process of user `uid` restarts them by sudo."""
        return self.sudo if self.sudo is not None else uid != 0 and not self.user


PLATFORMS: dict[str, Kind] = {
    "process": Kind(ProcessSettings, "debvisor_tui.adapters.platforms.process:ProcessPlatform"),
    "systemd": Kind(SystemdSettings, "debvisor_tui.adapters.platforms.systemd:SystemdPlatform"),
}
