"""Where does a voice-agent platform want its inbound calls? One table: fields, SIP URI patterns, sources.

Also says whether a SIP URI that a customer gave us can be used. No database, no network, no rule of routing:
a URI without a user part gets the dialled number as its user later, in `routing`.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from string import Formatter

SIP_URI_MAX_LENGTH = 500


@dataclass(frozen=True, slots=True)
class ProviderField:
    """One key of `provider_config`. `pattern` is matched against the whole value."""

    name: str
    pattern: str
    max_length: int
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A platform. `uris` holds each published form; the one that names exactly the given fields is taken.

    A field that no form names is kept for the people who read the endpoint, and changes no URI.
    """

    name: str
    fields: tuple[ProviderField, ...]
    uris: tuple[str, ...]
    source: str


_PROVIDERS = (
    # The agent is found by the identifier before the @: the number as it was imported into ElevenLabs and
    # given to an agent there; the agent's id is no part of the URI. TLS (port 5061) is published too.
    Provider(
        name="elevenlabs",
        fields=(
            ProviderField(
                name="elevenlabs_agent_id",
                pattern=r"[A-Za-z0-9_-]+",
                max_length=64,
                required=True,
                meaning="The agent that the number is given to in ElevenLabs, such as agent_01jz8k3m5p7q9r",
            ),
        ),
        uris=("sip:sip.rtc.elevenlabs.io:5060;transport=tcp",),
        source="https://elevenlabs.io/docs/eleven-agents/phone-numbers/sip-trunking",
    ),
    # Two ways in. A Vapi SIP number is an address with a user of your choice, and its assistant answers. A
    # trunk credential has a host of its own, and the dialled number, imported into Vapi, picks the assistant.
    # The trunk's form: https://docs.vapi.ai/advanced/sip/sip-trunk
    Provider(
        name="vapi",
        fields=(
            ProviderField(
                name="vapi_sip_user",
                pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*",
                max_length=64,
                required=False,
                meaning="The user of a Vapi SIP number: my-agent, if its sipUri is sip:my-agent@sip.vapi.ai",
            ),
            ProviderField(
                name="vapi_credential_id",
                pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
                max_length=36,
                required=False,
                meaning="The id (a UUID) of the byo-sip-trunk credential in Vapi that the number belongs to",
            ),
        ),
        uris=("sip:{vapi_sip_user}@sip.vapi.ai", "sip:{vapi_credential_id}.sip.vapi.ai"),
        source="https://docs.vapi.ai/advanced/sip",
    ),
    # The agent is found by the number, imported into Retell and bound to an agent there. TCP is their advice.
    Provider(
        name="retell",
        fields=(
            ProviderField(
                name="retell_agent_id",
                pattern=r"[A-Za-z0-9_-]+",
                max_length=64,
                required=False,
                meaning="The agent that the number is bound to in Retell",
            ),
        ),
        uris=("sip:sip.retellai.com;transport=tcp",),
        source="https://docs.retellai.com/deploy/custom-telephony",
    ),
    # The project has a host of its own; its inbound trunk and dispatch rule find the agent by the number. The
    # regional form: https://docs.livekit.io/telephony/features/region-pinning/. The form with transport=tcp:
    # https://docs.livekit.io/telephony/start/providers/twilio/. One's own LiveKit server is `custom`.
    Provider(
        name="livekit",
        fields=(
            ProviderField(
                name="livekit_sip_subdomain",
                pattern=r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
                max_length=63,
                required=True,
                meaning="The project's SIP subdomain: its project id without p_, such as vjnxecm0tjk",
            ),
            ProviderField(
                name="livekit_region",
                pattern=r"eu|india|sa|us",
                max_length=10,
                required=False,
                meaning="Keeps the call in one region: eu, india, sa or us",
            ),
        ),
        uris=(
            "sip:{livekit_sip_subdomain}.sip.livekit.cloud;transport=tcp",
            "sip:{livekit_sip_subdomain}.{livekit_region}.sip.livekit.cloud;transport=tcp",
        ),
        source="https://docs.livekit.io/telephony/start/sip-trunk-setup/",
    ),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _PROVIDERS}

PROVIDER_NAMES: tuple[str, ...] = (*PROVIDERS, "custom")


def config_faults(provider: str, config: dict[str, object]) -> list[tuple[str, str]]:
    """What is wrong with a `provider_config`: (field, what to say after its name), nothing when it is right.

    `provider` is a key of PROVIDERS, or `custom`, which takes no configuration: its URI is given.
    """
    fields = {field.name: field for field in PROVIDERS[provider].fields} if provider in PROVIDERS else {}
    faults = [(name, _unknown_sentence(provider, list(fields))) for name in config if name not in fields]
    for field in fields.values():
        sentence = _field_fault(field, config.get(field.name))
        if sentence is not None:
            faults.append((field.name, sentence))
    if not faults and provider in PROVIDERS and _uri_form(PROVIDERS[provider], config) is None:
        faults.append(_form_fault(PROVIDERS[provider]))
    return faults


def sip_uri(provider: str, config: dict[str, object]) -> str:
    """The SIP URI that the platform publishes for this configuration, which must have no faults."""
    form = _uri_form(PROVIDERS[provider], config)
    if form is None:
        raise ValueError(f"No SIP URI of {provider} fits the fields {sorted(config)}.")
    return form.format_map(config)


