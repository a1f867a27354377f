"""A database in one file."""
