"""One file a kind of work: a task can inspect, run, and say how it is undone."""
