"""One TOML file a target: its settings, how they are loaded, and its secrets."""