def _field_fault(field: ProviderField, value: object) -> str | None:
    """A null is a field that was not given."""
    if value is None:
        return f"is required: {_clause(field.meaning)}" if field.required else None
    if not isinstance(value, str):
        return f"must be a string: {_clause(field.meaning)}"
    if len(value) > field.max_length:
        return f"must be at most {field.max_length} characters long: {_clause(field.meaning)}"
    if re.fullmatch(field.pattern, value) is None:
        return f"is not in the form that is expected: {_clause(field.meaning)}"
    return None


def _clause(meaning: str) -> str:
    return meaning[0].lower() + meaning[1:]


def _unknown_sentence(provider: str, known: list[str]) -> str:
    if not known:
        return f"is not a field of the provider {provider}; give its SIP URI as url"
    return f"is not a field of the provider {provider}, which takes {', '.join(known)}"


def uri_fields(form: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(form) if name)


def _uri_form(provider: Provider, config: dict[str, object]) -> str | None:
    given = {name for name, value in config.items() if value is not None}
    in_uris = frozenset[str]().union(*map(uri_fields, provider.uris))
    return next((form for form in provider.uris if uri_fields(form) == given & in_uris), None)


def _form_fault(provider: Provider) -> tuple[str, str]:
    """Each field is right and the set of them is not: too few, or two that exclude each other."""
    sets = [
        " with ".join(field.name for field in provider.fields if field.name in uri_fields(form))
        for form in provider.uris
    ]
    return provider.fields[
        0
    ].name, f"must fit the others: the provider {provider.name} takes just one of these: {', or '.join(sets)}"


# RFC 3261 §19.1.1, grammar in §25.1. A password, headers (?subject=…) and a ? in the user are legal there; an
# address that goes into a request line has no need of them, and each is a way to smuggle something in.
_EXAMPLE = "such as sip:agent@sip.example.com or sips:sip.example.com:5061;transport=tls"
_SIP_URI = re.compile(
    r"sips?:(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:;?]*)(?::(?P<port>[^;?]*))?(?P<rest>.*)",
    re.IGNORECASE,
)
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;/]|%[0-9A-Fa-f]{2})+")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9\-_.!~*'+%]+)(?:=(?P<value>[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+))?")
_CONTROL_ESCAPE = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_TRANSPORTS = frozenset({"udp", "tcp", "tls", "ws"})
_HOST_MAX_LENGTH = 253  # RFC 1035 §2.3.4, without the final dot
_PORT_MAX = 65535


def sip_uri_fault(url: str) -> str | None:
    """None for a SIP or SIPS URI that a call can be sent to; otherwise what it must be: the field's name begins it."""
    fault = _character_fault(url)
    if fault is not None:
        return fault
    parts = _SIP_URI.fullmatch(url)
    if parts is None:
        return f"must begin with sip: or sips:, {_EXAMPLE}"
    if "?" in parts["rest"] or "?" in (parts["user"] or ""):
        return f"must carry no headers: leave out the ? and what follows, {_EXAMPLE}"
    return (
        _user_fault(parts["user"])
        or _host_fault(parts["host"])
        or _port_fault(parts["port"])
        or _parameters_fault(parts["rest"])
    )


def _character_fault(url: str) -> str | None:
    if len(url) > SIP_URI_MAX_LENGTH:
        return f"must be at most {SIP_URI_MAX_LENGTH} characters long"
    if any(not "!" <= character <= "~" for character in url):
        return f"must have only ASCII letters, digits and signs, no spaces or line breaks, {_EXAMPLE}"
    if _CONTROL_ESCAPE.search(url):
        return "must not hide a control character behind a % escape"
    return None


def _user_fault(user: str | None) -> str | None:
    if user is None:
        return None
    if ":" in user:
        return f"must carry no password: leave out the : before the @, {_EXAMPLE}"
    if _USER.fullmatch(user) is None:
        return f"must have a name or number before the @, other characters escaped like %40, {_EXAMPLE}"
    return None


def _host_fault(host: str) -> str | None:
    if _is_ipv6(host) or _is_ipv4(host) or _is_name(host):
        return None
    return f"must have a host that is a domain name, an IPv4 address or an IPv6 address in [ ], {_EXAMPLE}"


def _is_ipv6(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")) or "%" in host:  # a zone means nothing to another machine
        return False
    try:
        IPv6Address(host[1:-1])
    except AddressValueError:
        return False
    return True


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_name(host: str) -> bool:
    """A name whose last label begins with a letter, so that 999.1.2.3 is no name."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= _HOST_MAX_LENGTH and all(map(_LABEL.fullmatch, labels)) and labels[-1][0].isalpha()


def _port_fault(port: str | None) -> str | None:
    if port is None or (re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= _PORT_MAX):
        return None
    return f"must have a port from 1 to {_PORT_MAX} or none, {_EXAMPLE}"


def _parameters_fault(rest: str) -> str | None:
    """`rest` is all that follows the host and port: nothing, or parameters, each after a ;."""
    before, *texts = rest.split(";")
    if before:
        return f"must have nothing behind the host but parameters like ;transport=tcp, {_EXAMPLE}"
    names: set[str] = set()
    for text in texts:
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None:
            return f"must have nothing behind the host but parameters like ;transport=tcp, {_EXAMPLE}"
        name = parameter["name"].lower()
        if name in names:
            return f"must have the parameter {name} once; it stands twice"
        if name == "transport" and (parameter["value"] or "").lower() not in _TRANSPORTS:
            return "must have a transport that is udp, tcp, tls or ws, as in ;transport=tcp"
        names.add(name)
    return None
