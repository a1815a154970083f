"""Does what Prometheus asks walk an index of what is open, however much there is? The plans of the statements, as run.

And is what it is told true? Counted anew, by hand.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.cast import World
from tests.conftest import Databases
from tests.db.test_search_plans import Explaining, explaining, nodes

from nambari.db import measures
from nambari.domain.events import Event
from nambari.operations import measure
from nambari.operations.measure import Seen
from nambari.settings import Settings

OPEN = 40
HELD = 20_000
FILL = f"""
INSERT INTO organizations VALUES ('org_1', 'Org', 'pro', now());
INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status, available_since,
                       created_at)
SELECT 'inv_' || n, 'live', '+44207946' || 100000 + n, 'GB', 'local', '{{voice}}', 'pool', 'in_service', now(), now()
FROM generate_series(1, {HELD}) AS n;
INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
                           allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents,
                           currency, renews_at, created_at, updated_at, released_at, releases_at, retry_at)
SELECT 'pn_' || n, 'org_1', 'live', 'inv_' || n, '+44207946' || 100000 + n, 'GB', 'local',
       CASE WHEN n <= {OPEN} THEN 'suspended' WHEN n % 3 = 0 THEN 'released' ELSE 'active' END, true, true, '{{}}',
       false, 0, 100, 'USD', now(), now(), now(), CASE WHEN n > {OPEN} AND n % 3 = 0 THEN now() END,
       CASE WHEN n <= {OPEN} THEN now() END, CASE WHEN n <= {OPEN} THEN now() END
FROM generate_series(1, {HELD}) AS n;
INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at,
                    position)
SELECT 'evt_' || n, 'org_1', 'live', 'phone_number.updated', 'pn_' || n, '{{}}', '[]', 'req_test', now(),
       CASE WHEN n <= {HELD - OPEN} THEN n END
FROM generate_series(1, {HELD}) AS n;
INSERT INTO webhooks (id, organization_id, environment, url, events, status, secret, created_at, updated_at)
VALUES ('wh_1', 'org_1', 'live', 'https://example.com', '{{*}}', 'active', 'whsec_x', now(), now()),
       ('wh_2', 'org_1', 'live', 'https://example.com', '{{*}}', 'disabled', 'whsec_x', now(), now());
INSERT INTO deliveries (id, organization_id, environment, webhook_id, sequence, position, subject_id, status,
                        next_attempt_at, created_at, last_attempt_at)
SELECT 'dlv_' || position, 'org_1', 'live', 'wh_1', sequence, position, subject_id,
       CASE WHEN position <= {OPEN} THEN 'pending' ELSE 'delivered' END,
       CASE WHEN position <= {OPEN} THEN now() END, now(), now()
FROM events WHERE position IS NOT NULL;
INSERT INTO deliveries (id, organization_id, environment, webhook_id, sequence, position, subject_id, status,
                        next_attempt_at, created_at)
SELECT 'dlv_left_' || position, 'org_1', 'live', 'wh_2', sequence, position, subject_id, 'pending', now(), now()
FROM events WHERE position IS NOT NULL;
"""


@pytest.fixture(scope="module")
def grown(databases: Databases) -> Iterator[str]:
    """The DSN of a database in which much has happened, and little is open."""
    with databases.filled(FILL) as made:
        yield made


def walks(explained: Explaining) -> list[str]:
    """What reads a large table as a whole, or far more rows than are open."""
    small = {"kyc", "balances", "reconciliations", "carrier_orders", "organizations", "webhooks"}
    return [
        f"{node['Node Type']} of {node['Relation Name']}"
        for plan in explained.plans
        for node in nodes(plan)
        if node.get("Relation Name", "kyc") not in small
        and (node["Node Type"] == "Seq Scan" or node["Actual Rows"] * node["Actual Loops"] > 10 * OPEN)
    ]


async def test_what_is_looked_up_often_reads_what_is_open(grown: str, settings: Settings) -> None:
    async with explaining(grown, settings) as connection:
        now = datetime.now(UTC) + timedelta(minutes=1)
        assert (await measures.unplaced_events_of_all(connection)).count == OPEN
        assert (await measures.due_deliveries_of_all(connection, now)).count == OPEN
        assert await measures.numbers_in_trouble_of_all(connection) == {("live", "suspended"): OPEN}
        await measures.overdue_renewal_of_all(connection, now)
        await measures.open_orders_of_all(connection, now)
        await measures.comparisons_of_all(connection)
        last = await measures.last_event_of_all(connection)
        new, end = await measures.new_events_of_all(connection, last - 30, 20)
        assert (new, end) == ({("live", "phone_number.updated"): 20}, last - 10)
        assert await measures.new_events_of_all(connection, last, 20) == ({}, last)
    assert walks(connection) == []


async def test_what_counts_all_reads_an_index_alone(grown: str, settings: Settings) -> None:
    async with explaining(grown, settings) as connection:
        held = await measures.held_of_all(connection)
    assert 0 < sum(held.values()) < HELD
    kinds = {(node["Node Type"], node.get("Index Name")) for plan in connection.plans for node in nodes(plan)}
    assert not [kind for kind, _ in kinds if kind in {"Seq Scan", "Bitmap Heap Scan", "Index Scan"}], kinds


async def test_figures_are_those_of_the_database(world: World) -> None:
    services, now, seen = world.services, world.services.clock(), Seen()

    async def look(name: str, at: int = 0) -> dict[tuple[str, ...], float]:
        told = await measure.measure(services, seen, now + timedelta(seconds=at))
        return dict(next(each.values for each in told if each.name == name))

    assert await look("phone_numbers") == {}
    alice = await world.person()
    for item in await world.stock(3):
        assert (await alice.client.post("/v1/phone-numbers", json={"inventory_id": item})).status_code == 201
    assert await look("phone_numbers", 30) == {}, "all that is held is counted once a minute"
    assert await look("phone_numbers", 61) == {("live", "active"): 3}
    assert (await look("credits_cents", 61))["live", "held"] == 0
    assert await look("reconcile_differences", 61) == {}
    async with services.database.writing() as connection:
        await measures.write_comparison_of_all(connection, "acme", 4, now)
        await measures.write_comparison_of_all(connection, "acme", 2, now)
    assert await look("reconcile_differences", 62) == {("acme",): 2}
    assert await look("reconcile_age_seconds", 62) == {("acme",): 62}
    events = await look("events", 62)
    assert len(events) == 2 * len(Event), "each from the beginning, and no more than there are"
