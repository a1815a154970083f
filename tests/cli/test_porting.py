"""`nambari porting`: the operator's steps with an order, as they are typed."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.api.papers import PDF
from tests.cli.conftest import Run, refused

ORDER = "port_01k5v0w9t2q5zcvu6x8b1d4f3h"
NUMBER = "+442079460456"


@pytest.fixture
def order(nambari: Run, organization: str, dsn: str) -> Iterator[str]:
    """An order that was submitted, put there as the API puts it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for type_ in ("letter_of_authorization", "recent_bill", "identity"):
            connection.execute(
                "INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes,"
                " sha256, content, status, created_at) VALUES (%s, %s, 'live', %s, 'GB', 'application/pdf', %s, '',"
                " %s, 'pending', now())",
                (f"doc_{type_}", organization, type_, len(PDF), PDF),
            )
        connection.execute(
            "INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,"
            " available_since, created_at) VALUES ('inv_1', 'live', %s, 'GB', 'local', '{voice}', 'pool',"
            " 'in_service', now(), now())",
            (NUMBER,),
        )
        connection.execute(
            "INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,"
            " porting_direction, allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents,"
            " monthly_cost_cents, currency, created_at, updated_at, billing_anchor_at, paid_until)"
            " VALUES ('pn_1', %s, 'live', 'inv_1', %s, 'GB', 'local', 'porting', 'in', true, true, '{}', false, 0, 250,"
            " 'USD', now(), now(), now(), now())",
            (organization, NUMBER),
        )
        connection.execute(
            "INSERT INTO porting_orders (id, organization_id, environment, number, country, type, status,"
            " current_carrier, account_number, authorized_name, authorized_on, billing_name, billing_address,"
            " letter_of_authorization_id, recent_bill_id, identity_id, phone_number_id, created_at, updated_at,"
            " submitted_at) VALUES (%s, %s, 'live', %s, 'GB', 'local', 'submitted', 'Example Telecom', 'AC-1',"
            " 'Ada Example', '2026-01-18', 'Example Limited', '1 Example Street', 'doc_letter_of_authorization',"
            " 'doc_recent_bill', 'doc_identity', 'pn_1', now(), now(), now())",
            (ORDER, organization, NUMBER),
        )
    return ORDER


def test_from_submitted_to_completed(nambari: Run, organization: str, order: str) -> None:
    [row] = nambari("porting", "list", "--json").lines
    assert (row["id"], row["organization_id"], row["status"]) == (order, organization, "submitted")
    assert "Ada" not in str(row)
    assert nambari("porting", "show", order, "--json").json["authorized_name"] == "Ada Example"
    shown = nambari("porting", "show", order)
    assert "Example Telecom" in shown.out
    for arguments, status in (
        (("review", order), "in_review"),
        (("schedule", order, "--at", "2099-01-31T09:00:00Z"), "foc_scheduled"),
        (("schedule", order, "--at", "2099-02-28T12:00:00+03:00"), "foc_scheduled"),
    ):
        done = nambari("porting", *arguments, "--json")
        assert done.json == {"id": order, "status": status, "number": NUMBER}
    [row] = nambari("porting", "list", "--status", "foc_scheduled", "--json").lines
    assert row["foc_at"] == "2099-02-28T09:00:00Z"
    assert nambari("porting", "complete", order).out.splitlines() == [
        f"{order} is completed.",
        f"{NUMBER} is pn_1.",
    ]
    assert nambari("porting", "list").out == "No porting order is open.\n"
    assert refused(nambari("porting", "cancel", order, "--reason", "no")) == (
        "A porting order that is completed cannot be cancelled."
    )


def test_sent_back_and_cancelled(nambari: Run, order: str) -> None:
    fields = ("--missing", "recent_bill_id", "--missing", "billing_name")
    done = nambari("porting", "except", order, *fields, "--reason", "Not yours.", "--json")
    assert done.json["status"] == "exception"
    told = nambari("porting", "show", order, "--json").json
    assert (told["missing"], told["reason"]) == (["billing_name", "recent_bill_id"], "Not yours.")
    assert nambari("porting", "cancel", order, "--reason", "Nobody answers.", "--json").json["status"] == "cancelled"


def test_what_cannot_be_done_is_said(nambari: Run, order: str) -> None:
    none = "There is no porting order port_none. `nambari porting list` shows those that are open."
    for arguments in (
        ("show", "port_none"),
        ("review", "port_none"),
        ("except", "port_none", "--reason", "x"),
        ("schedule", "port_none", "--at", "2099-01-31T09:00:00Z"),
        ("complete", "port_none"),
        ("cancel", "port_none", "--reason", "x"),
    ):
        assert refused(nambari("porting", *arguments)) == none
    assert refused(nambari("porting", "complete", order)) == ("A porting order that is submitted cannot be completed.")
    told = refused(nambari("porting", "except", order, "--reason", "x", "--missing", "colour"), 2)
    assert told.startswith("Invalid value for '--missing': must be of current_carrier, account_number,")
    assert "'--reason'" in refused(nambari("porting", "except", order, "--reason", " "), 2)
    nambari("porting", "review", order)
    told = refused(nambari("porting", "schedule", order, "--at", "2020-01-31T09:00:00Z"), 2)
    assert told == "Invalid value for '--at': has passed: a number is scheduled for a time to come."
    assert "offset" in refused(nambari("porting", "schedule", order, "--at", "2099-01-31"), 2)
