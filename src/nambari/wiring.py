"""What is everything else given? The database, the clocks, new ids: built here once, from the settings."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from typeid import TypeID

from nambari.carriers.base import Carrier
from nambari.db import embedded, engine, revival
from nambari.db.engine import Database
from nambari.db.replica import TIMEOUT_SECONDS, Replica
from nambari.domain.access import SECRET_LENGTH, SECRET_LETTERS
from nambari.domain.question import Heard
from nambari.domain.reach import Network, networks
from nambari.domain.release import Aging
from nambari.domain.routing import Cause
from nambari.domain.webhook import WAITS, AnswersShown, may_show
from nambari.sending import TOTAL_SECONDS, Message, Resolve, Sender
from nambari.settings import InvalidSetting, Settings, variable


def read_clock() -> datetime:
    return datetime.now(UTC)


def read_unix_seconds() -> float:
    """The real time, for limits on load: whatever the clock of the business says, a second of load lasts a second."""
    return time.time()


def new_id(prefix: str) -> str:
    """A TypeID: the prefix and a UUIDv7, so that later ids sort later."""
    return str(TypeID(prefix=prefix))


def id_of(prefix: str, *what: str) -> str:
    """The one TypeID of what these texts name, whoever asks for it and however often: a UUIDv8 of their hash."""
    digest = bytearray(hashlib.sha256("\0".join(what).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562 5.8, which the standard library has from Python 3.14 on
    digest[8] = digest[8] & 0x3F | 0x80
    return str(TypeID.from_uuid(UUID(bytes=bytes(digest)), prefix))  # type: ignore[arg-type]


def new_secret_letters() -> str:
    return "".join(secrets.choice(SECRET_LETTERS) for _ in range(SECRET_LENGTH))


def new_webhook_secret() -> str:
    """In the form of Standard Webhooks, `whsec_` and base64; of 32 bytes, where it asks for 24 to 64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_token() -> str:
    """What a browser shows to be known again: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_password(password: str) -> str:
    """Argon2id with the library's parameters (RFC 9106) and a new salt, all in one text. Slow: 50 ms."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - only those whom an operator signs in to need it

    return PasswordHasher().hash(password)


def password_matches(password_hash: str, password: str) -> bool:
    """As slow as `hash_password`, whatever comes of it."""
    from argon2 import PasswordHasher  # noqa: PLC0415
    from argon2.exceptions import VerifyMismatchError  # noqa: PLC0415

    try:
        return PasswordHasher().verify(password_hash, password)
    except VerifyMismatchError:
        return False


def chance() -> float:
    """Between 0 and 1."""
    return secrets.SystemRandom().random()


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    clock: Callable[[], datetime] = read_clock
    new_id: Callable[[str], str] = new_id
    chance: Callable[[], float] = chance
    carriers: Mapping[str, Carrier] = field(default_factory=dict)
    """By name; none unless the settings name some. They are asked in the live environment alone."""
    replica: Replica | None = None
    """Where lists are read, if there is one: operations/look.py."""

    @property
    def webhook_networks(self) -> tuple[Network, ...]:
        """Where events may be sent although it is not public."""
        return _networks(self.settings.webhook_allowed_networks)

    @property
    def webhook_waits(self) -> Sequence[timedelta]:
        """How long before each attempt to deliver an event."""
        given = self.settings.webhook_retry_seconds
        return [timedelta(seconds=int(each)) for each in given] if given else WAITS

    @property
    def grace(self) -> timedelta:
        """How long a number that is short of credits stays suspended before it is released."""
        return timedelta(days=self.settings.grace_days)

    @property
    def aging(self) -> Aging:
        """How long a released number waits before it is for sale again."""
        return _aging(self.settings.aging_days)


_networks = cache(networks)


@cache
def _aging(rules: tuple[str, ...]) -> Aging:
    days = {}
    for rule in rules:
        where, _, count = rule.rpartition("=")
        country, _, type_ = where.partition("/")
        days[country, type_] = int(count)
    return Aging(days)


@dataclass(frozen=True, slots=True)
class Server:
    """The PostgreSQL we use: `dsn` reaches it; `close` leaves it, and stops it if it is embedded and we are last."""

    dsn: str
    close: Callable[[], None]
    kept_running: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """While its block lasts, an embedded server that ends is started again."""


def attach_server(settings: Settings) -> Server:
    """The server that the settings name, or the embedded one, started if need be. Blocks while it starts.

    Raises InvalidSetting where something stands in front of a server that is not named.
    """
    if settings.database_url:
        return Server(settings.database_url, lambda: None)
    for name in ("pooler_url", "replica_url"):
        if getattr(settings, name):
            raise InvalidSetting(f"{variable(name)} needs {variable('database_url')}: the server that it belongs to.")
    server = embedded.attach(settings.data_dir)
    return Server(server.dsn, server.close, partial(revival.kept_running, server))


SHARED_COUNTS_CLOSE_SECONDS = 1.0


class SharedCounts:
    """Counts in a Valkey or Redis. Nothing is asked of it before the first count; `failures` is what asking may raise.

    The methods are those of the library's storage. None bounds its wait, nor how many connections there are: each
    call takes one that is free, or opens another.
    """

    def __init__(self, storage: Any) -> None:
        self.failures: tuple[type[Exception], ...] = storage.base_exceptions
        self.incr: Callable[[str, int], Awaitable[int]] = storage.incr
        self.acquire_entry: Callable[[str, int, int], Awaitable[bool]] = storage.acquire_entry
        self.get_moving_window: Callable[[str, int, int], Awaitable[tuple[float, int]]] = storage.get_moving_window
        self.check: Callable[[], Awaitable[bool]] = storage.check


