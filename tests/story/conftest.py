"""A folder and a service for each story."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.story.processes import Service, service


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    """Not started yet."""
    with service(tmp_path / "home") as made:
        yield made
