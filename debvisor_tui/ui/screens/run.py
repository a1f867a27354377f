"""A run: the playbook on the left, the step's own body, gate and log on the right."""

from debvisor_tui.ui.base import DebvisorScreen


class RunScreen(DebvisorScreen[None]):
    def __init__(self, run: int) -> None:
        super().__init__()
        self.run_id = run
