"""How hard do the properties look? Enough to find, and all of them together within a second."""

from hypothesis import settings

quick = settings(max_examples=40, deadline=None)
"""No deadline: how long an example takes says how busy the machine is."""
