"""The release playbook of a Debvisor host, alive. Start reading in :mod:`debvisor_tui.model`."""

__version__ = "0.1.0"
