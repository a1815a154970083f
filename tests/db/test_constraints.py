"""Do the constraints hold the rules by themselves, whatever the code does? Raw SQL, with nothing of ours in between."""
# ruff: noqa: E501 - tables are read by the line

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors
from tests.conftest import Databases

Connection = psycopg.Connection[Any]

SEED = """
INSERT INTO organizations VALUES ('org_a', 'Alice', 'pro', now()), ('org_m', 'Mallory', 'pro', now());
INSERT INTO balances SELECT id, e, 1000, 0 FROM organizations, unnest(ARRAY['live', 'test']) AS e;
INSERT INTO kyc (organization_id, environment, status)
    SELECT id, e, 'verified' FROM organizations, unnest(ARRAY['live', 'test']) AS e;
INSERT INTO api_keys VALUES ('key_a', 'org_a', 'live', '', 'kros_live_aa', 'hash', '{numbers:read}', '{}', NULL, NULL,
    NULL, now());
INSERT INTO api_keys VALUES ('key_c', 'org_a', 'live', '', 'kros_live_cc', 'hash of c', '{numbers:write}', '{}', NULL, NULL,
    NULL, now(), 1000);
INSERT INTO key_spending VALUES ('org_a', 'live', 'key_c', '2026-01-01', 1000, 1000);
INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents, balance_after_cents,
    reference, description, created_at)
    SELECT 'txn_' || id || e, id, e, 'top_up', 'world', 'available', 1000, 1000, 'first', 'Credits added', now()
    FROM organizations, unnest(ARRAY['live', 'test']) AS e;
INSERT INTO inventory SELECT 'inv_' || n, 'live', '+4420794600' || lpad(n::text, 2, '0'), 'GB', 'local', '20', 'London',
    '{voice}', 100, 250, 'pool', 'available', now(), now() FROM generate_series(0, 9) AS n;
INSERT INTO endpoints SELECT 'ep_' || substr(id, 5), id, 'live', 'Agent', 'agent', 'sip:a@example.com', 'active', 'custom',
    '{}', NULL, now(), now() FROM organizations;
INSERT INTO endpoints VALUES ('ep_test', 'org_a', 'test', 'Agent', 'agent', 'sip:a@example.com', 'active', 'custom',
    '{}', NULL, now(), now());
INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,
    allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency, endpoint_id,
    created_at, updated_at)
    SELECT 'pn_0', 'org_a', 'live', id, number, country, type, 'active', true, true, '{}', false, 100, 250, 'USD', 'ep_a',
    now(), now() FROM inventory WHERE id = 'inv_0';
UPDATE inventory SET status = 'in_service' WHERE id = 'inv_0';
INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)
    VALUES ('evt_0', 'org_a', 'live', 'phone_number.purchased', 'pn_0', '{}', '[]', 'req_0', now());
INSERT INTO kept_answers VALUES ('org_a', 'live', 'k', 'f', false, '{}', now());
INSERT INTO rates VALUES ('GB', 'local', 100, 250);
"""

SECOND_HOLDER = """
INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status, porting_direction,
    allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency, created_at, updated_at)
    SELECT 'pn_1', {organization}, 'live', {inventory}, {number}, country, type, {status}, {direction}, true, true, '{{}}',
    false, 100, 250, 'USD', now(), now() FROM inventory WHERE id = 'inv_0'"""


@pytest.fixture(scope="module")
def seeded(databases: Databases) -> Iterator[str]:
    dsn = databases.make()
    with psycopg.connect(dsn) as connection:
        connection.execute(SEED)
    yield dsn
    databases.drop(dsn)


@pytest.fixture
def connection(seeded: str) -> Iterator[Connection]:
    """In a transaction that is rolled back."""
    with psycopg.connect(seeded) as opened:
        yield opened
        opened.rollback()


def second_holder(
    organization: str = "'org_m'",
    inventory: str = "id",
    number: str = "number",
    status: str = "'active'",
    direction: str = "NULL",
) -> str:
    return SECOND_HOLDER.format(
        organization=organization, inventory=inventory, number=number, status=status, direction=direction
    )


def event_of(organization: str, event: str, id: str = "evt_1") -> str:
    return (
        "INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id, created_at)"
        f" VALUES ('{id}', {organization}, 'live', '{event}', 'x', '{{}}', '[]', 'x', now())"
    )


POSTING = """
INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents, balance_after_cents,
    reference, description, created_at)
    VALUES ('{id}', '{organization}', '{environment}', 'top_up', '{source}', '{destination}', {cents}, {after}, {reference}, 'x', now())"""


