"""The two commands, `debvisor-tui` and `debvisor-cli`."""
