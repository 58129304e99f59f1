"""Logging on the terminal and in a file; the installed runtime declares it."""

from rankiqa.terminal.log import add_file, remove, setup_console

__all__ = ["add_file", "remove", "setup_console"]
