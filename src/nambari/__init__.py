"""Nambari sells and runs phone numbers for AI voice agents."""

__version__ = "0.1.0"
