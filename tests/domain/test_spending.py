"""What may a key spend? Months of UTC, sums at the cap, countries; and no key makes a wider one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick
from tests.domain.test_access import KEY

from nambari.domain.access import SECRET_LENGTH, SECRET_LETTERS, Key, compose_secret, exceeds, sealed, unsealed
from nambari.domain.refusals import CountryNotAllowed, SpendingCapExceeded
from nambari.domain.spending import Bounds, check_cap, check_country, month_of, next_month, spending

NOW = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
CENTS = st.integers(0, 10**12)
SECRETS = st.text(SECRET_LETTERS, min_size=SECRET_LENGTH, max_size=SECRET_LENGTH)


@quick
@given(cap=CENTS, spent=CENTS, cents=CENTS)
def test_the_cap_is_reached_and_never_passed(cap: int, spent: int, cents: int) -> None:
    refusal = check_cap(Bounds(monthly_cap_cents=cap), spent, cents, "USD", NOW)
    assert (refusal is None) == (spent + cents <= cap)
    assert check_cap(Bounds(), spent, cents, "USD", NOW) is None


def test_a_refusal_tells_what_is_left_and_when_it_begins_anew() -> None:
    refusal = check_cap(Bounds(monthly_cap_cents=2000), 1750, 350, "USD", NOW)
    assert isinstance(refusal, SpendingCapExceeded)
    assert refusal.details == {
        "required_cents": 350,
        "cap_cents": 2000,
        "spent_cents": 1750,
        "resets_at": datetime(2027, 1, 1, tzinfo=UTC),
    }
    assert refusal.sentence.endswith("Use another key, or try again from 2027-01-01.")


@pytest.mark.parametrize(
    ("now", "month", "after"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), datetime(2026, 2, 1, tzinfo=UTC)),
        (NOW, date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2028, 2, 1), datetime(2028, 3, 1, tzinfo=UTC)),
        (NOW.astimezone(timezone(timedelta(hours=3))), date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_months_are_those_of_utc(now: datetime, month: date, after: datetime) -> None:
    assert (month_of(now), next_month(now)) == (month, after)


def test_countries() -> None:
    assert check_country(Bounds(), "GB") is None
    assert check_country(Bounds(countries=("KE", "GB")), "GB") is None
    refusal = check_country(Bounds(countries=("KE", "NG")), "GB")
    assert isinstance(refusal, CountryNotAllowed)
    assert refusal.details == {"country": "GB", "countries": ["KE", "NG"]}


def test_what_is_counted() -> None:
    capped = Bounds(monthly_cap_cents=0)
    assert spending("key_1", Bounds(), 5, NOW) is None
    assert spending(None, capped, 5, NOW) is None
    assert spending("key_1", capped, 0, NOW) is None
    counted = spending("key_1", capped, 5, NOW)
    assert counted is not None
    assert (counted.month, counted.cents, counted.cap_cents) == (date(2026, 12, 1), 5, 0)


READER = replace(KEY, scopes=frozenset({"numbers:read"}))
WIDE = replace(KEY, scopes=frozenset({"numbers:read", "numbers:write", "api-keys:write"}))


@pytest.mark.parametrize(
    ("maker", "made", "fields"),
    [
        (WIDE, READER, []),
        (WIDE, WIDE, []),
        (READER, WIDE, ["scopes"]),
        (replace(READER, allowed_ips=("192.0.2.0/24",)), replace(READER, allowed_ips=("192.0.2.7",)), []),
        (replace(READER, allowed_ips=("192.0.2.0/24",)), replace(READER, allowed_ips=("192.0.2.0/24",)), []),
        (
            replace(READER, allowed_ips=("192.0.2.0/24",)),
            replace(READER, allowed_ips=("192.0.2.0/23",)),
            ["allowed_ips"],
        ),
        (replace(READER, allowed_ips=("192.0.2.0/24",)), READER, ["allowed_ips"]),
        (
            replace(READER, allowed_ips=("192.0.2.0/24",)),
            replace(READER, allowed_ips=("2001:db8::1",)),
            ["allowed_ips"],
        ),
        (replace(READER, allowed_ips=("192.0.2.1",)), replace(READER, allowed_ips=("::ffff:192.0.2.1",)), []),
        (
            replace(READER, allowed_ips=("192.0.2.1", "2001:db8::/32")),
            replace(READER, allowed_ips=("2001:db8:1::/48", "192.0.2.2")),
            ["allowed_ips"],
        ),
        (replace(READER, expires_at=NOW), replace(READER, expires_at=NOW), []),
        (replace(READER, expires_at=NOW), replace(READER, expires_at=NOW + timedelta(seconds=1)), ["expires_at"]),
        (replace(READER, expires_at=NOW), READER, ["expires_at"]),
        (replace(READER, bounds=Bounds(500)), replace(READER, bounds=Bounds(500)), []),
        (replace(READER, bounds=Bounds(500)), replace(READER, bounds=Bounds(501)), ["monthly_cap_cents"]),
        (replace(READER, bounds=Bounds(500)), READER, ["monthly_cap_cents"]),
        (replace(WIDE, bounds=Bounds(500)), replace(WIDE, bounds=Bounds(100)), ["scopes"]),
        (WIDE, replace(WIDE, bounds=Bounds(100, ("NG",))), []),
        (replace(READER, bounds=Bounds(None, ("NG", "KE"))), replace(READER, bounds=Bounds(None, ("KE",))), []),
        (replace(READER, bounds=Bounds(None, ("NG",))), replace(READER, bounds=Bounds(None, ("KE",))), ["countries"]),
        (replace(READER, bounds=Bounds(None, ("NG",))), READER, ["countries"]),
    ],
)
def test_a_key_makes_none_with_more_than_its_own(maker: Key, made: Key, fields: list[str]) -> None:
    assert [field for field, _ in exceeds(made, maker)] == fields


@quick
@given(letters=SECRETS, makers=SECRETS, others=SECRETS)
def test_a_sealed_secret_is_read_by_its_maker_alone(letters: str, makers: str, others: str) -> None:
    secret = compose_secret(KEY.environment, letters)
    kept = sealed(secret, f"kros_live_{makers}", KEY.id)
    assert unsealed(kept, f"kros_live_{makers}", KEY) == secret
    assert letters not in kept
    if makers != others:
        other = sealed(secret, f"kros_live_{others}", KEY.id)
        assert other != kept
