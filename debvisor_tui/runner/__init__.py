"""The detached process that owns a run, and what clients speak with it."""
