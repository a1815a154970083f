"""A token holds what was agreed to: with a changed letter, another key or too late nothing was agreed to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.mcp.confirmations import Foreseen, NotConfirmed, Quoted, Restorable, name_of, read, signed

NOW = datetime(2026, 9, 23, 9, 30, tzinfo=UTC)
KEY = "kros_live_" + "x" * 32
QUOTED = Quoted(
    inventory_id="inv_1",
    number="+442079460123",
    hold_id="hold_1",
    total_cents=350,
    currency="USD",
    expires_at=NOW + timedelta(minutes=15),
    endpoint_id=None,
    label="büro",
)
FORESEEN = Foreseen(number_id="pn_1", number="+442079460123", updated_at=NOW, expires_at=NOW + timedelta(minutes=15))
RESTORABLE = Restorable(
    number_id="pn_1",
    number="+442079460123",
    total_cents=250,
    updated_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)


def test_what_was_agreed_to_is_read_again() -> None:
    assert read(f" {signed(QUOTED, KEY)}\n", Quoted, KEY, NOW) == QUOTED
    assert read(signed(FORESEEN, KEY), Foreseen, KEY, NOW) == FORESEEN
    assert read(signed(RESTORABLE, KEY), Restorable, KEY, NOW) == RESTORABLE


def test_it_ends_when_it_says() -> None:
    token = signed(QUOTED, KEY)
    assert read(token, Quoted, KEY, QUOTED.expires_at - timedelta(microseconds=1)) == QUOTED
    with pytest.raises(NotConfirmed, match=r"expired.*Call quote_number"):
        read(token, Quoted, KEY, QUOTED.expires_at)


def test_it_is_for_one_thing_and_of_one_key() -> None:
    with pytest.raises(NotConfirmed, match="Call preview_release"):
        read(signed(QUOTED, KEY), Foreseen, KEY, NOW)
    with pytest.raises(NotConfirmed, match="Call preview_restore"):
        read(signed(FORESEEN, KEY), Restorable, KEY, NOW)
    with pytest.raises(NotConfirmed, match="no confirmation token of this API key"):
        read(signed(QUOTED, KEY), Quoted, KEY + "y", NOW)


@quick
@given(st.data())
def test_no_changed_token_is_read_as_anything_else(data: st.DataObject) -> None:
    token = signed(QUOTED, KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(exclude_characters=token[place]))
    changed = token[:place] + letter + token[place + 1 :]
    try:
        found = read(changed, Quoted, KEY, NOW)
    except NotConfirmed:
        return
    assert found == QUOTED  # base64 leaves the last bits of its last letter unused


@quick
@given(st.text())
def test_any_text_is_answered_with_what_to_do(text: str) -> None:
    with pytest.raises(NotConfirmed, match="Call quote_number"):
        read(text, Quoted, KEY, NOW)


def test_one_token_has_one_name() -> None:
    token = signed(QUOTED, KEY)
    assert name_of(token) == name_of(f"{token}\n")
    assert name_of(token) != name_of(signed(FORESEEN, KEY))
    assert len(name_of(token)) <= 255
