"""nambari key."""

import re
from typing import Any

import pytest
from tests.cli.conftest import Run, refused

from nambari.domain.access import ORGANIZATION_SCOPES


def created(nambari: Run, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = nambari("key", "create", *options, "--json").json
    assert list(made) == ["key_id", "api_key"]
    return made


@pytest.mark.parametrize("environment", ["live", "test"])
def test_a_key_is_shown_once(nambari: Run, organization: str, environment: str) -> None:
    made = created(nambari, "--org", organization, "--env", environment)
    assert re.fullmatch(rf"kros_{environment}_[A-Za-z0-9]{{32}}", made["api_key"])
    [row] = nambari("key", "list", "--org", organization, "--json").lines
    assert made["api_key"] not in str(row)
    assert (row["key_id"], row["environment"]) == (made["key_id"], environment)
    assert made["api_key"].startswith(row["begins_with"])
    assert row["scopes"] == sorted(ORGANIZATION_SCOPES)


def test_a_person_is_told_that_it_is_shown_once(nambari: Run, organization: str) -> None:
    told = nambari("key", "create", "--org", organization)
    assert (told.code, told.err) == (0, "")
    assert len(re.findall(r"kros_live_\w{32}", told.out)) == 1
    assert "shown this once" in told.out
    assert re.search(r"nambari key revoke key_\w+", told.out)


def test_every_option_is_kept(nambari: Run, organization: str) -> None:
    created(
        nambari,
        *("--org", organization, "--name", "büro", "--scopes", "numbers:read, billing:read"),
        *("--allowed-ip", "192.0.2.0/24", "--allowed-ip", "2001:db8::1", "--expires-at", "2099-01-31T03:00:00+03:00"),
    )
    [row] = nambari("key", "list", "--org", organization, "--json").lines
    assert row["name"] == "büro"
    assert row["scopes"] == ["billing:read", "numbers:read"]
    assert row["allowed_ips"] == ["192.0.2.0/24", "2001:db8::1"]
    assert row["expires_at"] == "2099-01-31T00:00:00Z"
    assert (row["revoked_at"], row["last_used_at"]) == (None, None)


@pytest.mark.parametrize("scopes", [(), ("--scopes", "all"), ("--scopes", "routing:read")])
def test_an_operators_key_belongs_to_nobody(nambari: Run, organization: str, scopes: tuple[str, ...]) -> None:
    made = created(nambari, "--operator", *scopes)
    assert nambari("key", "list", "--org", organization, "--json").lines == []
    assert nambari("key", "revoke", made["key_id"], "--json").json["key_id"] == made["key_id"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--operator"),
        (("--operator", "--org", "ORG"), "--operator"),
        (("--operator", "--scopes", "numbers:read"), "routing:read"),
        (("--org", "ORG", "--scopes", "routing:read"), "routing:read"),
        (("--org", "ORG", "--scopes", "numbers:fly"), "numbers:fly"),
        (("--org", "ORG", "--scopes", ""), "--scopes"),
        (("--org", "ORG", "--scopes", ","), "--scopes"),
        (("--org", "ORG", "--scopes", "all,numbers:read"), "'all'"),
        (("--org", "ORG", "--scopes", "numbers:read,"), "--scopes"),
        (("--org", "ORG", "--allowed-ip", "192.0.2.0/33"), "192.0.2.0/33"),
        (("--org", "ORG", "--allowed-ip", ""), "--allowed-ip"),
        (("--org", "ORG", "--allowed-ip", "example.com"), "example.com"),
        (("--org", "ORG", "--expires-at", "2099-01-31"), "offset"),
        (("--org", "ORG", "--expires-at", "2099-01-31T00:00:00"), "offset"),
        (("--org", "ORG", "--expires-at", "2099-02-31T00:00:00Z"), "offset"),
        (("--org", "ORG", "--expires-at", "4070908800"), "offset"),
        (("--org", "ORG", "--expires-at", "tomorrow"), "offset"),
        (("--org", "ORG", "--expires-at", "9999-12-31T23:59:59-23:00"), "offset"),
        (("--org", "ORG", "--expires-at", "2020-01-31T00:00:00Z"), "future"),
        (("--org", "ORG", "--name", "x" * 101), "--name"),
        (("--org", "ORG", "--name", "two\nlines"), "--name"),
        (("--org", "ORG", "--env", "LIVE"), "--env"),
    ],
)
def test_what_makes_no_key(nambari: Run, organization: str, options: tuple[str, ...], says: str) -> None:
    given = [organization if option == "ORG" else option for option in options]
    assert says in refused(nambari("key", "create", *given), 2)
    assert nambari("key", "list", "--org", organization, "--json").lines == []


@pytest.mark.parametrize("command", [("key", "create"), ("key", "list")])
def test_an_organization_that_is_not_there(nambari: Run, command: tuple[str, ...]) -> None:
    assert "There is no organization org_nope." in refused(nambari(*command, "--org", "org_nope"))


def test_revoked_twice_is_revoked_once(nambari: Run, organization: str) -> None:
    key_id = created(nambari, "--org", organization)["key_id"]
    first = nambari("key", "revoke", key_id, "--json").json
    assert first["revoked_at"].endswith("Z")
    assert nambari("key", "revoke", key_id, "--json").json == first
    [row] = nambari("key", "list", "--org", organization, "--json").lines
    assert row["revoked_at"] == first["revoked_at"]
    assert f"{key_id} (" in nambari("key", "revoke", key_id).out


def test_a_key_that_is_not_there(nambari: Run) -> None:
    assert "There is no key key_nope." in refused(nambari("key", "revoke", "key_nope"))


def test_the_table_never_cuts_an_id(nambari: Run, organization: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    key_id = created(nambari, "--org", organization, "--name", "a long name " * 8)["key_id"]
    shown = nambari("key", "list", "--org", organization).out.splitlines()
    assert shown[0].split()[:3] == ["KEY", "BEGINS_WITH", "NAME"]
    assert shown[1].startswith(f"{key_id}  kros_live_")
    assert "  all  " in shown[1]


def test_what_a_key_may_spend(nambari: Run, organization: str) -> None:
    created(nambari, "--org", organization, "--monthly-cap", "2000", "--countries", "NG, ke")
    [row] = nambari("key", "list", "--org", organization, "--json").lines
    assert (row["monthly_cap_cents"], row["countries"]) == (2000, ["NG", "KE"])
    assert "20.00 USD" in nambari("key", "list", "--org", organization).out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--org", "ORG", "--monthly-cap", "0"), "--monthly-cap"),
        (("--org", "ORG", "--monthly-cap", "12.50"), "whole number of cents"),
        (("--org", "ORG", "--monthly-cap", "9" * 30), "at most"),
        (("--org", "ORG", "--countries", "XX"), "XX"),
        (("--org", "ORG", "--countries", "NG,"), "country code"),
        (("--org", "ORG", "--countries", ""), "country code"),
        (("--operator", "--countries", "NG"), "buys nothing"),
        (("--operator", "--monthly-cap", "5"), "buys nothing"),
    ],
)
def test_what_bounds_no_key(nambari: Run, organization: str, options: tuple[str, ...], says: str) -> None:
    given = [organization if option == "ORG" else option for option in options]
    assert says in refused(nambari("key", "create", *given), 2)
