"""Where do calls go? What a target must be, and what a change makes of it: every combination against its rules."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.properties import quick

from nambari.domain.endpoint import Endpoint, EndpointStatus, EndpointType, Target, check_target, revised
from nambari.domain.providers import PROVIDERS, config_faults, sip_uri
from nambari.domain.refusals import ValidationError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OWN, OTHER = "sip:agent@sip.example.com", "sips:other.example.com:5061;transport=tls"
WEB = "https://example.com/calls"
AGENT_ID: dict[str, Any] = {"elevenlabs_agent_id": "agent_1"}
ANOTHER_ID: dict[str, Any] = {"elevenlabs_agent_id": "agent_2"}
SUBDOMAIN: dict[str, Any] = {"livekit_sip_subdomain": "vjnxecm0tjk"}
ANOTHER_SUBDOMAIN: dict[str, Any] = {"livekit_sip_subdomain": "other"}
VAPI_USER: dict[str, Any] = {"vapi_sip_user": "my-agent"}


def target(
    type_: str, url: str | None = None, provider: str | None = None, config: dict[str, Any] | None = None
) -> Target:
    return Target(type=type_, url=url, provider=provider, provider_config=config or {})


def fields_of(endpoint: Any) -> tuple[Any, ...]:
    return endpoint.type, endpoint.url, endpoint.provider, endpoint.provider_config


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (target("agent", OWN), ("agent", OWN, "custom", {})),
        (target("agent", OWN, "custom"), ("agent", OWN, "custom", {})),
        (target("custom", OWN), ("agent", OWN, "custom", {})),
        (target("agent", OWN, "retell"), ("agent", OWN, "retell", {})),
        (target("agent", None, "retell"), ("agent", sip_uri("retell", {}), "retell", {})),
        (target("retell"), ("agent", sip_uri("retell", {}), "retell", {})),
        (
            target("elevenlabs", config=AGENT_ID),
            ("agent", sip_uri("elevenlabs", AGENT_ID), "elevenlabs", AGENT_ID),
        ),
        (
            target("elevenlabs", None, "elevenlabs", AGENT_ID),
            ("agent", sip_uri("elevenlabs", AGENT_ID), "elevenlabs", AGENT_ID),
        ),
        (target("livekit", OWN, config=SUBDOMAIN), ("agent", OWN, "livekit", SUBDOMAIN)),
        (target("webhook", WEB), ("webhook", WEB, None, {})),
        (target("webhook", "http://localhost:8080/x"), ("webhook", "http://localhost:8080/x", None, {})),
        (target("webhook", "http://127.0.0.1/x"), ("webhook", "http://127.0.0.1/x", None, {})),
        (target("webhook", "http://[::1]/x"), ("webhook", "http://[::1]/x", None, {})),
    ],
)
def test_targets(given_: Target, expected: tuple[Any, ...]) -> None:
    assert fields_of(check_target(given_)) == expected


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        (target("agent"), "url"),
        (target("custom"), "url"),
        (target("agent", None, "custom"), "url"),
        (target("agent", WEB), "url"),
        (target("agent", ""), "url"),
        (target("elevenlabs"), "provider_config.elevenlabs_agent_id"),
        (target("elevenlabs", config={"elevenlabs_agent_id": 5}), "provider_config.elevenlabs_agent_id"),
        (target("elevenlabs", config=AGENT_ID | {"junk": "x"}), "provider_config.junk"),
        (target("elevenlabs", None, "vapi", VAPI_USER), "provider"),
        (target("elevenlabs", OWN, "custom"), "provider"),
        (target("vapi"), "provider_config.vapi_sip_user"),
        (target("retell", config={"x": "y" * 5000}), "provider_config"),
        (target("webhook"), "url"),
        (target("webhook", OWN), "url"),
        (target("webhook", WEB, "elevenlabs"), "provider"),
        (target("webhook", WEB, None, {"a": "b"}), "provider_config"),
        (target("webhook", "http://example.com"), "url"),
        (target("webhook", "http://127.0.0.1.example.com"), "url"),
        (target("webhook", "http://localhost.example.com"), "url"),
        (target("webhook", "https://user:pass@example.com"), "url"),
        (target("webhook", "https://user@example.com"), "url"),
        (target("webhook", "https://"), "url"),
        (target("webhook", "https:///x"), "url"),
        (target("webhook", "https://example.com:99999/"), "url"),
        (target("webhook", "https://example.com:port/"), "url"),
        (target("webhook", "https://[::1"), "url"),
        (target("webhook", "ftp://example.com"), "url"),
        (target("webhook", "javascript:alert(1)"), "url"),
        (target("webhook", "https://exa mple.com"), "url"),
        (target("webhook", "https://example.com/\r\nx: y"), "url"),
        (target("webhook", "https://example.com\\@evil.example"), "url"),
        (target("webhook", "https://exämple.com"), "url"),
        (target("webhook", "http://localhost\n"), "url"),
    ],
)
def test_what_is_no_target(given_: Target, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_target(given_)
    assert field in {each["field"] for each in refused.value.details["fields"]}


def endpoint(of: Target) -> Endpoint:
    checked = check_target(of)
    return Endpoint(
        id="ep_1",
        name="Agent",
        type=checked.type,
        url=checked.url,
        status=EndpointStatus.ACTIVE,
        provider=checked.provider,
        provider_config=checked.provider_config,
        created_at=NOW,
        updated_at=NOW,
    )


BEFORE = {
    "custom": endpoint(target("agent", OWN)),
    "elevenlabs": endpoint(target("elevenlabs", config=AGENT_ID)),
    "elevenlabs with its own address": endpoint(target("elevenlabs", OWN, config=AGENT_ID)),
    "livekit": endpoint(target("livekit", config=SUBDOMAIN)),
    "livekit with its own address": endpoint(target("livekit", OWN, config=SUBDOMAIN)),
    "retell": endpoint(target("retell")),
    "vapi": endpoint(target("vapi", config=VAPI_USER)),
    "webhook": endpoint(target("webhook", WEB)),
}

CHANGES: dict[str, list[Any]] = {
    "type": ["agent", "webhook", "custom", "elevenlabs", "livekit", "retell", "vapi"],
    "url": [OWN, OTHER, WEB],
    "provider": [None, "custom", "elevenlabs", "livekit", "retell", "vapi"],
    "provider_config": [{}, AGENT_ID, ANOTHER_ID, SUBDOMAIN, ANOTHER_SUBDOMAIN, VAPI_USER],
}


def every_change() -> list[dict[str, Any]]:
    """Each field left out, or with each of its values."""
    left_out = object()
    values = [[left_out, *each] for each in CHANGES.values()]
    return [
        {name: value for name, value in zip(CHANGES, chosen, strict=True) if value is not left_out}
        for chosen in itertools.product(*values)
    ]


EVERY_CHANGE = every_change()


def results(old: Endpoint) -> list[tuple[dict[str, Any], Endpoint | None]]:
    found: list[tuple[dict[str, Any], Endpoint | None]] = []
    for changes in EVERY_CHANGE:
        try:
            found.append((changes, revised(old, changes, LATER)))
        except ValidationError:
            found.append((changes, None))
    return found


RESULTS = {name: results(old) for name, old in BEFORE.items()}
ALL = [(BEFORE[name], changes, new) for name, found in RESULTS.items() for changes, new in found]
DONE = [(old, changes, new) for old, changes, new in ALL if new is not None]


def test_there_is_enough_to_see() -> None:
    assert len(ALL) == len(BEFORE) * 8 * 4 * 7 * 7
    assert len(DONE) > len(ALL) / 10


def test_what_it_becomes_could_have_been_created() -> None:
    for old, changes, new in DONE:
        again = check_target(target(new.type, new.url, new.provider, new.provider_config))
        assert fields_of(again) == fields_of(new), (old, changes)


def test_what_is_given_is_what_it_becomes() -> None:
    for old, changes, new in DONE:
        if "url" in changes:
            assert new.url == changes["url"], (old, changes)
        if "provider_config" in changes:
            assert new.provider_config == changes["provider_config"], (old, changes)
        if changes.get("provider") is not None:
            assert new.provider == changes["provider"], (old, changes)
        wanted = changes.get("type")
        if wanted in {"agent", "webhook"}:
            assert new.type == wanted, (old, changes)
        elif wanted is not None:
            assert (new.type, new.provider) == ("agent", wanted), (old, changes)


def test_what_is_left_out_stays_within_the_same_provider() -> None:
    for old, changes, new in DONE:
        if (new.type, new.provider) != (old.type, old.provider):
            continue
        if "provider_config" not in changes:
            assert new.provider_config == old.provider_config, (old, changes)
            if "url" not in changes:
                assert new.url == old.url, (old, changes)


def test_an_address_we_built_follows_its_configuration_and_one_that_was_given_stays() -> None:
    for old, changes, new in DONE:
        if "url" in changes or new.type is EndpointType.WEBHOOK:
            continue
        if (new.type, new.provider) == (old.type, old.provider) and old.url == OWN:
            assert new.url == OWN, (old, changes)
        elif new.provider != "custom":
            assert new.url == sip_uri(str(new.provider), new.provider_config), (old, changes)


def test_nothing_of_another_provider_is_left_behind() -> None:
    for old, changes, new in DONE:
        if new.provider == old.provider or "provider_config" in changes:
            continue
        assert new.provider_config == {}, (old, changes)
    for old, changes, new in DONE:
        if (new.type, new.provider) != (old.type, old.provider) and "url" not in changes:
            assert new.provider in PROVIDERS, (old, changes)
            assert new.url == sip_uri(str(new.provider), new.provider_config), (old, changes)


def test_a_change_is_refused_only_where_creation_would_be() -> None:
    """What is refused lacks something, or holds something wrong: not only beside what was there before."""
    for old, changes, new in ALL:
        if new is not None or "url" not in changes:
            continue
        whole = target(
            changes.get("type", old.type),
            changes["url"],
            changes.get("provider"),
            changes.get("provider_config", {}),
        )
        with pytest.raises(ValidationError):
            check_target(whole)


@pytest.mark.parametrize("old", BEFORE.values(), ids=BEFORE.keys())
def test_sent_back_as_it_was_shown_nothing_changes(old: Endpoint) -> None:
    shown = {
        "type": old.type.value,
        "url": old.url,
        "provider": old.provider,
        "provider_config": old.provider_config,
        "name": old.name,
        "status": old.status,
    }
    for count in range(len(shown) + 1):
        for names in itertools.combinations(shown, count):
            assert revised(old, {name: shown[name] for name in names}, LATER) is old, names
    if old.provider is not None:
        assert revised(old, {"type": old.provider}, LATER) is old


@pytest.mark.parametrize("old", BEFORE.values(), ids=BEFORE.keys())
def test_a_name_and_a_status_change_nothing_else(old: Endpoint) -> None:
    changed = revised(old, {"name": "Night", "status": EndpointStatus.INACTIVE}, LATER)
    assert changed == replace(old, name="Night", status=EndpointStatus.INACTIVE, updated_at=LATER)


def test_what_changes_is_dated() -> None:
    for old, changes, new in DONE:
        assert (new is old) == (fields_of(new) == fields_of(old)), (old, changes)
        assert new.updated_at == (NOW if new is old else LATER)
        assert (new.id, new.created_at) == (old.id, old.created_at)


urls = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: f"https://{text}") | st.text(max_size=40)


@quick
@given(urls, st.sampled_from(["agent", "webhook", *PROVIDERS]))
def test_whatever_is_typed_is_taken_or_refused_and_nothing_else(url: str, kind: str) -> None:
    try:
        checked = check_target(target(kind, url))
    except ValidationError:
        return
    assert checked.url == url
    assert url.isascii()
    assert not any(character.isspace() for character in url)


@quick
@given(
    st.sampled_from([*PROVIDERS]),
    st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=3),
)
def test_any_configuration_is_taken_or_refused_and_nothing_else(provider: str, config: dict[str, Any]) -> None:
    try:
        checked = check_target(target(provider, None, None, config))
    except ValidationError as refused:
        named = {each["field"].removeprefix("provider_config.") for each in refused.details["fields"]}
        assert named == {name for name, _ in config_faults(provider, config)}
        return
    assert checked.url == sip_uri(provider, config)
