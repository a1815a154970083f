"""`nambari carriers`, `reconcile` and `doctor`, as they are typed where no carrier is set up, and where some are."""

import io

import pytest
from tests.carriers.fake_telnyx import KEY, FakeTelnyx
from tests.carriers.fake_twilio import ACCOUNT, TOKEN, FakeTwilio
from tests.carriers.recorded import PROXYS_PAGE
from tests.cli.conftest import Run, ordered, refused
from tests.story.processes import free_port


def test_no_order_is_under_way(nambari: Run) -> None:
    assert nambari("carriers", "orders").out == "No order is under way.\n"
    assert nambari("carriers", "orders", "--json").lines == []


@pytest.mark.parametrize("more", [(), ("--carrier", "acme"), ("--repair", "--yes")])
def test_nothing_to_compare(nambari: Run, more: tuple[str, ...]) -> None:
    assert refused(nambari("reconcile", *more)).startswith("No carrier is set up: there is nothing to compare.")


def test_the_doctor_asks_each_whether_it_knows_us(
    nambari: Run, set_up: tuple[FakeTelnyx, FakeTwilio], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    told = nambari("doctor", "--port", port, "--json")
    checks = {each["check"]: each for each in told.lines}
    assert checks["telnyx"]["ok"] is checks["twilio"]["ok"] is True
    assert not any(secret in told.out for secret in (KEY, TOKEN))
    values = {each["name"]: each["value"] for each in told.lines if each["check"] == "setting"}
    assert values["NAMBARI_TELNYX_API_KEY"] == values["NAMBARI_TWILIO_AUTH_TOKEN"] == "****"
    assert values["NAMBARI_TWILIO_ACCOUNT_SID"] == ACCOUNT
    monkeypatch.setenv("NAMBARI_TELNYX_API_KEY", "KEY-of-another")
    wrong = nambari("doctor", "--port", port)
    assert wrong.code == 1
    assert "telnyx does not answer as it should: 401 10009: it does not take our credentials." in wrong.out
    assert "NAMBARI_TELNYX_API_KEY, NAMBARI_TELNYX_CONNECTION_ID, NAMBARI_TELNYX_BASE_URL" in wrong.out
    assert "KEY-of-another" not in wrong.out
    monkeypatch.delenv("NAMBARI_TELNYX_CONNECTION_ID")
    half = nambari("doctor", "--port", port)
    assert half.code == 1
    assert "NAMBARI_TELNYX_API_KEY and NAMBARI_TELNYX_CONNECTION_ID go together" in half.out
    assert refused(nambari("carriers", "orders"), 2).startswith("NAMBARI_TELNYX_API_KEY and")


def test_reconcile_asks_the_carriers_that_the_settings_name(
    nambari: Run, set_up: tuple[FakeTelnyx, FakeTwilio]
) -> None:
    telnyx, twilio = set_up
    assert nambari("reconcile", "--json").lines == []
    telnyx.own("+442079460910", None)
    twilio.own("+442079460911", "ord_of_somebody")
    found = nambari("reconcile", "--json").lines
    assert [(each["carrier"], each["number"], each["difference"], each["order_id"]) for each in found] == [
        ("telnyx", "+442079460910", "unknown", None),
        ("twilio", "+442079460911", "unknown", "ord_of_somebody"),
    ]
    assert [each["carrier"] for each in nambari("reconcile", "--carrier", "twilio", "--json").lines] == ["twilio"]
    telnyx.will("list_owned", PROXYS_PAGE)
    assert refused(nambari("reconcile")) == "telnyx does not tell its numbers: 502 to a question. Try again later."


@pytest.fixture
def order(organization: str, dsn: str) -> str:
    return ordered(dsn, organization)


def test_an_order_is_settled_once_it_is_confirmed(nambari: Run, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nambari carriers settle" in nambari("carriers", "orders").out
    assert "--filled or --failed" in refused(nambari("carriers", "settle", order), 2)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = nambari("carriers", "settle", order, "--failed")
    assert (asked.code, asked.out.strip()) == (130, ""), "as by Ctrl-C: nothing is done"
    assert "it fails, and the 3.50 USD that are held are free again" in asked.err
    assert [each["status"] for each in nambari("carriers", "orders", "--json").lines] == ["open"]
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    asked = nambari("carriers", "settle", order, "--failed", "--json")
    assert asked.code == 0
    assert '"status":"failed"' in asked.out
    again = refused(nambari("carriers", "settle", order, "--filled", "--yes"))
    assert again == "This order is failed already: there is nothing to settle."
    assert "There is no order ord_none" in refused(nambari("carriers", "settle", "ord_none", "--filled", "--yes"))


def test_an_order_that_was_delivered_is_taken(nambari: Run, order: str, organization: str) -> None:
    assert nambari("carriers", "settle", order, "--filled", "--yes", "--json").json["status"] == "filled"
    assert nambari("carriers", "orders").out == "No order is under way.\n"
    statement = nambari("credits", "statement", "--org", organization, "--json").lines
    assert sorted(line["amount_cents"] for line in statement) == [-250, -100, 350]
