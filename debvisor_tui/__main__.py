"""`python -m debvisor_tui` is `debvisor-tui`."""

from debvisor_tui.cli.quick import main

main()