def posting(**given: object) -> str:
    usual = {"id": "txn_1", "organization": "org_a", "environment": "live", "source": "world"}
    usual |= {"destination": "available", "cents": "1", "after": "1001", "reference": "NULL"}
    return POSTING.format(**(usual | given))


FORBIDDEN = [
    # One holder.
    ("a second holder of a number", second_holder(), errors.UniqueViolation),
    ("a second holder, suspended", second_holder(status="'suspended'"), errors.UniqueViolation),
    ("a second holder, pending", second_holder(status="'pending'"), errors.UniqueViolation),
    ("a second holder, porting", second_holder(status="'porting'", direction="'in'"), errors.UniqueViolation),
    ("the same holder twice", second_holder(organization="'org_a'"), errors.UniqueViolation),
    ("a second holder by other stock", second_holder(inventory="'inv_1'"), errors.UniqueViolation),
    ("a second holder of the stock", second_holder(number="'+442079460099'"), errors.UniqueViolation),
    ("a holder of no stock", second_holder(inventory="'inv_x'", number="'+442079460099'"), errors.ForeignKeyViolation),
    ("a holder that is no organization", second_holder(organization="'org_x'", inventory="'inv_1'", number="'+442079460001'"), errors.ForeignKeyViolation),
    ("one number twice in the inventory", "UPDATE inventory SET number = '+442079460000' WHERE id = 'inv_1'", errors.UniqueViolation),
    ("stock deleted under its holder", "DELETE FROM inventory WHERE id = 'inv_0'", errors.ForeignKeyViolation),
    # Statuses.
    ("a number's status outside the catalogue", "UPDATE phone_numbers SET status = 'sleeping'", errors.CheckViolation),
    ("released without a time", "UPDATE phone_numbers SET status = 'released'", errors.CheckViolation),
    ("a release time without the status", "UPDATE phone_numbers SET released_at = now()", errors.CheckViolation),
    ("released before it was bought", "UPDATE phone_numbers SET status = 'released', released_at = created_at - interval '1 second'", errors.CheckViolation),
    ("a stock's status outside the catalogue", "UPDATE inventory SET status = 'lost'", errors.CheckViolation),
    ("a stock's type outside the catalogue", "UPDATE inventory SET type = 'premium'", errors.CheckViolation),
    ("a rate's type outside the catalogue", "UPDATE rates SET type = 'premium'", errors.CheckViolation),
    ("a KYC status outside the catalogue", "UPDATE kyc SET status = 'maybe'", errors.CheckViolation),
    ("a kind of applicant outside the catalogue", "UPDATE kyc SET kind = 'robot'", errors.CheckViolation),
    ("an endpoint's status outside the catalogue", "UPDATE endpoints SET status = 'asleep'", errors.CheckViolation),
    ("an endpoint's type outside the catalogue", "UPDATE endpoints SET type = 'elevenlabs'", errors.CheckViolation),
    ("a plan outside the catalogue", "UPDATE organizations SET plan = 'gold'", errors.CheckViolation),
    ("an environment that is none", "UPDATE kyc SET environment = 'staging'", errors.CheckViolation),
    # Tenancy.
    ("an HA1 that is none", "UPDATE phone_numbers SET sip_realm = 'r', sip_ha1 = 'secret', sip_password_at = now()", errors.CheckViolation),
    ("an HA1 without its realm", "UPDATE phone_numbers SET sip_ha1 = repeat('0', 32), sip_password_at = now()", errors.CheckViolation),
    ("credentials that outlive a tenure", "UPDATE phone_numbers SET sip_realm = 'r', sip_ha1 = repeat('0', 32), sip_password_at = now(), status = 'released', released_at = now()", errors.CheckViolation),
    ("an endpoint that stands in for itself", "UPDATE phone_numbers SET fallback_endpoint_id = endpoint_id", errors.CheckViolation),
    ("another organization's endpoint as fallback", "UPDATE phone_numbers SET fallback_endpoint_id = 'ep_m'", errors.ForeignKeyViolation),
    ("a fallback of the other environment", "UPDATE phone_numbers SET fallback_endpoint_id = 'ep_test'", errors.ForeignKeyViolation),
    ("another organization's endpoint attached", "UPDATE phone_numbers SET endpoint_id = 'ep_m'", errors.ForeignKeyViolation),
    ("an endpoint of the other environment attached", "UPDATE phone_numbers SET endpoint_id = 'ep_test'", errors.ForeignKeyViolation),
    ("an endpoint that is none attached", "UPDATE phone_numbers SET endpoint_id = 'ep_x'", errors.ForeignKeyViolation),
    ("an attached endpoint given to another organization", "UPDATE endpoints SET organization_id = 'org_m' WHERE id = 'ep_a'", errors.ForeignKeyViolation),
    ("a number given to another organization with its endpoint", "UPDATE phone_numbers SET organization_id = 'org_m'", errors.ForeignKeyViolation),
    ("a key of an organization that is none", "UPDATE api_keys SET organization_id = 'org_x'", errors.ForeignKeyViolation),
    # What a key may spend.
    ("spending above the key's cap", "UPDATE key_spending SET spent_cents = spent_cents + 1", errors.CheckViolation),
    ("spending under another cap than the key's", "UPDATE key_spending SET cap_cents = 2000", errors.ForeignKeyViolation),
    ("a cap that is taken off a key that has spent", "UPDATE api_keys SET monthly_cap_cents = NULL WHERE id = 'key_c'", errors.ForeignKeyViolation),
    ("spending of a key without a cap", "INSERT INTO key_spending VALUES ('org_a', 'live', 'key_a', '2026-02-01', 1, 100)", errors.ForeignKeyViolation),
    ("a month that begins on another day", "INSERT INTO key_spending VALUES ('org_a', 'live', 'key_c', '2026-02-02', 1, 1000)", errors.CheckViolation),
    ("one month counted twice", "INSERT INTO key_spending VALUES ('org_a', 'live', 'key_c', '2026-01-01', 1, 1000)", errors.UniqueViolation),
    ("a cap below zero", "UPDATE api_keys SET monthly_cap_cents = -1 WHERE id = 'key_a'", errors.CheckViolation),
    ("an operator's key with a cap", "UPDATE api_keys SET organization_id = NULL, scopes = '{routing:read}', monthly_cap_cents = 1 WHERE id = 'key_a'", errors.CheckViolation),
    # Money.
    ("an overdraft", "UPDATE balances SET available_cents = available_cents - 1001", errors.CheckViolation),
    ("held credits below zero", "UPDATE balances SET held_cents = -1", errors.CheckViolation),
    ("a balance of an organization that is none", "INSERT INTO balances VALUES ('org_x', 'live', 0, 0)", errors.ForeignKeyViolation),
    ("two balances of one organization", "INSERT INTO balances VALUES ('org_a', 'live', 0, 0)", errors.UniqueViolation),
    ("a posting changed", "UPDATE postings SET amount_cents = 2", errors.IntegrityConstraintViolation),
    ("a posting's text changed", "UPDATE postings SET description = 'y'", errors.IntegrityConstraintViolation),
    ("a posting deleted", "DELETE FROM postings", errors.IntegrityConstraintViolation),
    ("all postings emptied at once", "TRUNCATE postings", errors.IntegrityConstraintViolation),
    ("all postings emptied with their balances", "TRUNCATE balances CASCADE", errors.IntegrityConstraintViolation),
    ("a posting replaced", posting(id="txn_org_alive") + " ON CONFLICT (id) DO UPDATE SET amount_cents = 5", errors.IntegrityConstraintViolation),
    ("a reference used twice", posting(reference="'first'"), errors.UniqueViolation),
    ("a posting of nothing", posting(cents=0), errors.CheckViolation),
    ("a negative posting", posting(cents=-5), errors.CheckViolation),
    ("a posting from a bucket to itself", posting(source="available"), errors.CheckViolation),
    ("a posting from a bucket that is none", posting(source="pocket"), errors.CheckViolation),
    ("a posting to a bucket that is none", posting(destination="pocket"), errors.CheckViolation),
    ("a line of the statement below zero", posting(after=-1), errors.CheckViolation),
    ("a posting of an organization that is none", posting(organization="org_x"), errors.ForeignKeyViolation),
    ("a negative price", "UPDATE inventory SET monthly_cost_cents = -1", errors.CheckViolation),
    ("a negative rate", "UPDATE rates SET setup_cost_cents = -1", errors.CheckViolation),
    ("two rates of one country and type", "INSERT INTO rates VALUES ('GB', 'local', 1, 1)", errors.UniqueViolation),
    # Keys.
    ("an organization's scopes on an operator's key", "UPDATE api_keys SET organization_id = NULL", errors.CheckViolation),
    ("no scopes on an operator's key", "UPDATE api_keys SET organization_id = NULL, scopes = '{}'", errors.CheckViolation),
    ("more than routes on an operator's key", "UPDATE api_keys SET organization_id = NULL, scopes = '{routing:read,numbers:read}'", errors.CheckViolation),
    ("two keys of one secret", "INSERT INTO api_keys VALUES ('key_b', 'org_m', 'live', '', '', 'hash', '{}', '{}', NULL, NULL, NULL, now())", errors.UniqueViolation),
    # Records.
    ("two answers kept for one idempotency key", "INSERT INTO kept_answers VALUES ('org_a', 'live', 'k', 'g', true, '{}', now())", errors.UniqueViolation),
    ("two KYC cases of one organization", "INSERT INTO kyc VALUES ('org_a', 'live', 'verified')", errors.UniqueViolation),
    ("an event of an organization that is none", event_of("'org_x'", "api_key.created"), errors.ForeignKeyViolation),
    ("an event of nobody", event_of("NULL", "phone_number.updated"), errors.CheckViolation),
    ("another's event", "UPDATE events SET organization_id = 'org_m'", errors.IntegrityConstraintViolation),
    ("an event that was otherwise", "UPDATE events SET changes = '[]'", errors.IntegrityConstraintViolation),
    ("an event of another time", "UPDATE events SET created_at = now()", errors.IntegrityConstraintViolation),
    ("an event that never was", "DELETE FROM events", errors.IntegrityConstraintViolation),
    ("no events", "TRUNCATE events", errors.IntegrityConstraintViolation),
    ("an event twice", event_of("'org_a'", "phone_number.updated", "evt_0"), errors.UniqueViolation),
    ("an organization deleted with all it has", "DELETE FROM organizations", errors.ForeignKeyViolation),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "error"), [each[1:] for each in FORBIDDEN], ids=[each[0] for each in FORBIDDEN])
