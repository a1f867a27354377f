"""What the service runs on: each platform builds commands and reads results; :mod:`.execute` executes."""
