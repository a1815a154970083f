"""How does an event or a question reach a webhook? One signed POST to a checked address, bounded in time and size."""

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpcore2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream
from standardwebhooks import Webhook

from nambari import __version__, traces
from nambari.domain.question import Heard
from nambari.domain.reach import Network, may_be_reached
from nambari.domain.routing import Cause
from nambari.domain.webhook import Outcome

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
MOST_BODY_BYTES = 16 * 1024
SHOWN_CHARACTERS = 1000
"""How much of an answer is told."""
KEPT_ALIVE_SECONDS = 10.0
KEPT_ALIVE = 64
RESOLVERS = 32

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host."""
MayShow = Callable[[str], bool]
"""Whether what this address answered may be told."""


@dataclass(frozen=True, slots=True)
class Message:
    url: str
    id: str
    now: datetime
    body: bytes
    secrets: tuple[str, ...]
    """The newest first; each signs."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Headers besides those of the signature, which does not cover them."""


class NotReachable(Exception):
    """The host's address is none that we connect to."""


@dataclass(frozen=True, slots=True)
class _Came:
    """What came back: `body` is its beginning, or the whole; `address` is whose it is, where that is known."""

    status: int
    body: bytes
    whole: bool
    address: str | None


def signed(message: Message) -> dict[str, str]:
    """The headers: Standard Webhooks' with a signature for each secret, and the older one with the newest secret."""
    text = message.body.decode()
    newest = base64.b64decode(message.secrets[0].removeprefix("whsec_"))
    return {
        "content-type": "application/json",
        "user-agent": f"Nambari/{__version__}",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(message.now.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(message.id, message.now, text) for each in message.secrets),
        "x-webhook-signature": "sha256=" + hmac.new(newest, message.body, hashlib.sha256).hexdigest(),
        **message.more,
    }


class CheckedBackend(AsyncNetworkBackend):
    """Resolves a name itself, checks every address it gets, and connects to one of those: nobody asks again."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network]) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._resolve = resolve
        self._allowed = allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("its name has no address") from None
        if not addresses:
            raise httpcore2.ConnectError("its name has no address")
        if not all(may_be_reached(each, self._allowed) for each in addresses):
            raise NotReachable
        failure: Exception = httpcore2.ConnectError()
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Sender:
    """Connections to receivers, kept for a while. Closed by `close`."""

    def __init__(
        self,
        allowed: Sequence[Network],
        ssl_context: ssl.SSLContext,
        may_show: MayShow,
        resolve: Resolve | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._may_show = may_show
        self._threads = ThreadPoolExecutor(RESOLVERS, "resolve")  # of our own: a slow name holds up nothing else
        self._total_seconds = total_seconds
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=None,
            max_keepalive_connections=KEPT_ALIVE,
            keepalive_expiry=KEPT_ALIVE_SECONDS,
            network_backend=CheckedBackend(resolve or self._ask_the_system, allowed),
        )

    async def close(self) -> None:
        await self._pool.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_the_system(self, host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def send(self, message: Message) -> Outcome:
        """One attempt. It raises nothing: whatever goes wrong is told in words, and what came back where it may be."""
        began = time.monotonic()
        status, body, error = None, None, None
        try:
            async with asyncio.timeout(self._total_seconds):
                came = await self._post(message)
            status = came.status
            body = _shown(came.body) if came.address and self._may_show(came.address) else None
        except (TimeoutError, httpcore2.TimeoutException):
            error = "There was no answer in time."
        except NotReachable:
            error = (
                "The host has an address that is private, loopback or otherwise not public, and not in"
                " NAMBARI_WEBHOOK_ALLOWED_NETWORKS."
            )
        except httpcore2.ConnectError as failure:
            error = _why_not_connected(failure)
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError, ValueError):
            error = "The connection broke, or what came back was no HTTP."
        else:
            error = _fault_of(status)
        milliseconds = round((time.monotonic() - began) * 1000)
        return Outcome(response_status=status, duration_ms=milliseconds, error=error, response_body=body)

    async def ask(self, message: Message) -> Heard | Cause:
        """What is answered, or the cause that nothing was. It raises nothing."""
        try:
            async with asyncio.timeout(self._total_seconds):
                came = await self._post(message)
        except (TimeoutError, httpcore2.TimeoutException):
            return Cause.WEBHOOK_TIMEOUT
        except (NotReachable, httpcore2.NetworkError, httpcore2.UnsupportedProtocol, OSError):
            return Cause.WEBHOOK_UNREACHABLE
        except (httpcore2.ProtocolError, ValueError):
            return Cause.WEBHOOK_UNREADABLE
        return Heard(came.status, came.body if came.whole else None)

    async def _post(self, message: Message) -> _Came:
        total = self._total_seconds
        timeouts = {"connect": CONNECT_SECONDS, "read": total, "write": total, "pool": CONNECT_SECONDS}
        headers = list(signed(message).items())
        with traces.span("POST", "client", http__request__method="POST") as span:
            if (here := traces.traceparent()) is not None:
                headers.append((traces.TRACEPARENT, here))
            async with self._pool.stream(
                "POST", message.url, headers=headers, content=message.body, extensions={"timeout": timeouts}
            ) as response:
                span.note(http__response__status_code=int(response.status))
                return await _come(response)


async def _come(response: Any) -> _Came:
    peer = response.extensions["network_stream"].get_extra_info("server_addr")
    body = b""
    async for part in response.aiter_stream():
        body += part
        if len(body) > MOST_BODY_BYTES:
            break  # the rest is of no use to us; the connection is closed with what is left
    whole = len(body) <= MOST_BODY_BYTES
    return _Came(int(response.status), body, whole, str(peer[0]) if peer else None)


def _shown(body: bytes) -> str:
    """The beginning as text: what is none of UTF-8 is replaced, and so is NUL, which the database does not take."""
    return body[: SHOWN_CHARACTERS * 4].decode(errors="replace")[:SHOWN_CHARACTERS].replace("\0", "\ufffd")


def _why_not_connected(failure: Exception) -> str:
    causes: list[BaseException] = []
    cause: BaseException | None = failure
    while cause is not None and len(causes) < 10:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return "The receiver's certificate is not valid for its name."
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "There was no secure connection: TLS failed."
    if "no address" in str(failure):
        return "The host's name has no address."
    return "The receiver took no connection."


def _fault_of(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"The receiver answered {status}: redirects are not followed. Give the address itself."
    return f"The receiver answered {status}; 200 to 299 is taken for received."
