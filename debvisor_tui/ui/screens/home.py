"""Home: what runs now, the run in progress, the last runs, and the way to everything else."""

from debvisor_tui.ui.base import DebvisorScreen


class HomeScreen(DebvisorScreen[None]):
    pass
