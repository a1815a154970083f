"""nambari audit."""

import psycopg
import pytest
from tests.cli.conftest import Run, refused


def lines(nambari: Run, *options: str) -> list[dict[str, object]]:
    return nambari("audit", *options, "--json").lines


def test_an_operators_own_deeds_are_in_it_newest_first(nambari: Run, organization: str) -> None:
    org = ("--org", organization)
    key_id = nambari("key", "create", *org, "--name", "till", "--json").json["key_id"]
    nambari("kyc", "submit", *org, "--legal-name", "Zebedee Secretname", "--country", "GB")
    nambari("kyc", "approve", *org)
    nambari("credits", "add", *org, "--cents", "500")
    for _ in range(2):
        nambari("key", "revoke", key_id)
    found = lines(nambari, *org)
    assert [line["event"] for line in found] == [
        *("api_key.revoked", "payment.received", "kyc.verified", "kyc.submitted"),
        *("api_key.created", "organization.created"),
    ]
    assert len({line["request_id"] for line in found}) == 6
    assert all(str(line["request_id"]).startswith("req_") for line in found)
    newest = found[0]
    assert str(newest.pop("id")).startswith("evt_")
    at, request_id = newest.pop("created_at"), newest.pop("request_id")
    assert newest == {
        "event": "api_key.revoked",
        "subject_id": key_id,
        "changes": [{"field": "revoked_at", "before": None, "after": at}],
        "key_id": None,
        "key_name": None,
    }
    assert [line["event"] for line in lines(nambari, *org, "--env", "test")] == [
        "payment.received",
        "organization.created",
    ]
    shown = nambari("audit", *org).out.splitlines()
    assert shown[0].split() == ["TIME", "EVENT", "SUBJECT", "CHANGES", "KEY", "KEY_NAME", "REQUEST"]
    assert f"api_key.revoked       {key_id}" in shown[1]
    assert str(request_id) in shown[1]
    assert "balance_cents: 0 → 500" in shown[2]
    assert "kyc_status: pending → verified" in shown[3]
    assert "Secretname" not in "".join(shown) + str(found)


def test_one_event_or_a_group_of_them(nambari: Run, organization: str) -> None:
    org = ("--org", organization)
    key_id = nambari("key", "create", *org, "--json").json["key_id"]
    nambari("key", "revoke", key_id)
    assert [line["event"] for line in lines(nambari, *org, "--event", "api_key.*")] == [
        "api_key.revoked",
        "api_key.created",
    ]
    assert [line["subject_id"] for line in lines(nambari, *org, "--event", "organization.created")] == [organization]
    assert lines(nambari, *org, "--event", "kyc.*") == []
    assert nambari("audit", *org, "--event", "kyc.*").out == "Nothing of this has happened yet.\n"


def test_the_keys_of_operators_have_a_trail_of_their_own(nambari: Run, organization: str) -> None:
    assert lines(nambari, "--operator") == []
    nambari("key", "create", "--org", organization)
    key_id = nambari("key", "create", "--operator", "--name", "proxy", "--json").json["key_id"]
    nambari("key", "revoke", key_id)
    assert [(line["event"], line["subject_id"]) for line in lines(nambari, "--operator")] == [
        ("api_key.revoked", key_id),
        ("api_key.created", key_id),
    ]
    assert [line["event"] for line in lines(nambari, "--operator", "--event", "api_key.created")] == ["api_key.created"]
    assert lines(nambari, "--operator", "--env", "test") == []
    assert key_id not in str(lines(nambari, "--org", organization))
    assert "name: none → proxy" in nambari("audit", "--operator").out


def test_a_long_one_is_whole_and_titled_once(nambari: Run, organization: str, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """
            INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id,
                                created_at)
            SELECT 'evt_' || n, %s, 'live', 'endpoint.updated', 'ep_1', '{}',
                   '[{"field": "name", "before": "a", "after": "b"}]', 'req_1', now()
            FROM generate_series(1, 11000) AS n
            """,
            (organization,),
        )
    found = lines(nambari, "--org", organization, "--event", "endpoint.*")
    assert [line["id"] for line in found] == [f"evt_{n}" for n in range(11000, 0, -1)]
    shown = nambari("audit", "--org", organization, "--event", "endpoint.updated").out.splitlines()
    assert len(shown) == 11001
    assert sum("SUBJECT" in line for line in shown) == 1


def test_a_name_cannot_steer_the_operators_terminal(nambari: Run, organization: str, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """
            INSERT INTO events (id, organization_id, environment, event, subject_id, data, changes, request_id,
                                created_at)
            VALUES ('evt_1', %s, 'live', 'endpoint.updated', 'ep_1', '{}',
                    '[{"field": "name", "before": null, "after": "Desk\\u009b2J"}]', 'req_1', now())
            """,
            (organization,),
        )
    assert "name: none → Desk\ufffd2J" in nambari("audit", "--org", organization).out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--operator"),
        (("--operator", "--org", "ORG"), "--operator"),
        (("--org", "ORG", "--event", "api_key"), "--event"),
        (("--org", "ORG", "--event", ""), "--event"),
        (("--org", "ORG", "--event", "*"), "--event"),
        (("--operator", "--event", "phone_number.sold"), "--event"),
        (("--org", "ORG", "--env", "both"), "--env"),
        (("--org", ""), "no id"),
    ],
)
def test_wrong_usage(nambari: Run, organization: str, options: tuple[str, ...], says: str) -> None:
    given = [organization if option == "ORG" else option for option in options]
    assert says in refused(nambari("audit", *given), 2)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_organization_that_is_not_there(nambari: Run, form: tuple[str, ...]) -> None:
    assert "There is no organization org_nope." in refused(nambari("audit", "--org", "org_nope", *form))