def test_impossible(connection: Connection, statement: str, error: type[psycopg.Error]) -> None:
    with pytest.raises(error):
        connection.execute(statement)


ALLOWED = {
    "the next holder, after a release": "UPDATE phone_numbers SET status = 'released', released_at = now();"
    + second_holder(),
    "the same number in the other environment": "INSERT INTO inventory SELECT 'inv_t', 'test', number, country, type,"
    " area_code, locality, capabilities, 0, 0, carrier, 'available', now(), now() FROM inventory WHERE id = 'inv_0'",
    "the last cent spent": "UPDATE balances SET available_cents = 0",
    "a reference of another organization": posting(reference="'second'")
    + ";"
    + posting(id="txn_2", organization="org_m", reference="'second'"),
    "a reference of the other environment": posting(reference="'second'")
    + ";"
    + posting(id="txn_2", environment="test", reference="'second'"),
    "many postings without a reference": posting() + ";" + posting(id="txn_2"),
    "an operator's key": "INSERT INTO api_keys VALUES ('key_o', NULL, 'live', '', '', 'other', '{routing:read}', '{}',"
    " NULL, NULL, NULL, now())",
    "one idempotency key of two organizations": "INSERT INTO kept_answers VALUES ('org_m', 'live', 'k', 'f', true,"
    " '{}', now()), ('org_a', 'test', 'k', 'f', true, '{}', now())",
    "what became of an operator's key": event_of("NULL", "api_key.revoked"),
    "an own endpoint detached": "UPDATE phone_numbers SET endpoint_id = NULL",
}


