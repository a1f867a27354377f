"""What touches the host: the one place that executes, pipes, HTTP, /proc, files."""
