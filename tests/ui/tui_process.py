"""A program for tests: the TUI as shipped, on the journal of a folder; `python tui_process.py FOLDER`."""

import sys
from pathlib import Path

import seed

from debvisor_tui.model.errors import DebvisorError
from debvisor_tui.ui.start import run_tui

try:
    sys.exit(run_tui(seed.session(Path(sys.argv[1]), at=seed.START)))
except DebvisorError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