COUNTS_PORT = 6379
"""Of Redis and Valkey, in the register of IANA."""


def with_port(url: str) -> str:
    """The URL of shared counts, with the port that is meant where none is named: the library asks for one."""
    parts = urlsplit(url)
    if parts.port is not None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.removesuffix(':')}:{COUNTS_PORT}"))


@asynccontextmanager
async def open_shared_counts(url: str) -> AsyncIterator[SharedCounts]:
    # Who shares no counts does not load what does it: 0.2 s of a start.
    from limits.aio.storage import RedisStorage  # noqa: PLC0415
    from valkey.asyncio import ConnectionPool  # noqa: PLC0415

    url = with_port(url)
    # No time-out of its own: that is made with asyncio.wait_for, which before Python 3.12 may lose a cancellation,
    # so that who bounds the wait from outside would wait for its 5 s. And one that blocks loses connections by it.
    pool = ConnectionPool.from_url(url, socket_timeout=None)
    storage: Any = RedisStorage(url, implementation="valkey", key_prefix="nambari", connection_pool=pool)  # type: ignore[arg-type]
    try:
        yield SharedCounts(storage)
    finally:
        with contextlib.suppress(*storage.base_exceptions, OSError, TimeoutError):
            async with asyncio.timeout(SHARED_COUNTS_CLOSE_SECONDS):
                await pool.disconnect()


@asynccontextmanager
async def open_sender(services: Services, resolve: Resolve | None = None) -> AsyncIterator[Sender]:
    """What sends events to their receivers; `resolve` stands in for the system's way to find a host's addresses."""
    sender = _sender(services, resolve, TOTAL_SECONDS)
    try:
        yield sender
    finally:
        await sender.close()


ASKING_SECONDS = 2.0
"""How long a call waits for a webhook: name, connection, question and answer together."""
Asking: TypeAlias = Callable[[Message], Awaitable[Heard | Cause]]


@asynccontextmanager
async def open_asking(services: Services, resolve: Resolve | None = None) -> AsyncIterator[Asking]:
    """What asks webhooks where calls go. Nothing is made for it before the first question."""
    made: list[Sender] = []

    async def ask(message: Message) -> Heard | Cause:
        if not made:
            made.append(_sender(services, resolve, ASKING_SECONDS))
        return await made[0].ask(message)

    try:
        yield ask
    finally:
        for sender in made:
            await sender.close()


def _sender(services: Services, resolve: Resolve | None, total_seconds: float) -> Sender:
    import httpx2  # noqa: PLC0415 - a start without a worker does without it

    settings = services.settings
    context = httpx2.create_ssl_context(trust_env=False)
    if settings.webhook_ca_file:
        context.load_verify_locations(settings.webhook_ca_file)
    shown = partial(may_show, AnswersShown(settings.webhook_answers))
    return Sender(services.webhook_networks, context, shown, resolve, total_seconds)


@asynccontextmanager
async def open_carriers(settings: Settings) -> AsyncIterator[dict[str, Carrier]]:
    """Those that the settings name, by name. Nothing is asked of them yet."""
    # Most deployments sell their own stock alone, and their start does without what speaks to carriers.
    carriers: dict[str, Carrier] = {}
    async with contextlib.AsyncExitStack() as stack:
        if settings.telnyx_api_key:
            from nambari.carriers.telnyx import Telnyx  # noqa: PLC0415

            connection = settings.telnyx_connection_id
            telnyx = Telnyx(settings.telnyx_api_key, connection, settings.telnyx_base_url, _public_authorities())
            stack.push_async_callback(telnyx.close)
            carriers[telnyx.name] = telnyx
        if settings.twilio_account_sid:
            from nambari.carriers.twilio import Twilio  # noqa: PLC0415

            trunk, voice_url = settings.twilio_trunk_sid, settings.twilio_voice_url
            twilio = Twilio(
                settings.twilio_account_sid,
                settings.twilio_auth_token,
                {"TrunkSid": trunk} if trunk else {"VoiceUrl": voice_url},
                settings.twilio_base_url,
                _public_authorities(),
            )
            stack.push_async_callback(twilio.close)
            carriers[twilio.name] = twilio
        yield carriers


def _public_authorities() -> ssl.SSLContext:
    import httpx2  # noqa: PLC0415

    return httpx2.create_ssl_context(trust_env=False)


@asynccontextmanager
async def open_services(settings: Settings, dsn: str) -> AsyncIterator[Services]:
    pool = await engine.connect(
        settings.pooler_url or dsn,
        connections=settings.database_connections,
        timeout_seconds=settings.database_timeout_seconds,
        pooled=bool(settings.pooler_url),
    )
    database = Database(pool, dsn, settings.database_timeout_seconds)
    replica = _replica(settings)
    try:
        async with open_carriers(settings) as carriers:
            yield Services(settings, database, replica=replica, carriers=carriers)
    finally:
        await database.close()
        if replica is not None:
            await replica.close()


def _replica(settings: Settings) -> Replica | None:
    """It need not be there yet."""
    if not settings.replica_url:
        return None
    pool = engine.make_pool(
        settings.replica_url, connections=settings.database_connections, timeout_seconds=TIMEOUT_SECONDS
    )
    return Replica(pool, settings.replica_lag_seconds)
