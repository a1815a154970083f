"""The catalogue of events: what is announced is what the contract lists, and what can be asked for."""

from nambari.domain.events import MEANT, Event, from_nothing, to_nothing
from nambari.domain.phone_number import Change

CONTRACT = {
    *(
        f"phone_number.{verb}"
        for verb in ("purchased", "updated", "suspended", "resumed", "released", "restored", "activated", "failed")
    ),
    *("endpoint.created", "endpoint.updated", "endpoint.deleted"),
    *("kyc.verified", "kyc.declined", "balance.low", "payment.received", "call.routed", "call.rejected"),
}
OURS = {
    "webhook.disabled",
    *(f"document.{verb}" for verb in ("accepted", "rejected", "expiring", "expired", "erased")),
    "phone_number.porting",
    *(f"porting.{verb}" for verb in ("submitted", "in_review", "exception", "foc_scheduled", "completed", "cancelled")),
    *(f"port_out.{verb}" for verb in ("pin_set", "refused", "scheduled", "completed", "cancelled")),
}
"""Announced besides: names of our own (docs/decisions/0035, 0048, 0050, 0063 and 0079)."""


def test_only_what_the_contract_lists_is_announced() -> None:
    assert {event.value for event in Event if event.announced} <= CONTRACT | OURS
    assert {"api_key.created", "api_key.revoked", "kyc.submitted", "organization.created"} <= {
        event.value for event in Event if not event.announced
    }


def test_names_and_groups() -> None:
    for event in Event:
        assert MEANT[event.value] == (event,)
        assert event in MEANT[f"{event.partition('.')[0]}.*"]
    assert MEANT["api_key.*"] == (Event.KEY_CREATED, Event.KEY_REVOKED)
    assert not {"*", "", "api_key", "api_key."} & MEANT.keys()
    assert all(event.meaning.endswith(".") and event.data for event in Event)


def test_what_begins_and_ends_tells_what_is_not_null() -> None:
    values = {"name": "", "scopes": [], "expires_at": None, "locked": False}
    assert from_nothing(values) == [Change("name", None, ""), Change("scopes", None, []), Change("locked", None, False)]
    assert [(each.before, each.after) for each in to_nothing(values)] == [("", None), ([], None), (False, None)]
