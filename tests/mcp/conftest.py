"""A real service on a real port, over the world of the test."""

from collections.abc import AsyncIterator

import pytest
from tests.api.serving import serving
from tests.cast import World

from nambari.settings import Settings


@pytest.fixture
async def base_url(world: World, dsn: str, settings: Settings) -> AsyncIterator[str]:
    async with serving(settings, dsn) as port:
        yield f"http://127.0.0.1:{port}"
