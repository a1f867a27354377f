"""The terminal interface: it knows events, not tasks."""
