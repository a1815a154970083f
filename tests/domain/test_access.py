"""Who may do what? Keys, scopes, addresses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain.access import (
    OPERATOR_SCOPES,
    ORGANIZATION_SCOPES,
    SECRET_LENGTH,
    SECRET_LETTERS,
    VISIBLE_LENGTH,
    Environment,
    Key,
    Scope,
    address_allowed,
    check_key,
    check_scope,
    compose_secret,
    has_key_form,
    hash_secret,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = Key(
    id="key_1",
    organization_id="org_1",
    environment=Environment.LIVE,
    name="",
    visible="kros_live_aa",
    scopes=frozenset({"numbers:read"}),
    allowed_ips=(),
    expires_at=None,
    revoked_at=None,
    last_used_at=None,
    created_at=NOW,
)
PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("key", "address", "code"),
    [
        (KEY, "192.0.2.1", None),
        (KEY, None, None),
        (None, "192.0.2.1", "INVALID_API_KEY"),
        (replace(KEY, revoked_at=PAST), "192.0.2.1", "INVALID_API_KEY"),
        (replace(KEY, revoked_at=FUTURE), "192.0.2.1", "INVALID_API_KEY"),
        (replace(KEY, expires_at=FUTURE), "192.0.2.1", None),
        (replace(KEY, expires_at=NOW), "192.0.2.1", "API_KEY_EXPIRED"),
        (replace(KEY, expires_at=PAST), "192.0.2.1", "API_KEY_EXPIRED"),
        (replace(KEY, expires_at=PAST, revoked_at=PAST), "192.0.2.1", "INVALID_API_KEY"),
        (replace(KEY, allowed_ips=("192.0.2.1",)), "192.0.2.1", None),
        (replace(KEY, allowed_ips=("192.0.2.1",)), "192.0.2.2", "IP_NOT_ALLOWED"),
        (replace(KEY, allowed_ips=("192.0.2.1",)), None, "IP_NOT_ALLOWED"),
        (replace(KEY, allowed_ips=("192.0.2.1",), expires_at=PAST), "192.0.2.2", "API_KEY_EXPIRED"),
    ],
)
def test_keys(key: Key | None, address: str | None, code: str | None) -> None:
    refusal = check_key(key, address, NOW)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize("scope", Scope)
def test_a_key_may_do_what_its_scopes_say_and_nothing_else(scope: Scope) -> None:
    assert check_scope(replace(KEY, scopes=frozenset({scope.value})), scope) is None
    refusal = check_scope(replace(KEY, scopes=frozenset(each.value for each in Scope if each is not scope)), scope)
    assert refusal is not None
    assert (refusal.code, refusal.details) == ("INSUFFICIENT_SCOPE", {"required": scope})


def test_writing_is_not_reading() -> None:
    assert check_scope(replace(KEY, scopes=frozenset({"numbers:write"})), Scope.NUMBERS_READ) is not None


def test_operators_and_organizations_share_no_scope() -> None:
    assert {"routing:read"} == OPERATOR_SCOPES
    assert not OPERATOR_SCOPES & ORGANIZATION_SCOPES
    assert set(Scope) == OPERATOR_SCOPES | ORGANIZATION_SCOPES


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.2.7", "192.0.2.9/24", True),  # a CIDR with host bits is its network
        ("192.0.3.7", "192.0.2.0/24", False),
        ("192.0.2.7", "0.0.0.0/0", True),
        ("192.0.2.7", "::/0", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:DB8:0:0::1", "2001:db8::1", True),
        ("2001:db9::1", "2001:db8::/32", False),
        ("2001:db8::1", "0.0.0.0/0", False),
        # A dual-stack socket reports IPv4 peers in IPv6 form, and a list may be written either way.
        ("::ffff:192.0.2.7", "192.0.2.0/24", True),
        ("::ffff:192.0.3.7", "192.0.2.0/24", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("192.0.2.7", "::ffff:192.0.2.0/120", True),
        ("192.0.3.7", "::ffff:192.0.2.0/120", False),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.7", "::/0", False),
        ("", "192.0.2.7", False),
        ("unix:", "0.0.0.0/0", False),
        ("192.0.2.7:443", "192.0.2.7", False),
        ("192.0.2.07", "192.0.2.7", False),
        ("testclient", "0.0.0.0/0", False),
        (None, "0.0.0.0/0", False),
    ],
)
def test_addresses(address: str | None, allowed: str, may: bool) -> None:
    assert address_allowed(address, (allowed,)) is may
    assert address_allowed(address, ("198.51.100.1", allowed)) is may


def test_an_empty_list_allows_nobody() -> None:
    assert not address_allowed("192.0.2.7", ())


@quick
@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_an_address_is_in_each_of_its_networks_however_it_is_written(address: object, bits: int) -> None:
    assert address_allowed(str(address), (f"{address}/{bits}",))
    assert address_allowed(f"::ffff:{address}", (f"{address}/{bits}",))
    assert address_allowed(str(address), (f"::ffff:{address}/{96 + bits}",))


@quick
@given(st.sampled_from(Environment), st.text(SECRET_LETTERS, min_size=SECRET_LENGTH, max_size=SECRET_LENGTH))
def test_secrets(environment: Environment, letters: str) -> None:
    secret = compose_secret(environment, letters)
    assert has_key_form(secret)
    assert secret[:VISIBLE_LENGTH] == f"kros_{environment}_{letters[:2]}"
    assert len(hash_secret(secret)) == 32
    assert letters.encode() not in hash_secret(secret)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kros_live_",
        "kros_live_" + "a" * 31,
        "kros_live_" + "a" * 33,
        "kros_prod_" + "a" * 32,
        "KROS_LIVE_" + "a" * 32,
        "kros_live_" + "a" * 31 + "é",
        "kros_live_" + "a" * 31 + "٣",
        "kros_live_" + "a" * 31 + "-",
        "kros_live_" + "a" * 32 + "\n",
        " kros_live_" + "a" * 32,
        "x" * 100_000,
    ],
)
def test_no_secrets(text: str) -> None:
    assert not has_key_form(text)
