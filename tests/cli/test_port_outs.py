"""`nambari porting out`: the PIN, another carrier's request, and what becomes of it, as they are typed."""

import psycopg
import pytest
from tests.cli.conftest import Run, refused

NUMBER = "+442079460456"
AT = "2099-01-31T09:00:00Z"
ASK = ("porting", "out", "request", NUMBER, "--carrier", "Example Telecom", "--at", AT)


@pytest.fixture
def held(nambari: Run, organization: str, dsn: str) -> str:
    """A number of the organization, put there as a purchase puts it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO inventory (id, environment, number, country, type, capabilities, carrier, status,"
            " available_since, created_at) VALUES ('inv_1', 'live', %s, 'GB', 'local', '{voice}', 'pool',"
            " 'in_service', now(), now())",
            (NUMBER,),
        )
        connection.execute(
            "INSERT INTO phone_numbers (id, organization_id, environment, inventory_id, number, country, type, status,"
            " allow_inbound, allow_outbound, tags, deletion_lock, setup_cost_cents, monthly_cost_cents, currency,"
            " created_at, updated_at, billing_anchor_at, paid_until) VALUES ('pn_1', %s, 'live', 'inv_1', %s, 'GB',"
            " 'local', 'active', true, true, '{}', false, 0, 250, 'USD', now(), now(), now(), now())",
            (organization, NUMBER),
        )
    assert nambari("porting", "out", "pin", "--org", organization, "--pin", "204175", "--json").json["is_set"] is True
    return organization


def test_from_the_request_to_the_end(nambari: Run, held: str) -> None:
    assert nambari("porting", "out", "list").out == "No port-out is scheduled.\n"
    asked = nambari(*ASK, "--pin", "204175")
    assert "204175" not in asked.out
    [row] = nambari("porting", "out", "list", "--json").lines
    assert (row["organization_id"], row["number"], row["gaining_carrier"]) == (held, NUMBER, "Example Telecom")
    id_ = row["id"]
    assert f"nambari porting out complete {id_}" in asked.out
    moved = nambari("porting", "out", "schedule", id_, "--at", "2099-02-28T12:00:00+03:00")
    assert "2099-02-28T09:00:00Z" in moved.out
    shown = nambari("porting", "out", "show", id_, "--json").json
    assert (shown["status"], shown["leaves_at"]) == ("scheduled", "2099-02-28T09:00:00Z")
    assert nambari("porting", "out", "complete", id_, "--json").json["status"] == "completed"
    assert refused(nambari("porting", "out", "cancel", id_, "--reason", "x")) == (
        "A port-out that is completed cannot be cancelled."
    )
    assert "elsewhere" in nambari("inventory", "list", "--country", "GB").out
    assert refused(nambari(*ASK, "--pin", "204175")) == f"Nobody has {NUMBER} here: there is nothing to port out."


def test_a_wrong_pin_is_refused_and_kept(nambari: Run, held: str) -> None:
    assert refused(nambari(*ASK, "--pin", "204176")) == (
        "This is not the organization's port-out PIN. The other carrier gets it from its customer, and asks again."
    )
    [row] = nambari("porting", "out", "list", "--status", "refused", "--json").lines
    assert row["reason"] == "wrong_pin"
    id_ = nambari(*ASK, "--pin", "204175", "--json").json["id"]
    assert nambari("porting", "out", "cancel", id_, "--reason", "Withdrawn", "--json").json["status"] == "cancelled"
    assert "Withdrawn" in nambari("porting", "out", "show", id_).out


def test_what_cannot_be_done_is_said(nambari: Run, held: str) -> None:
    none = "There is no port-out pout_none. `nambari porting out list` shows those that are open."
    for arguments in (("show",), ("complete",), ("cancel", "--reason", "x"), ("schedule", "--at", AT)):
        verb, *rest = arguments
        assert refused(nambari("porting", "out", verb, "pout_none", *rest)) == none
    pin = ("porting", "out", "pin", "--org")
    assert refused(nambari(*pin, held, "--pin", "12"), 2) == "Invalid value for '--pin': must be 6 to 10 digits."
    assert "There is no organization org_none" in refused(nambari(*pin, "org_none", "--pin", "204175"))
    late = refused(nambari(*ASK[:-1], "2020-01-31T09:00:00Z", "--pin", "204175"), 2)
    assert late == "Invalid value for '--at': has passed: a number leaves at a time to come."
