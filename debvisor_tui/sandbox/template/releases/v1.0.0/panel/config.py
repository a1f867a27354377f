"""The panel's settings, from the environment, and the release it is."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = (Path(__file__).parent.parent / "VERSION").read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class Config:
    port: int
    database: Path
    cache: Path
    faults: Path | None  # where a rehearsal says what is to go wrong; never set in production
    notify_fd: int | None  # gets "ready\n" once the panel listens

    @classmethod
    def from_environment(cls) -> "Config":
        try:
            port = int(os.environ["PANEL_PORT"])
            url = os.environ["DATABASE_URL"]
            cache = Path(os.environ["PANEL_CACHE"])
        except (KeyError, ValueError) as error:
            sys.exit(f"panel: PANEL_PORT, DATABASE_URL and PANEL_CACHE must be set ({error!r})")
        if not url.startswith("sqlite:///"):
            sys.exit("panel: DATABASE_URL must begin with sqlite:///")
        faults = os.environ.get("PANEL_FAULTS")
        notify = os.environ.get("PANEL_NOTIFY_FD")
        return cls(
            port=port,
            database=Path(url.removeprefix("sqlite:///")),
            cache=cache,
            faults=Path(faults) if faults else None,
            notify_fd=int(notify) if notify else None,
        )
