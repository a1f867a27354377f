"""How the service runs: the settings of each kind of platform."""

from typing import Literal

from pydantic import Field

from debvisor_tui.config.parts import Argv, Duration, Kind, KindPart
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


PLATFORMS: dict[str, Kind] = {
    "process": Kind(ProcessSettings, "debvisor_tui.adapters.platforms.process:ProcessPlatform"),
}
