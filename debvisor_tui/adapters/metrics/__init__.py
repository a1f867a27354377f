"""Where the numbers of the watch come from."""
