"""Releases as tags of a git repository, put in place by moving a checkout."""
