"""The Debvisor web panel."""
