"""Each platform's SIP URI, and which URIs of a customer's own we take."""

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nambari.domain.providers import (
    PROVIDER_NAMES,
    PROVIDERS,
    Provider,
    ProviderField,
    config_faults,
    sip_uri,
    sip_uri_fault,
)

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

BUILT = [
    ("elevenlabs", {"elevenlabs_agent_id": "agent_01jz8k3m"}, "sip:sip.rtc.elevenlabs.io:5060;transport=tcp"),
    ("vapi", {"vapi_sip_user": "front-desk"}, "sip:front-desk@sip.vapi.ai"),
    ("vapi", {"vapi_sip_user": None, "vapi_credential_id": UUID}, f"sip:{UUID}.sip.vapi.ai"),
    ("retell", {}, "sip:sip.retellai.com;transport=tcp"),
    ("retell", {"retell_agent_id": "agent_1f2e"}, "sip:sip.retellai.com;transport=tcp"),
    ("livekit", {"livekit_sip_subdomain": "vjnxecm0tjk"}, "sip:vjnxecm0tjk.sip.livekit.cloud;transport=tcp"),
    (
        "livekit",
        {"livekit_sip_subdomain": "vjnxecm0tjk", "livekit_region": "eu"},
        "sip:vjnxecm0tjk.eu.sip.livekit.cloud;transport=tcp",
    ),
]

REFUSED = [
    ("elevenlabs", {}, "elevenlabs_agent_id", "is required"),
    ("elevenlabs", {"elevenlabs_agent_id": None}, "elevenlabs_agent_id", "is required"),
    ("elevenlabs", {"elevenlabs_agent_id": 7}, "elevenlabs_agent_id", "must be a string"),
    ("elevenlabs", {"elevenlabs_agent_id": ""}, "elevenlabs_agent_id", "form that is expected"),
    ("elevenlabs", {"elevenlabs_agent_id": "agent 1"}, "elevenlabs_agent_id", "form that is expected"),
    ("elevenlabs", {"elevenlabs_agent_id": "agent_1\n"}, "elevenlabs_agent_id", "form that is expected"),
    ("elevenlabs", {"elevenlabs_agent_id": "a" * 65}, "elevenlabs_agent_id", "at most 64"),
    ("elevenlabs", {"elevenlabs_agent_id": "a", "agent": "b"}, "agent", "which takes elevenlabs_agent_id"),
    ("vapi", {}, "vapi_sip_user", "just one of these: vapi_sip_user, or vapi_credential_id"),
    ("vapi", {"vapi_sip_user": "a", "vapi_credential_id": UUID}, "vapi_sip_user", "just one of these"),
    ("vapi", {"vapi_sip_user": "a@evil.example"}, "vapi_sip_user", "form that is expected"),
    ("vapi", {"vapi_credential_id": "not-a-uuid"}, "vapi_credential_id", "form that is expected"),
    ("livekit", {"livekit_sip_subdomain": "p_vjnxecm0tjk"}, "livekit_sip_subdomain", "without p_"),
    ("livekit", {"livekit_sip_subdomain": "evil.example"}, "livekit_sip_subdomain", "form that is expected"),
    ("livekit", {"livekit_region": "eu"}, "livekit_sip_subdomain", "is required"),
    (
        "livekit",
        {"livekit_sip_subdomain": "a", "livekit_region": "mars"},
        "livekit_region",
        "eu, india, sa or us",
    ),
    ("custom", {"anything": "x"}, "anything", "give its SIP URI as url"),
]

FINE = [
    "sip:sip.example.com",
    "SIP:sip.example.com",
    "sips:agent@sip.example.com:5061;transport=tls",
    "sip:+12125550123@10.0.0.7:5060;transport=udp",
    "sip:+12125550123;phone-context=example.com@example.com",
    "sip:a%40b@example.com.",
    "sip:agent@[2001:db8::7]:5060;transport=tcp;lr",
    "sip:[::1]",
    "sip:localhost:65535;transport=WS",
    "sip:agent@xn--bcher-kva.example;user=phone",
]

