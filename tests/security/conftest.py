"""The console on a database of the test's own, with a browser and without, as its own tests have it."""

from tests.console.conftest import chromium, site, town

__all__ = ["chromium", "site", "town"]
