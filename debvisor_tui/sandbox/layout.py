"""Where everything stands in a sandbox's folder, and the marker file that says that it is one."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debvisor_tui.model.errors import UsageError

MARKER = ".debvisor-sandbox"
FORMAT = 1
TEMPLATE = Path(__file__).parent / "template"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the sandbox in `dir` (absolute)."""

    dir: Path

    @property
    def marker(self) -> Path:
        return self.dir / MARKER

    @property
    def origin(self) -> Path:
        return self.dir / "origin.git"

    @property
    def checkout(self) -> Path:
        return self.dir / "checkout"

    @property
    def database(self) -> Path:
        return self.dir / "data" / "panel.db"

    @property
    def backups(self) -> Path:
        return self.dir / "backups"

    @property
    def ci(self) -> Path:
        return self.dir / "ci"

    @property
    def run(self) -> Path:
        return self.dir / "run"

    @property
    def state(self) -> Path:
        return self.dir / "state"

    @property
    def faults(self) -> Path:
        return self.dir / "faults.json"

    @property
    def panelctl(self) -> Path:
        return self.dir / "panelctl"

    @property
    def password(self) -> Path:
        return self.dir / "smoke-password"

    @property
    def config(self) -> Path:
        return self.dir / "debvisor.toml"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database}"

    def version(self) -> str:
        """The version that is in the checkout."""
        try:
            return (self.checkout / "VERSION").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(
                f"{self.dir}: the sandbox has no checkout/VERSION: {error.strerror}", "Make a new sandbox."
            ) from None

    def write_marker(self, port: int) -> None:
        write_atomically(self.marker, json.dumps({"format": FORMAT, "port": port}) + "\n")

    def read_marker(self) -> dict[str, Any]:
        """The marker's content; UsageError if `dir` is no sandbox of this format."""
        hint = "Name a folder that `debvisor-tui demo --dir` made, or one that is not there yet."
        try:
            marker = json.loads(self.marker.read_text(encoding="utf-8"))
            port = int(marker["port"])
            form = int(marker["format"])
        except FileNotFoundError:
            raise UsageError(f"{self.dir} is not a sandbox", hint) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{self.dir}: its marker file {MARKER} cannot be read", hint) from None
        if form != FORMAT:
            raise UsageError(f"{self.dir} was made by another version of this program (format {form})", hint)
        return {"port": port, "format": form}


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """All of `text` or nothing of it stands in `path`, whoever reads it meanwhile."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
