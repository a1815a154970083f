"""`nambari carriers` and `nambari reconcile`, as they are typed where no carrier is set up."""

import pytest
from tests.cli.conftest import Run, refused


def test_no_order_is_under_way(nambari: Run) -> None:
    assert nambari("carriers", "orders").out == "No order is under way.\n"
    assert nambari("carriers", "orders", "--json").lines == []


@pytest.mark.parametrize("more", [(), ("--carrier", "acme"), ("--repair", "--yes")])
def test_nothing_to_compare(nambari: Run, more: tuple[str, ...]) -> None:
    assert refused(nambari("reconcile", *more)).startswith("No carrier is set up: there is nothing to compare.")
