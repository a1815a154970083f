"""Is the way of a call found by an index, however many numbers there are? The plans of the very statements, as run."""

import pytest
from tests.db.test_search_plans import Explaining, explaining, filled, nodes

from nambari.db import routes
from nambari.domain.access import Environment
from nambari.domain.routing import Holding, Vacancy
from nambari.settings import Settings
from nambari.wiring import open_services

__all__ = ["filled"]

MOST_ROWS = 2
"""Of one index or table: the row that is wanted, and at most one that is looked at for nothing."""


async def any_number(connection: Explaining, status: str, number: str = "+44%") -> str:
    found: str = await connection._connection.fetchval(
        "SELECT number FROM phone_numbers WHERE environment = 'live' AND status = $1 AND number LIKE $2 LIMIT 1",
        status,
        number,
    )
    return found


def walks(explained: Explaining) -> list[str]:
    """What in these plans reads a table as a whole, or more rows than a call needs."""
    found = []
    for node in (node for plan in explained.plans for node in nodes(plan)):
        name = node.get("Index Name") or node.get("Relation Name")
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        rows = (node["Actual Rows"] + removed) * node["Actual Loops"]
        if name and (node["Node Type"].endswith("Seq Scan") or rows > MOST_ROWS):
            found.append(f"{node['Node Type']} of {name}: {rows:,} rows")
    return found


def used(explained: Explaining) -> set[str]:
    return {
        node["Index Name"]
        for plan in explained.plans
        for node in nodes(plan)
        if "Index Name" in node and node["Actual Loops"]
    }


async def test_a_call_to_a_number_reads_one_row(filled: str, settings: Settings) -> None:
    async with explaining(filled, settings) as connection:
        held, sold_before = await any_number(connection, "active"), await any_number(connection, "released")
        found = await routes.holder_across_organizations(connection, Environment.LIVE, held)
        assert isinstance(found, Holding)
        assert used(connection) >= {"phone_numbers_one_holder"}
        assert "inventory_number" not in used(connection), "the stock is looked at for what nobody holds"
        for number in (sold_before, "+442079460000"):
            assert isinstance(await routes.holder_across_organizations(connection, Environment.LIVE, number), Vacancy)
    assert used(connection) >= {"phone_numbers_one_holder", "inventory_number"}
    assert len(connection.plans) == 6
    assert walks(connection) == []


@pytest.mark.parametrize("who", [{"organization_id": "org_7"}, {"username": "pn_1000"}, {"username": "pn_none"}])
async def test_a_call_from_a_number_reads_one_row(filled: str, settings: Settings, who: dict[str, str]) -> None:
    asked = {"organization_id": None, "username": None, **who}
    async with explaining(filled, settings) as connection:
        number = await any_number(connection, "active")
        account, found = await routes.caller_across_organizations(connection, Environment.LIVE, number, **asked)
        assert found is not None
        assert (account is None) == (who.get("username") == "pn_none")
    assert "phone_numbers_one_holder" in used(connection)
    assert walks(connection) == []


async def test_a_route_without_its_index_is_found(filled: str, settings: Settings) -> None:
    """Or this test would pass whatever happens."""
    async with open_services(settings, filled) as services, services.database.reading() as connection:
        dropped = connection.transaction()
        await dropped.start()
        await connection.execute("DROP INDEX phone_numbers_one_holder")
        explained = Explaining(connection)
        number = await any_number(explained, "active")
        await routes.holder_across_organizations(explained, Environment.LIVE, number)
        await dropped.rollback()
    assert walks(explained)
