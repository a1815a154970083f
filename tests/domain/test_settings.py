"""Which settings exist, and what does each take? Every one of them, and what is wrong is told by name."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import certifi
import pytest

from nambari.settings import InvalidSetting, Settings, half_set_up, read, read_apart, variable

GIVEN: dict[str, tuple[str, Any]] = {
    "database_url": ("postgres://nambari@db.example.com/nambari", "postgres://nambari@db.example.com/nambari"),
    "pooler_url": ("postgresql://nambari@pooler.example.com:6432/nambari",) * 2,
    "replica_url": ("postgresql://nambari@replica.example.com/nambari",) * 2,
    "replica_lag_seconds": ("0.5", 0.5),
    "data_dir": ("~/nambari", Path.home() / "nambari"),
    "database_connections": ("25", 25),
    "database_timeout_seconds": ("2.5", 2.5),
    "currency": ("EUR", "EUR"),
    "sip_domain": ("sip.example.com", "sip.example.com"),
    "trusted_proxies": (" 192.0.2.1, 2001:db8::/32,", ("192.0.2.1", "2001:db8::/32")),
    "rate_limit_url": ("valkey://:secret@limits.example.com:6380/1", "valkey://:secret@limits.example.com:6380/1"),
    "enterprise_requests_per_second": ("1000", 1000),
    "enterprise_requests_per_day": ("5000000", 5_000_000),
    "key_cache_seconds": ("0", 0.0),
    "idempotency_hours": ("48", 48),
    "grace_days": ("14", 14),
    "aging_days": ("7, NG=30,NG/mobile=3650", ("7", "NG=30", "NG/mobile=3650")),
    "suspended_inbound": ("route", "route"),
    "carrier_search_seconds": ("0.5", 0.5),
    "carrier_markup_percent": ("20", 20),
    "telnyx_api_key": ("KEY0123_abc", "KEY0123_abc"),
    "telnyx_connection_id": ("1293384261075731499", "1293384261075731499"),
    "telnyx_base_url": ("http://127.0.0.1:4010/v2", "http://127.0.0.1:4010/v2"),
    "twilio_account_sid": ("AC" + "0f" * 16, "AC" + "0f" * 16),
    "twilio_auth_token": ("0123456789abcdef", "0123456789abcdef"),
    "twilio_trunk_sid": ("TK" + "0f" * 16, "TK" + "0f" * 16),
    "twilio_voice_url": ("https://voice.example.com/twiml?a=b", "https://voice.example.com/twiml?a=b"),
    "twilio_base_url": ("https://api.ie1.twilio.com", "https://api.ie1.twilio.com"),
    "webhook_allowed_networks": ("127.0.0.0/8, fd00::/8", ("127.0.0.0/8", "fd00::/8")),
    "webhook_retry_seconds": ("0, 5,60", ("0", "5", "60")),
    "webhook_ca_file": (certifi.where(), certifi.where()),
    "webhook_answers": ("all", "all"),
    "delivery_log_days": ("7", 7),
    "traces_url": ("http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/traces"),
    "log_level": ("debug", "debug"),
    "client_connections": ("500", 500),
}


def test_the_table_above_is_whole() -> None:
    missing = {each.name for each in fields(Settings)} - GIVEN.keys()
    assert not missing, "a new setting: give it a line here"


@pytest.mark.parametrize("name", GIVEN)
def test_each_is_read(name: str) -> None:
    text, value = GIVEN[name]
    for spelt in (text, f"  {text}\n"):
        settings = read_apart({variable(name): spelt})
        assert getattr(settings, name) == value
        assert type(getattr(settings, name)) is type(value) or isinstance(value, Path)
        others = [each.name for each in fields(Settings) if each.name != name]
        assert all(getattr(settings, other) == getattr(Settings(), other) for other in others)


@pytest.mark.parametrize("name", GIVEN)
def test_an_empty_one_is_the_default(name: str) -> None:
    assert read({variable(name): ""}) == read({variable(name): "  "}) == read({}) == Settings()


def test_the_defaults_hold_their_own_rules() -> None:
    told = {
        variable(each.name): str(getattr(Settings(), each.name))
        for each in fields(Settings)
        if each.name
        not in {
            "trusted_proxies",
            "aging_days",
            "webhook_allowed_networks",
            "webhook_retry_seconds",
        }  # lists, and empty
    }
    assert read(told) == Settings()


def test_each_has_its_sentence() -> None:
    assert all(each.metadata["meaning"].endswith(".") for each in fields(Settings))


@pytest.mark.parametrize("name", ["NAMBARI_DATABASE_UR", "NAMBARI_", "NAMBARI_database_url", "NAMBARI_PORT"])
def test_a_variable_that_is_no_setting(name: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        read({name: "x"})


def test_what_is_not_ours_is_left_alone() -> None:
    assert read({"PATH": "/bin", "DATABASE_URL": "x", "XNAMBARI_PORT": "1", "nambari_port": "1"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("database_url", "mysql://db/nambari"),
        ("database_url", "db.example.com"),
        ("pooler_url", "pooler.example.com:6432"),
        ("replica_url", "mysql://replica.example.com"),
        ("replica_lag_seconds", "0"),
        ("replica_lag_seconds", "61"),
        ("database_connections", "0"),
        ("database_connections", "501"),
        ("database_connections", "ten"),
        ("database_connections", "2.5"),
        ("database_timeout_seconds", "0"),
        ("database_timeout_seconds", "-1"),
        ("database_timeout_seconds", "601"),
        ("database_timeout_seconds", "nan"),
        ("database_timeout_seconds", "inf"),
        ("database_timeout_seconds", "soon"),
        ("currency", "usd"),
        ("currency", "US"),
        ("currency", "USDX"),
        ("currency", "U5D"),
        ("currency", "ÜÄÖ"),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "192.0.2.1,192.0.2.0/33"),
        ("rate_limit_url", "memcached://cache"),
        ("rate_limit_url", "localhost:6379"),
        ("rate_limit_url", "redis://"),
        ("rate_limit_url", "redis://cache:port"),
        ("traces_url", "127.0.0.1:4318"),
        ("traces_url", "ftp://collector"),
        ("traces_url", "http://"),
        ("traces_url", "http://collector:port"),
        ("enterprise_requests_per_second", "-1"),
        ("enterprise_requests_per_second", "100001"),
        ("enterprise_requests_per_second", "1.5"),
        ("enterprise_requests_per_day", "-1"),
        ("enterprise_requests_per_day", "2147483648"),
        ("key_cache_seconds", "-0.1"),
        ("key_cache_seconds", "1"),
        ("key_cache_seconds", "nan"),
        ("idempotency_hours", "23"),
        ("carrier_search_seconds", "0"),
        ("carrier_search_seconds", "20.1"),
        ("carrier_search_seconds", "nan"),
        ("carrier_markup_percent", "-1"),
        ("carrier_markup_percent", "1001"),
        ("grace_days", "0"),
        ("grace_days", "366"),
        ("aging_days", "3651"),
        ("aging_days", "-1"),
        ("aging_days", "NG"),
        ("aging_days", "NG=soon"),
        ("aging_days", "NG/fax=30"),
        ("aging_days", "ng=30"),
        ("aging_days", "=30"),
        ("aging_days", "7,7"),
        ("aging_days", "NG=1,NG=2"),
        ("suspended_inbound", "drop"),
        ("webhook_ca_file", "/nonexistent/ca.pem"),
        ("webhook_ca_file", "pyproject.toml"),
        ("webhook_answers", "some"),
        ("delivery_log_days", "0"),
        ("delivery_log_days", "3651"),
        ("log_level", "loud"),
        ("log_level", "INFO"),
    ],
)
def test_what_each_does_not_take(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=variable(name)):
        read({variable(name): text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NAMBARI_DATABASE_URL", "mysql://nambari:swordfish@db/nambari"),
        ("NAMBARI_RATE_LIMIT_URL", "http://:swordfish@limits"),
        ("NAMBARI_RATE_LIMIT_URL", "redis://:swordfish/@limits"),
    ],
)
def test_a_password_is_in_no_error(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        read({name: text})
    assert "swordfish" not in str(refused.value)


# ── Carriers ─────────────────────────────────────────────────────────────────────────────────────────────────────

TELNYX = ("telnyx_api_key", "telnyx_connection_id")
TWILIO = ("twilio_account_sid", "twilio_auth_token", "twilio_trunk_sid")


def given(*names: str) -> dict[str, str]:
    return {variable(name): GIVEN[name][0] for name in names}


@pytest.mark.parametrize(
    "names", [TELNYX, TWILIO, (*TELNYX, *TWILIO), (*TWILIO[:2], "twilio_voice_url"), ("telnyx_base_url",)]
)
def test_a_carrier_that_is_set_up_wholly(names: tuple[str, ...]) -> None:
    assert half_set_up(read(given(*names))) == []


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (TELNYX[:1], "NAMBARI_TELNYX_CONNECTION_ID"),
        (TELNYX[1:], "NAMBARI_TELNYX_API_KEY"),
        (TWILIO[:1], "NAMBARI_TWILIO_AUTH_TOKEN"),
        (TWILIO[1:2], "NAMBARI_TWILIO_ACCOUNT_SID"),
        (TWILIO[:2], "NAMBARI_TWILIO_TRUNK_SID or NAMBARI_TWILIO_VOICE_URL"),
        ((*TWILIO, "twilio_voice_url"), "one of both"),
        (TWILIO[2:], "NAMBARI_TWILIO_ACCOUNT_SID"),
    ],
)
def test_a_carrier_that_is_set_up_by_half(names: tuple[str, ...], missing: str) -> None:
    with pytest.raises(InvalidSetting, match=missing) as caught:
        read(given(*names))
    assert not any(GIVEN[name][0] in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("telnyx_api_key", "short"),
        ("telnyx_api_key", "with a space in it"),
        ("telnyx_api_key", "KEY0123\r\nx-other: 1"),
        ("telnyx_api_key", "KÉY012345"),
        ("telnyx_api_key", "K" * 301),
        ("telnyx_connection_id", "12/34"),
        ("twilio_account_sid", "SK" + "0f" * 16),
        ("twilio_account_sid", "AC" + "0f" * 15),
        ("twilio_auth_token", "with a space in it"),
        ("twilio_trunk_sid", "AC" + "0f" * 16),
        ("twilio_voice_url", "http://voice.example.com/"),
        ("twilio_base_url", "http://api.twilio.com"),
        ("twilio_base_url", "http://192.0.2.1"),
        ("twilio_base_url", "https://user:word@api.twilio.com"),
        ("telnyx_base_url", "https://api.telnyx.com/v2?x=1"),
        ("telnyx_base_url", "https:///v2"),
        ("telnyx_base_url", "https://[::1"),
        ("telnyx_base_url", "ftp://127.0.0.1/"),
        ("telnyx_base_url", "api.telnyx.com"),
    ],
)
def test_what_is_wrong_with_a_carrier_is_told_by_name_and_never_repeated(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=variable(name)) as caught:
        read_apart({variable(name): text})
    assert text not in str(caught.value)


def test_a_secret_is_not_printed_with_the_settings() -> None:
    printed = repr(read(given(*TELNYX, *TWILIO)))
    assert "1293384261075731499" in printed
    assert GIVEN["telnyx_api_key"][0] not in printed
    assert GIVEN["twilio_auth_token"][0] not in printed
