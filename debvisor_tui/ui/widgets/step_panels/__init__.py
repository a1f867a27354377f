"""The bodies of the steps: each draws what its step has established, from the journal's evidence."""
