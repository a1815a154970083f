"""Do the constraints hold the rules of documents, requirements and porting orders by themselves? Raw SQL."""
# ruff: noqa: E501 - tables are read by the line

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from tests.conftest import Databases
from tests.db.test_constraints import SEED, Connection, second_holder

DOCUMENT = """
INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes, sha256, content, status,
    reason, expires_on, due_at, created_at, decided_at)
    VALUES ('{id}', '{organization}', '{environment}', 'identity', 'GB', '{media_type}', {size}, '', {content}, '{status}',
    {reason}, {expires_on}, {due_at}, now(), {decided_at});"""
ORDER = """
INSERT INTO porting_orders (id, organization_id, environment, number, country, type, status, current_carrier,
    account_number, authorized_name, authorized_on, billing_name, billing_address, letter_of_authorization_id,
    recent_bill_id, identity_id, phone_number_id, created_at, updated_at, submitted_at, ended_at)
    VALUES ('{id}', '{organization}', 'live', '{number}', 'GB', 'local', '{status}', 'x', 'x', 'x', '2026-01-01', 'x', 'x',
    '{paper}', '{paper}', '{paper}', {number_id}, now(), now(), now(), {ended_at});"""

PORT_OUT = """
INSERT INTO port_outs (id, organization_id, environment, phone_number_id, number, gaining_carrier, status, leaves_at,
    created_at, updated_at, ended_at)
    VALUES ('{id}', '{organization}', '{environment}', 'pn_0', '+442079460000', 'x', '{status}', now(), now(), now(),
    {ended_at});"""


def document(**given: object) -> str:
    usual: dict[str, object] = {"id": "doc_1", "organization": "org_a", "environment": "live", "size": 1}
    usual |= {"media_type": "image/png", "content": "'x'", "status": "pending", "reason": "NULL", "expires_on": "NULL"}
    return DOCUMENT.format(**(usual | {"due_at": "NULL", "decided_at": "NULL"} | given))


def order(**given: object) -> str:
    usual: dict[str, object] = {"id": "port_1", "organization": "org_a", "number": "+442079460456", "paper": "doc_a"}
    return ORDER.format(**(usual | {"status": "submitted", "number_id": "'pn_0'", "ended_at": "NULL"} | given))


def port_out(**given: object) -> str:
    usual: dict[str, object] = {"id": "pout_1", "organization": "org_a", "environment": "live", "status": "scheduled"}
    return PORT_OUT.format(**(usual | {"ended_at": "NULL"} | given))


PAPERS = document(id="doc_a") + document(id="doc_m", organization="org_m") + document(id="doc_t", environment="test")
OTHER_NUMBER = second_holder(inventory="'inv_1'", number="'+442079460001'") + ";"
ACCEPTED = "UPDATE documents SET status = 'accepted', decided_at = now();"
ERASED = "UPDATE documents SET content = NULL, erased_at = now();"


@pytest.fixture(scope="module")
def seeded(databases: Databases) -> Iterator[str]:
    dsn = databases.make()
    with psycopg.connect(dsn) as connection:
        connection.execute(SEED + PAPERS)
    yield dsn
    databases.drop(dsn)


@pytest.fixture
def connection(seeded: str) -> Iterator[Connection]:
    """In a transaction that is rolled back."""
    with psycopg.connect(seeded) as opened:
        yield opened
        opened.rollback()


