"""The fixtures of tests that act as another local user."""

from other_user import open_folder
from stranger import stranger

__all__ = ["open_folder", "stranger"]
