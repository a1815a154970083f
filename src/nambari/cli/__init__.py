"""What can be typed? One program, `nambari`; each group of commands is in a module of its own."""

from nambari.cli.program import main

__all__ = ["main"]
