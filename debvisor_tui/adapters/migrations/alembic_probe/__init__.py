"""A program for the release's own interpreter: what alembic knows, as JSON. Run as `python alembic_probe`."""
