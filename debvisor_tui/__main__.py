"""`python -m debvisor_tui` is `debvisor-tui`."""

from debvisor_tui.cli.entry import main

main()