FAULTY = [
    ("", "begin with sip:"),
    ("sip:", "must have a host"),
    ("agent@example.com", "begin with sip:"),
    ("tel:+12125550123", "begin with sip:"),
    ("https://example.com", "begin with sip:"),
    ("sip://example.com", "must have a host"),
    ("sip:agent@", "must have a host"),
    ("sip:@example.com", "before the @"),
    ("sip:agent:secret@example.com", "no password"),
    ("sip:a@b@example.com", "must have a host"),
    ("sip:a%4@example.com", "before the @"),
    ("sip:<a>@example.com", "before the @"),
    ("sip:a%0d%0aX-Evil:%201@example.com", "control character"),
    ("sip:a%00@example.com", "control character"),
    ("sip:agent@example.com\r\nX-Evil: 1", "no spaces or line breaks"),
    ("sip:agent@example.com\n", "no spaces or line breaks"),
    (" sip:agent@example.com", "no spaces or line breaks"),
    ("sip:agent@bücher.example", "only ASCII"),
    ("sip:agent@example.com?subject=x", "no headers"),
    ("sip:agent@example.com;lr?Route=%3Csip:evil%3E", "no headers"),
    ("sip:a?b@example.com", "no headers"),
    ("sip:agent@-example.com", "must have a host"),
    ("sip:agent@exa_mple.com", "must have a host"),
    ("sip:agent@example..com", "must have a host"),
    (f"sip:agent@{'a' * 64}.com", "must have a host"),
    (f"sip:agent@{'a.' * 127}com", "must have a host"),
    ("sip:agent@999.1.2.3", "must have a host"),
    ("sip:agent@1.2.3", "must have a host"),
    ("sip:agent@2001:db8::7", "IPv6 address in [ ]"),
    ("sip:agent@[2001:db8::zz]", "must have a host"),
    ("sip:agent@[fe80::1%25eth0]", "must have a host"),
    ("sip:agent@[::1]x", "like ;transport=tcp"),
    ("sip:agent@example.com:", "must have a port"),
    ("sip:agent@example.com:0", "must have a port"),
    ("sip:agent@example.com:65536", "must have a port"),
    ("sip:agent@example.com:5060x", "must have a port"),
    ("sip:agent@example.com;", "like ;transport=tcp"),
    ("sip:agent@example.com;;lr", "like ;transport=tcp"),
    ("sip:agent@example.com;a=<b>", "like ;transport=tcp"),
    ("sip:agent@example.com;transport=carrier-pigeon", "udp, tcp, tls or ws"),
    ("sip:agent@example.com;transport", "udp, tcp, tls or ws"),
    ("sip:agent@example.com;transport=tcp;Transport=udp", "stands twice"),
    (f"sip:{'a' * 500}@example.com", "at most 500"),
]


@pytest.mark.parametrize(("provider", "config", "uri"), BUILT)
def test_a_right_configuration_gives_the_published_uri(provider: str, config: dict[str, object], uri: str) -> None:
    assert config_faults(provider, config) == []
    assert sip_uri(provider, config) == uri


@pytest.mark.parametrize(("provider", "config", "field", "says"), REFUSED)
def test_a_wrong_configuration_names_the_field(provider: str, config: dict[str, object], field: str, says: str) -> None:
    [(name, sentence)] = config_faults(provider, config)
    assert name == field
    assert says in sentence


def test_every_fault_is_told_at_once() -> None:
    faults = config_faults("livekit", {"livekit_region": "mars", "room": "r"})
    assert {name for name, _ in faults} == {"room", "livekit_region", "livekit_sip_subdomain"}


def test_custom_takes_no_configuration() -> None:
    assert config_faults("custom", {}) == []
    assert PROVIDER_NAMES == ("elevenlabs", "vapi", "retell", "livekit", "custom")


def test_no_uri_is_made_from_a_configuration_that_fits_no_form() -> None:
    with pytest.raises(ValueError, match="No SIP URI of vapi"):
        sip_uri("vapi", {})


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=PROVIDERS)
def test_every_row_has_its_source_and_uses_only_its_own_fields(row: Provider) -> None:
    assert row.source.startswith("https://")
    placeholders = {name for uri in row.uris for _, name, _, _ in string.Formatter().parse(uri) if name}
    assert placeholders <= {field.name for field in row.fields}


@pytest.mark.parametrize("url", FINE)
def test_a_usable_sip_uri_has_no_fault(url: str) -> None:
    assert sip_uri_fault(url) is None


@pytest.mark.parametrize(("url", "says"), FAULTY)
def test_an_unusable_sip_uri_is_told_why(url: str, says: str) -> None:
    fault = sip_uri_fault(url)
    assert fault is not None
    assert says in fault


def value_of(field: ProviderField) -> st.SearchStrategy[str | None]:
    values = st.from_regex(field.pattern, fullmatch=True).filter(lambda value: len(value) <= field.max_length)
    return values if field.required else st.none() | values


@given(st.data())
def test_a_built_uri_never_has_a_fault(data: st.DataObject) -> None:
    provider = data.draw(st.sampled_from(sorted(PROVIDERS)))
    config: dict[str, object] = {field.name: data.draw(value_of(field)) for field in PROVIDERS[provider].fields}
    assume(not config_faults(provider, config))
    assert sip_uri_fault(sip_uri(provider, config)) is None


HOSTS = {
    "elevenlabs_agent_id": r"sip\.rtc\.elevenlabs\.io:5060;transport=tcp",
    "vapi_sip_user": r"[^@]+@sip\.vapi\.ai",
    "vapi_credential_id": r"[0-9A-Fa-f-]{36}\.sip\.vapi\.ai",
    "livekit_sip_subdomain": r"[a-z0-9-]+\.sip\.livekit\.cloud;transport=tcp",
}


@given(st.text(max_size=40), st.sampled_from(sorted(HOSTS)))
def test_no_text_in_a_field_leads_the_call_to_another_host(text: str, field: str) -> None:
    provider, _, _ = field.partition("_")
    if not config_faults(provider, {field: text}):
        assert re.fullmatch(f"sip:{HOSTS[field]}", sip_uri(provider, {field: text}))


ALPHABET = st.sampled_from("sip:@;=?%[]<>. \r\n\t\"'/\\0aA9+-_\x00\x7f\u00e9\u2028")


@given(st.text(ALPHABET, max_size=40))
def test_nothing_that_breaks_a_header_is_ever_fine(tail: str) -> None:
    url = "sip:" + tail
    if sip_uri_fault(url) is None:
        assert url.isascii()
        assert not set(url) & set(' \t\r\n<>"\\?\x00\x7f')
        assert url.count("@") <= 1
