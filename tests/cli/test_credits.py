"""nambari credits."""

import psycopg
import pytest
from tests.cli.conftest import Run, refused


def test_a_reference_adds_once(nambari: Run, organization: str) -> None:
    add = ("credits", "add", "--org", organization, "--cents")
    assert nambari(*add, "1250", "--reference", "invoice-1", "--json").json == {"balance_cents": 1250}
    assert nambari(*add, "1250", "--reference", "invoice-1", "--json").json == {"balance_cents": 1250}
    assert nambari(*add, "50", "--reference", "invoice-2", "--json").json == {"balance_cents": 1300}
    told = nambari(*add, "50", "--reference", "invoice-2")
    assert told.out.splitlines() == [
        "The balance is 13.00 USD.",
        "Nothing was added: the reference invoice-2 was used before.",
    ]
    for balance_cents in (1400, 1500):
        assert nambari(*add, "100", "--json").json == {"balance_cents": balance_cents}


def test_the_environments_have_a_balance_each(nambari: Run, organization: str) -> None:
    add = ("credits", "add", "--org", organization, "--cents", "5", "--reference", "same", "--json")
    assert nambari(*add).json == {"balance_cents": 5}
    assert nambari(*add, "--env", "test").json == {"balance_cents": 1_000_005}
    assert [line["amount_cents"] for line in statement(nambari, organization)] == [5]
    assert [line["amount_cents"] for line in statement(nambari, organization, "--env", "test")] == [5, 1_000_000]


def test_in_the_test_environment_they_come_by_its_clock(nambari: Run, organization: str, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO test_clocks (organization_id, ahead) VALUES (%s, '400 days')", (organization,))
        connection.commit()
    nambari("credits", "add", "--org", organization, "--cents", "5", "--env", "test")
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT max(created_at) > now() + interval '399 days' FROM postings").fetchone()
    assert found == (True,)


def statement(nambari: Run, organization: str, *options: str) -> list[dict[str, object]]:
    return nambari("credits", "statement", "--org", organization, *options, "--json").lines


def test_the_statement_has_every_line_newest_first(nambari: Run, organization: str) -> None:
    for cents in range(1, 4):
        nambari("credits", "add", "--org", organization, "--cents", str(cents))
    newest, *_ = lines = statement(nambari, organization)
    assert [(line["amount_cents"], line["balance_after_cents"]) for line in lines] == [(3, 6), (2, 3), (1, 1)]
    assert str(newest.pop("id")).startswith("txn_")
    assert str(newest.pop("created_at")).endswith("Z")
    assert newest == {
        "type": "top_up",
        "amount_cents": 3,
        "balance_after_cents": 6,
        "phone_number_id": None,
        "description": "Credits added",
    }
    shown = nambari("credits", "statement", "--org", organization).out.splitlines()
    assert shown[0].split()[:3] == ["TRANSACTION", "TIME", "TYPE"]
    assert "0.03 USD" in shown[1]


def test_a_long_statement_is_whole_and_titled_once(nambari: Run, organization: str, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            """
            INSERT INTO postings (id, organization_id, environment, type, source, destination, amount_cents,
                                  balance_after_cents, description, created_at)
            SELECT 'txn_' || n, %s, 'live', 'top_up', 'world', 'available', 1, n, 'Credits added', now()
            FROM generate_series(1, 1201) AS n
            """,
            (organization,),
        )
    assert [line["id"] for line in statement(nambari, organization)] == [f"txn_{n}" for n in range(1201, 0, -1)]
    shown = nambari("credits", "statement", "--org", organization).out.splitlines()
    assert len(shown) == 1202
    assert sum("TRANSACTION" in line for line in shown) == 1


def test_an_empty_statement(nambari: Run, organization: str) -> None:
    assert nambari("credits", "statement", "--org", organization).out == "No credits have moved yet.\n"
    assert statement(nambari, organization) == []


@pytest.mark.parametrize(
    "cents", ["0", "-1", "1.5", "1e3", "1_000", "", "ten", "\uff11\uff12", "1000000000001", "9" * 30, "9" * 5000, "+5"]
)
def test_what_is_no_amount(nambari: Run, organization: str, cents: str) -> None:
    told = refused(nambari("credits", "add", "--org", organization, "--cents", cents), 2)
    assert "--cents" in told
    assert len(told) < 300
    assert statement(nambari, organization) == []


@pytest.mark.parametrize("reference", ["", "x" * 201, "two\nlines", "\udcff"])
def test_what_is_no_reference(nambari: Run, organization: str, reference: str) -> None:
    told = refused(nambari("credits", "add", "--org", organization, "--cents", "5", "--reference", reference), 2)
    assert "--reference" in told
    assert statement(nambari, organization) == []


def test_a_balance_has_a_ceiling(nambari: Run, organization: str) -> None:
    add = ("credits", "add", "--org", organization, "--cents")
    assert nambari(*add, str(10**12), "--json").json == {"balance_cents": 10**12}
    assert "more than an account can hold" in refused(nambari(*add, "1"))


@pytest.mark.parametrize("verb", [("add", "--cents", "5"), ("add", "--cents", "5", "--reference", "x"), ("statement",)])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_organization_that_is_not_there(nambari: Run, verb: tuple[str, ...], form: tuple[str, ...]) -> None:
    assert "There is no organization org_nope." in refused(nambari("credits", *verb, "--org", "org_nope", *form))