@pytest.mark.parametrize("statement", ALLOWED.values(), ids=ALLOWED.keys())
def test_possible(connection: Connection, statement: str) -> None:
    """Or the rules above would be easy to hold."""
    connection.execute(statement)


def test_a_deleted_endpoint_detaches_its_numbers_and_nothing_else(connection: Connection) -> None:
    connection.execute("DELETE FROM endpoints WHERE id = 'ep_a'")
    found = connection.execute("SELECT organization_id, environment, endpoint_id FROM phone_numbers").fetchall()
    assert found == [("org_a", "live", None)]


def test_two_transactions_sell_one_number(seeded: str) -> None:
    """The second waits for the first, and then cannot."""
    with psycopg.connect(seeded) as first, psycopg.connect(seeded) as second:
        sale = second_holder(inventory="'inv_5'", number="'+442079460005'")
        first.execute(sale)
        second.execute("SET lock_timeout = '50ms'")
        with pytest.raises(errors.LockNotAvailable):
            second.execute(sale.replace("pn_1", "pn_2"))
        second.rollback()
        first.commit()
        with pytest.raises(errors.UniqueViolation):
            second.execute(sale.replace("pn_1", "pn_2"))
        first.execute("DELETE FROM phone_numbers WHERE id = 'pn_1'")


def test_the_balance_view_tells_what_the_postings_say(connection: Connection) -> None:
    connection.execute(posting(source="available", destination="revenue", cents=350, after=650))
    found = connection.execute(
        "SELECT bucket, cents FROM bucket_totals WHERE organization_id = 'org_a' AND environment = 'live' ORDER BY 1"
    ).fetchall()
    assert found == [("available", 650), ("revenue", 350), ("world", -1000)]
