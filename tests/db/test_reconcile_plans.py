"""Are our books of a carrier read in one go through its stock, however many orders there were? The plan, as run."""

from collections.abc import Iterator

import pytest
from tests.conftest import Databases
from tests.db.test_search_plans import explaining, nodes

from nambari.db import carrier_books
from nambari.domain.access import Environment
from nambari.settings import Settings

STOCK = 2_000
FILL = f"""
INSERT INTO organizations VALUES ('org_1', 'Org', 'pro', now());
INSERT INTO balances (organization_id, environment, available_cents, held_cents) VALUES ('org_1', 'live', 0, 0);
INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status, available_since,
                       created_at)
SELECT 'inv_' || n, 'live', '+44207946' || 100000 + n, 'GB', 'local', '{{voice}}', 'acme', 'in_service', now(), now()
FROM generate_series(1, {STOCK}) AS n;
INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                           allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents,
                           currency, renews_at, created_at, updated_at, released_at)
SELECT 'pn_' || n || '_' || tenure, 'org_1', 'live', 'inv_' || n, '+44207946' || 100000 + n, 'GB', 'local',
       CASE tenure WHEN 1 THEN 'released' ELSE 'active' END, true, true, '{{}}', false, 0, 100, 'USD', now(),
       now() - interval '3 days' + tenure * interval '1 day', now(),
       CASE tenure WHEN 1 THEN now() - interval '1 day' END
FROM generate_series(1, {STOCK}) AS n, generate_series(1, 2) AS tenure;
INSERT INTO carrier_orders (id, organization_id, environment, phone_number_id, inventory_id, carrier, reference, number,
                            country, held_cents, status, created_at, changed_at)
SELECT 'ord' || substr(id, 3), organization_id, environment, id, inventory_id, 'acme', number, number, country, 0,
       CASE status WHEN 'released' THEN 'returned' ELSE 'filled' END, created_at, created_at
FROM phone_numbers;
"""


@pytest.fixture
def ordered(databases: Databases) -> Iterator[str]:
    """The DSN of a database in which each number of a carrier was ordered twice."""
    with databases.filled(FILL) as made:
        yield made


async def test_the_last_order_of_each_number_is_looked_up_in_an_index(ordered: str, settings: Settings) -> None:
    async with explaining(ordered, settings) as connection:
        books = await carrier_books.books_of_all(connection, Environment.LIVE, "acme")
    assert len(books) == STOCK
    assert {each["order_status"] for each in books} == {"filled"}, "the last one counts"
    for plan in connection.plans:
        read = [node for node in nodes(plan) if node.get("Relation Name") == "carrier_orders"]
        assert [node["Node Type"] for node in read] == ["Index Scan"]
        rows = sum(node["Actual Rows"] * node["Actual Loops"] for node in read)
        assert rows <= STOCK, "one order of each number, not all of them"
