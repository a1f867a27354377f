"""How a release's migrations are read and applied."""