FORBIDDEN = [
    ("a document of 10 MB and a byte", document(size=10_000_001, content="repeat('x', 10000001)::bytea"), errors.CheckViolation),
    ("a document of nothing", document(size=0, content="''"), errors.CheckViolation),
    ("a document of another size than is said", document(size=2), errors.CheckViolation),
    ("a document of a type that a browser runs", document(media_type="text/html"), errors.CheckViolation),
    ("a decision without a time", document(status="accepted"), errors.CheckViolation),
    ("a rejection without a reason", document(status="rejected", decided_at="now()"), errors.CheckViolation),
    ("a warning of what never expires", document(status="accepted", decided_at="now()", due_at="now()"), errors.CheckViolation),
    ("a warning of what is not accepted", document(expires_on="'2030-01-01'", due_at="now()"), errors.CheckViolation),
    ("an accepted document rejected after all", ACCEPTED + "UPDATE documents SET status = 'rejected', reason = 'x'", errors.IntegrityConstraintViolation),
    ("another content under an accepted document", ACCEPTED + "UPDATE documents SET content = 'y'", errors.IntegrityConstraintViolation),
    ("content that is gone, and nobody erased it", ACCEPTED + "UPDATE documents SET content = NULL", errors.CheckViolation),
    ("a document erased, with its content", ACCEPTED + "UPDATE documents SET erased_at = now()", errors.IntegrityConstraintViolation),
    ("a document erased before it was decided", ERASED, errors.CheckViolation),
    ("a document that is no more erased", ACCEPTED + ERASED + "UPDATE documents SET content = 'x', erased_at = NULL", errors.IntegrityConstraintViolation),
    ("a document that was erased at another time", ACCEPTED + ERASED + ERASED, errors.IntegrityConstraintViolation),
    ("a document given to another organization", "UPDATE documents SET organization_id = 'org_m'", errors.IntegrityConstraintViolation),
    ("two rules of one kind", "INSERT INTO requirements VALUES ('GB', 'local', 'business', '{}', 'x'), ('GB', 'local', 'business', '{}', 'y')", errors.UniqueViolation),
    ("a requirement that nothing meets", "INSERT INTO requirements VALUES ('GB', 'local', 'business', '{luck}', 'x')", errors.CheckViolation),
    ("a rule without a source", "INSERT INTO requirements VALUES ('GB', 'local', 'business', '{}', '')", errors.CheckViolation),
    ("two open orders of one number", OTHER_NUMBER + order() + order(id="port_2", organization="org_m", paper="doc_m", number_id="'pn_1'"), errors.UniqueViolation),
    ("two orders of one number of ours", order() + order(id="port_2", number="+442079460457"), errors.UniqueViolation),
    ("an order with another tenant's papers", order(paper="doc_m"), errors.ForeignKeyViolation),
    ("an order with papers of the other environment", order(paper="doc_t"), errors.ForeignKeyViolation),
    ("an open order without its number", order(number_id="NULL"), errors.CheckViolation),
    ("an open order without an account", order() + "UPDATE porting_orders SET account_number = NULL", errors.CheckViolation),
    ("an exception without a reason", order() + "UPDATE porting_orders SET status = 'exception'", errors.CheckViolation),
    ("a date that is none", order() + "UPDATE porting_orders SET status = 'foc_scheduled'", errors.CheckViolation),
    ("an end without a time", order() + "UPDATE porting_orders SET status = 'cancelled'", errors.CheckViolation),
    ("an end of what goes on", order(ended_at="now()"), errors.CheckViolation),
    ("a status outside the catalogue", order(status="lost"), errors.CheckViolation),
    ("a direction of what is not porting", "UPDATE phone_numbers SET porting_direction = 'out'", errors.CheckViolation),
    ("porting without a direction", "UPDATE phone_numbers SET status = 'porting'", errors.CheckViolation),
    ("two carriers that get one number", port_out() + port_out(id="pout_2"), errors.UniqueViolation),
    ("another tenant's number that leaves", port_out(organization="org_m"), errors.ForeignKeyViolation),
    ("a number of the other environment that leaves", port_out(environment="test"), errors.ForeignKeyViolation),
    ("a refused port-out without a reason", port_out(status="refused", ended_at="now()"), errors.CheckViolation),
    ("a port-out that is over, without its end", port_out(status="completed"), errors.CheckViolation),
    ("a PIN that anybody can read", "INSERT INTO port_out_pins VALUES ('org_a', 'live', '204175', now())", errors.CheckViolation),
    ("papers deleted under an order", order() + "DELETE FROM documents", errors.ForeignKeyViolation),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "error"), [each[1:] for each in FORBIDDEN], ids=[each[0] for each in FORBIDDEN])
def test_impossible(connection: Connection, statement: str, error: type[psycopg.Error]) -> None:
    with pytest.raises(error):
        connection.execute(statement)


ALLOWED = {
    "a document that is erased": ACCEPTED + ERASED,
    "10 MB": document(size=10_000_000, content="repeat('x', 10000000)::bytea"),
    "a number ordered again": order() + "UPDATE porting_orders SET status = 'cancelled', ended_at = now(),"
    " phone_number_id = NULL;" + order(id="port_2"),
    "a number that leaves at the third request": port_out()
    + "UPDATE port_outs SET status = 'cancelled', reason = 'x', ended_at = now();"
    + port_out(id="pout_2"),
    "many drafts of one number": order(status="draft", number_id="NULL")
    + order(id="port_2", status="draft", number_id="NULL"),
}


@pytest.mark.parametrize("statement", ALLOWED.values(), ids=ALLOWED.keys())
def test_possible(connection: Connection, statement: str) -> None:
    """Or the rules above would be easy to hold."""
    connection.execute(statement)
