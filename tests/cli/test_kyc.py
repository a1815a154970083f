"""nambari kyc."""

import psycopg
import pytest
from tests.cli.conftest import Run, refused

SUBMIT = ("--legal-name", "Zebedee Secretname", "--country", "GB")


def test_submitted_declined_submitted_again_and_approved(nambari: Run, organization: str) -> None:
    org = ("--org", organization)
    assert nambari("kyc", "submit", *org, *SUBMIT, "--json").json == {"kyc_status": "pending"}
    [case] = nambari("kyc", "list", "--status", "pending", "--json").lines
    assert case.pop("submitted_at").endswith("Z")
    assert case == {
        "organization_id": organization,
        "organization": "Acme",
        "kyc_status": "pending",
        "kind": "individual",
        "legal_name": "Zebedee Secretname",
        "country": "GB",
        "reason": None,
        "decided_at": None,
    }
    assert nambari("kyc", "decline", *org, "--reason", " Cannot be read. ", "--json").json == {"kyc_status": "declined"}
    [declined] = nambari("kyc", "list", "--status", "declined", "--json").lines
    assert declined["reason"] == "Cannot be read."
    nambari("kyc", "submit", *org, "--legal-name", "Acme Ltd", "--country", "ng", "--kind", "business", "--json")
    [again] = nambari("kyc", "list", "--json").lines
    assert (again["legal_name"], again["country"], again["kind"], again["reason"]) == (
        *("Acme Ltd", "NG", "business"),
        None,
    )
    assert nambari("kyc", "approve", *org, "--json").json == {"kyc_status": "verified"}
    assert nambari("org", "show", organization, "--json").json["kyc_status"] == "verified"
    assert nambari("kyc", "list", "--json").lines == []


def test_a_person_is_led_on(nambari: Run, organization: str) -> None:
    assert f"nambari kyc approve --org {organization}" in nambari("kyc", "submit", "--org", organization, *SUBMIT).out
    assert "Zebedee Secretname" in nambari("kyc", "list").out
    assert f"nambari credits add --org {organization}" in nambari("kyc", "approve", "--org", organization).out
    assert "No organization's KYC is pending." in nambari("kyc", "list").out


def test_only_a_pending_one_is_decided_and_only_an_open_one_submitted(nambari: Run, organization: str) -> None:
    org = ("--org", organization)
    assert "not_submitted" in refused(nambari("kyc", "approve", *org))
    assert "not_submitted" in refused(nambari("kyc", "decline", *org, "--reason", "No."))
    nambari("kyc", "submit", *org, *SUBMIT)
    assert "already pending" in refused(nambari("kyc", "submit", *org, *SUBMIT))
    nambari("kyc", "approve", *org)
    assert "only a pending one" in refused(nambari("kyc", "approve", *org))
    assert "already verified" in refused(nambari("kyc", "submit", *org, *SUBMIT))


@pytest.mark.parametrize("verb", [("approve",), ("decline", "--reason", "No."), ("submit", *SUBMIT)])
def test_an_organization_that_is_not_there(nambari: Run, verb: tuple[str, ...]) -> None:
    assert "There is no organization org_nope." in refused(nambari("kyc", *verb, "--org", "org_nope"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--legal-name", ""),
        ("--legal-name", "  "),
        ("--legal-name", "Zebedee\nSecretname"),
        ("--legal-name", "Zebedee \udcff"),
        ("--legal-name", "Z" * 201),
        ("--country", "Utopia"),
        ("--country", "ZZ"),
        ("--country", ""),
        ("--kind", "robot"),
    ],
)
def test_what_is_no_applicant(nambari: Run, organization: str, option: str, value: str) -> None:
    given = {"--legal-name": "Zebedee Secretname", "--country": "GB", option: value}
    told = refused(
        nambari("kyc", "submit", "--org", organization, *(each for pair in given.items() for each in pair)), 2
    )
    assert option in told
    assert "Zebedee" not in told
    assert nambari("kyc", "list", "--json").lines == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "two\nlines", "\udcff"])
def test_what_is_no_reason(nambari: Run, organization: str, reason: str) -> None:
    nambari("kyc", "submit", "--org", organization, *SUBMIT)
    assert "--reason" in refused(nambari("kyc", "decline", "--org", organization, "--reason", reason), 2)
    assert len(nambari("kyc", "list", "--json").lines) == 1


def test_a_name_cannot_steer_the_operators_terminal(nambari: Run, organization: str, dsn: str) -> None:
    nambari("kyc", "submit", "--org", organization, *SUBMIT)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE kyc SET legal_name = E'Zebedee\\u009b2J\\u202eeman' WHERE environment = 'live'")
    shown = nambari("kyc", "list").out
    assert "Zebedee\ufffd2J\ufffdeman" in shown


def test_the_status_is_one_that_there_is(nambari: Run) -> None:
    assert "--status" in refused(nambari("kyc", "list", "--status", "open"), 2)
