"""One demo for all pages: they are pasted into terminals of their own, beside the same shop."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.docs.terminal import Terminal
from tests.story.processes import environment
from tests.story.test_demo import Demo, demo

from nambari_client import Client


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("docs") / "home") as started:
        yield started


@pytest.fixture(scope="session")
def owned(shop: Demo) -> str:
    """The id of a number of the customer, for pages that begin with one."""
    with Client(shop.live_key, base_url=shop.url) as client:
        found = next(iter(client.search_available_numbers(country="AE")))
        return client.purchase_phone_number(found.inventory_id).id


@pytest.fixture
def terminal(shop: Demo, owned: str, tmp_path: Path) -> Callable[[], Terminal]:
    """Opens a terminal in a folder of its own, from which the shop is reached as its customer and as its operator."""
    made: list[Terminal] = []
    home = shop.log.parent
    organization, live, test = re.findall(r"(?:org|kros_live|kros_test)_\w+", shop.text)[:3]

    def new() -> Terminal:
        said = {"http://127.0.0.1:8000": shop.url, "kros_live_…": live, "kros_test_…": test}
        ours = environment(home) | {
            "NAMBARI_DATA_DIR": str(home / "data" / "demo"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "API": f"{shop.url}/v1",  # as the page on calls begins
            "KEY": live,
            "NAMBARI_BASE_URL": shop.url,
            "NAMBARI_API_KEY": live,
        }
        endpoints = re.findall(r"ep_[0-9a-z]{26}", shop.text)
        seen = {"org": [organization], "ep": endpoints[:1], "pn": [owned]}
        made.append(Terminal(tmp_path / f"terminal_{len(made)}", said, ours, seen))
        return made[-1]

    return new
