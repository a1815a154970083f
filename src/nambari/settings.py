"""Which settings exist, of what type, with what default? The only reader of the environment.

A setting is one field below: `NAMBARI_` and its name in capitals is the variable that sets it.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import platformdirs

PREFIX = "NAMBARI_"
OF_CUSTOMERS = frozenset({"NAMBARI_API_KEY", "NAMBARI_BASE_URL"})
"""What the Python client and the customer's commands read. The service lets them stand, and takes nothing from them."""
_AGING_RULE = re.compile(
    r"(?:[A-Z]{2}(?:/(?:local|mobile|toll_free))?=)?(?:[0-9]{1,3}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)"
)
_POSTGRESQL = ("postgresql://", "postgres://")
_WAIT = re.compile(r"[0-9]{1,7}")


class InvalidSetting(ValueError):
    """A variable of the environment does not hold what its setting needs; the text says which and why."""


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


def _secret(meaning: str) -> Any:
    """Never shown: not by `nambari doctor`, not in an error, and not where settings are printed by mistake."""
    return field(default="", repr=False, metadata={"meaning": meaning, "secret": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    database_url: str = _setting(
        "",
        "The PostgreSQL (15 or newer) to use, as a URL; empty runs an embedded server under the data folder.",
    )
    pooler_url: str = _setting(
        "",
        "A PgBouncer in transaction mode in front of that PostgreSQL, as a URL: requests and sweeps go through it. What"
        " needs a session, as migrations, imports and backups do, goes to NAMBARI_DATABASE_URL itself.",
    )
    replica_url: str = _setting(
        "",
        "A streaming replica of that PostgreSQL, as a URL: searches, lists, history and statements are read there"
        " while it has what the organization that asks has written; else, and for all the rest, the primary is asked.",
    )
    replica_lag_seconds: float = _setting(
        1.0, "How old what a replica shows may be, seconds, above 0 and at most 60; behind by more, it is not asked."
    )
    data_dir: Path = _setting(
        Path(platformdirs.user_data_dir("nambari", appauthor=False)),
        "The folder in which the embedded PostgreSQL keeps its data.",
    )
    database_connections: int = _setting(10, "How many connections one process keeps to the database, 1 to 500.")
    database_timeout_seconds: float = _setting(
        10.0, "How long a request waits for the database, seconds, before it is answered with 503."
    )
    client_connections: int = _setting(
        10_000,
        "How many connections of clients one process keeps open, 10 to 1000000, and no more than the system grants it;"
        " then the one that has waited longest makes room.",
    )
    currency: str = _setting("USD", "The ISO 4217 code of the one currency in which this deployment sells.")
    sip_domain: str = _setting("localhost", "The host in the SIP address that each phone number is given.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Comma-separated addresses or CIDRs of reverse proxies whose X-Forwarded-For is believed."
    )
    rate_limit_url: str = _setting(
        "",
        "The Valkey or Redis (valkey:// or redis://) in which all processes count requests together; empty lets each"
        " process count for itself, so that two let twice as many through, and a restart forgets the day.",
    )
    enterprise_requests_per_second: int = _setting(
        0, "How many requests per second an organization of the plan enterprise may make, at most 100,000; 0 for any."
    )
    enterprise_requests_per_day: int = _setting(
        0, "How many requests per day an organization of the plan enterprise may make; 0 for any number."
    )
    key_cache_seconds: float = _setting(
        0.5,
        "How long a process may rely on an API key it has read, 0 to 0.9: the longest a revoked key works on.",
    )
    idempotency_hours: int = _setting(
        24,
        "How long the answer to an Idempotency-Key is kept, hours, at least 24; the worker then removes it.",
    )
    grace_days: int = _setting(
        30, "How many days a number that is short of credits stays suspended before it is released, 1 to 365."
    )
    aging_days: tuple[str, ...] = _setting(
        (),
        "How many days a released number waits before it is for sale again, 0 to 3650, as `7,NG=30,NG/mobile=45`: for"
        " all, for a country, for a country's type. None: at once.",
    )
    suspended_inbound: str = _setting(
        "reject", "What becomes of calls to a suspended number: reject, or route. Calls from it are always rejected."
    )
    carrier_search_seconds: float = _setting(
        2.0, "How long a search waits for carriers, seconds, at most 20; what comes later is missing in the answer."
    )
    carrier_markup_percent: int = _setting(
        0,
        "What is added to a carrier's cost where the rate card has no line, percent, at most 1000; 0: what the rate"
        " card does not price is not for sale.",
    )
    telnyx_api_key: str = _secret("The API key of a Telnyx account, whose numbers are then sold; empty: none are.")
    telnyx_connection_id: str = _setting(
        "", "The id of the Telnyx connection (SIP trunk) over which calls to its numbers come to us."
    )
    telnyx_base_url: str = _setting(
        "https://api.telnyx.com/v2", "Where Telnyx's API is: https://, or http:// at a loopback address, for a trial."
    )
    twilio_account_sid: str = _setting(
        "", "The SID (AC…) of a Twilio account, whose numbers are then sold; empty: none are."
    )
    twilio_auth_token: str = _secret("The auth token of the Twilio account.")
    twilio_trunk_sid: str = _setting(
        "", "The SID (TK…) of the Twilio elastic SIP trunk over which calls to its numbers come to us."
    )
    twilio_voice_url: str = _setting(
        "", "Instead of a trunk: the https:// address that Twilio asks, in TwiML, what becomes of a call."
    )
    twilio_base_url: str = _setting(
        "https://api.twilio.com", "Where Twilio's API is: https://, or http:// at a loopback address, for a trial."
    )
    webhook_allowed_networks: tuple[str, ...] = _setting(
        (),
        "Comma-separated addresses or CIDRs, private or loopback, to which events and questions may be sent all the"
        " same; else they go to public addresses only.",
    )
    webhook_retry_seconds: tuple[str, ...] = _setting(
        (),
        "Comma-separated waits before each attempt to deliver an event, seconds, the first one's too, at most 50; none:"
        " at once, after 1 min, 5 min, 30 min, 2 h, then daily for 3 days.",
    )
    webhook_ca_file: str = _setting(
        "",
        "A PEM file of certificate authorities of your own, which receivers' certificates may be from besides those"
        " that are publicly known.",
    )
    webhook_answers: str = _setting(
        "public",
        "Of which receivers the log of deliveries shows the first 1,000 characters that they answered: public (those at"
        " public addresses), all (those in your allowed networks too), or none.",
    )
    delivery_log_days: int = _setting(
        30,
        "How many days the log keeps a delivery that arrived or was given up, 1 to 3650; the worker then removes it.",
    )
    traces_url: str = _setting(
        "",
        "Where OpenTelemetry's spans are sent, the whole OTLP/HTTP address, such as http://127.0.0.1:4318/v1/traces;"
        " empty makes none. It needs the extra nambari[traces], which reads its OTEL_ variables for all else.",
    )
    log_level: str = _setting("info", "What is logged: debug, info, warning or error.")


def variable(name: str) -> str:
    return PREFIX + name.upper()


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that this environment asks for.

    Raises InvalidSetting for a value of the wrong form, for a `NAMBARI_` variable that is no setting (a misspelt
    setting that is silently ignored costs its operator a night), and for a carrier that is set up by half.
    """
    settings = read_apart(environment)
    for sentence in half_set_up(settings):
        raise InvalidSetting(sentence)
    return settings


def read_apart(environment: Mapping[str, str]) -> Settings:
    """As `read`, each setting looked at by itself alone."""
    hints = get_type_hints(Settings)
    known = {variable(each.name): each.name for each in fields(Settings)}
    unknown = sorted(
        name for name in environment if name.startswith(PREFIX) and name not in known.keys() | OF_CUSTOMERS
    )
    if unknown:
        raise InvalidSetting(f"{unknown[0]} is no setting of Nambari. `nambari doctor` lists those that are.")
    given = {
        name: _parse(name, environment[name], hints[known[name]]) for name in known if environment.get(name, "").strip()
    }
    settings = Settings(**{known[name]: value for name, value in given.items()})
    _check(settings)
    return settings


def half_set_up(settings: Settings) -> list[str]:
    """What is missing of a carrier, in a sentence each: it is set up wholly, or not at all."""
    key, connection = variable("telnyx_api_key"), variable("telnyx_connection_id")
    sid, token = variable("twilio_account_sid"), variable("twilio_auth_token")
    trunk, voice = variable("twilio_trunk_sid"), variable("twilio_voice_url")
    missing = []
    if bool(settings.telnyx_api_key) != bool(settings.telnyx_connection_id):
        missing.append(f"{key} and {connection} go together: set both to sell Telnyx's numbers, or none.")
    if bool(settings.twilio_account_sid) != bool(settings.twilio_auth_token):
        missing.append(f"{sid} and {token} go together: set both to sell Twilio's numbers, or none.")
    ways = [bool(settings.twilio_trunk_sid), bool(settings.twilio_voice_url)].count(True)
    if settings.twilio_account_sid and ways != 1:
        missing.append(f"Set {trunk} or {voice}, one of both: where Twilio sends calls to its numbers.")
    if ways and not settings.twilio_account_sid:
        missing.append(f"{trunk} and {voice} are of use with {sid} alone: set that too, or unset these.")
    return missing


def _parse(name: str, text: str, wanted: Any) -> Any:
    text = text.strip()
    try:
        if wanted is Path:
            return Path(text).expanduser()
        if wanted == tuple[str, ...]:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return wanted(text)
    except ValueError:
        kind = {int: "a whole number", float: "a number"}[wanted]
        raise InvalidSetting(f"{name} must be {kind}, not {text!r}.") from None


def _check_addresses(settings: Settings) -> None:
    """What is not one is not told back: it may hold a password."""
    forms = {
        "database_url": (_is_postgresql, "a postgresql:// URL"),
        "pooler_url": (_is_postgresql, "a postgresql:// URL"),
        "replica_url": (_is_postgresql, "a postgresql:// URL"),
        "rate_limit_url": (_names_a_counter, "a valkey:// or redis:// URL"),
        "traces_url": (_is_web_address, "an http:// or https:// URL"),
    }
    for name, (fits, form) in forms.items():
        url = getattr(settings, name)
        if url and not fits(url):
            raise InvalidSetting(f"{variable(name)} must be {form}.")


def _is_postgresql(url: str) -> bool:
    return url.startswith(_POSTGRESQL)


def _check(settings: Settings) -> None:
    def need(holds: bool, name: str, rule: str) -> None:  # noqa: FBT001 - a condition, not a flag
        if not holds:
            raise InvalidSetting(f"{variable(name)} must be {rule}, not {getattr(settings, name)!r}.")

    _check_addresses(settings)
    most = 100_000  # each is remembered for a second
    need(0 <= settings.enterprise_requests_per_second <= most, "enterprise_requests_per_second", f"0 to {most}")
    need(0 <= settings.enterprise_requests_per_day < 2**31, "enterprise_requests_per_day", "0 to 2147483647")
    need(0 < settings.replica_lag_seconds <= 60, "replica_lag_seconds", "above 0 and at most 60")
    need(1 <= settings.database_connections <= 500, "database_connections", "between 1 and 500")
    need(0 < settings.database_timeout_seconds <= 600, "database_timeout_seconds", "above 0 and at most 600")
    need(10 <= settings.client_connections <= 1_000_000, "client_connections", "between 10 and 1000000")
    need(0 <= settings.key_cache_seconds <= 0.9, "key_cache_seconds", "between 0 and 0.9")
    need(0 < settings.carrier_search_seconds <= 20, "carrier_search_seconds", "above 0 and at most 20")
    need(0 <= settings.carrier_markup_percent <= 1000, "carrier_markup_percent", "between 0 and 1000")
    need(1 <= settings.grace_days <= 365, "grace_days", "between 1 and 365")
    places = [rule.rpartition("=")[0] for rule in settings.aging_days]
    each_once = len(set(places)) == len(places)
    need(
        each_once and all(map(_AGING_RULE.fullmatch, settings.aging_days)),
        "aging_days",
        "like `7,NG=30,NG/mobile=45`, each place once, in days up to 3650",
    )
    need(settings.suspended_inbound in {"reject", "route"}, "suspended_inbound", "reject or route")
    need(_holds_authorities(settings.webhook_ca_file), "webhook_ca_file", "a PEM file of certificates that can be read")
    need(settings.webhook_answers in {"public", "all", "none"}, "webhook_answers", "public, all or none")
    need(1 <= settings.delivery_log_days <= 3650, "delivery_log_days", "between 1 and 3650")
    need(settings.idempotency_hours >= 24, "idempotency_hours", "at least 24")
    currency = settings.currency
    need(
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper(),
        "currency",
        "three capital letters",
    )
    need(
        settings.log_level in {"debug", "info", "warning", "error"},
        "log_level",
        "debug, info, warning or error",
    )
    need(
        len(settings.webhook_retry_seconds) <= 50 and all(map(_WAIT.fullmatch, settings.webhook_retry_seconds)),
        "webhook_retry_seconds",
        "at most 50 whole numbers of seconds, each at most 9999999",
    )
    _check_carriers(settings)
    for name in ("trusted_proxies", "webhook_allowed_networks"):
        for each in getattr(settings, name):
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError:
                raise InvalidSetting(f"{variable(name)} must be addresses or CIDRs; {each!r} is neither.") from None


_FORMS = {
    "telnyx_api_key": (re.compile(r"[!-~]{8,300}"), "an API key as Telnyx shows it, without spaces"),
    "telnyx_connection_id": (re.compile(r"[0-9A-Za-z-]{1,64}"), "the id of a connection, as Telnyx shows it"),
    "twilio_account_sid": (re.compile(r"AC[0-9a-fA-F]{32}"), "AC and 32 hexadecimal digits"),
    "twilio_auth_token": (re.compile(r"[!-~]{8,300}"), "an auth token as Twilio shows it, without spaces"),
    "twilio_trunk_sid": (re.compile(r"TK[0-9a-fA-F]{32}"), "TK and 32 hexadecimal digits"),
    "twilio_voice_url": (re.compile(r"https://[!-~]{1,2000}"), "an https:// address"),
}


def _check_carriers(settings: Settings) -> None:
    """No value is repeated: one may have been put into the variable of another."""
    for name, (form, words) in _FORMS.items():
        if getattr(settings, name) and not form.fullmatch(getattr(settings, name)):
            raise InvalidSetting(f"{variable(name)} must be {words}.")
    for name in ("telnyx_base_url", "twilio_base_url"):
        if not _keeps_a_secret(getattr(settings, name)):
            raise InvalidSetting(f"{variable(name)} must be https://, or http:// at a loopback address, and no more.")


def _keeps_a_secret(url: str) -> bool:
    """Whether credentials may be sent there."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme == "http":
            return named and (parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback)
    except ValueError:
        return False
    return named and parts.scheme == "https"


def _holds_authorities(path: str) -> bool:
    """Looked at now: a worker that runs beside the service could tell nobody."""
    if not path:
        return True
    import ssl  # noqa: PLC0415 - most starts do without it

    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        return False
    return True


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _names_a_counter(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"valkey", "valkeys", "redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
