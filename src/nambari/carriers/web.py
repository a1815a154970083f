"""How is a carrier asked over HTTP, and what is known of it when no good answer comes? Bounded in time and size.

A question (GET) does nothing, whatever becomes of it. A deed may have been done, unless the carrier surely never got it
or says in its own words that it did not.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import msgspec

from nambari import __version__
from nambari.carriers.base import Refused, RefusedFor, Unavailable, Unsure

CONNECT_SECONDS = 5.0
QUESTION_SECONDS = 9.0
DEED_SECONDS = 18.0
"""A deed and the question before it are over before operations/fill.py stops to wait."""
MOST_ANSWER_BYTES = 8_000_000
"""A page of 1,000 numbers has about 1.2 MB at Twilio."""
CONNECTIONS = 20
KEPT_ALIVE_SECONDS = 30.0
LONGEST_TEXT = 500
HIDDEN = "****"

Shape = TypeVar("Shape")

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class No:
    """What the carrier says when it says no, in its own form: its codes, and its words."""

    codes: frozenset[str]
    text: str


ReadNo = Callable[[bytes], "No | None"]
"""Reads an answer as the carrier's own no; None if it is none: a proxy on the way may have answered."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None


class SaidNo(Exception):
    """A question or a deed was answered with 4xx, in the carrier's own form: nothing was done."""

    def __init__(self, status: int, no: No) -> None:
        super().__init__(f"{status} {', '.join(sorted(no.codes))}: {no.text}")
        self.status = status
        self.codes = no.codes


class Web:
    """Connections to one carrier, kept for a while. `secrets` are in no text that is raised. Closed by `close`."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        secrets: tuple[str, ...],
        read_no: ReadNo,
        ssl_context: ssl.SSLContext,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._secrets = secrets
        self._read_no = read_no
        # Not compressed: what is bounded is what comes over the wire. Nothing is taken from the environment, no
        # proxy and no .netrc: the carrier's credentials are those of the settings.
        own = {"user-agent": f"Nambari/{__version__}", "accept": "application/json", "accept-encoding": "identity"}
        self._client = httpx2.AsyncClient(
            headers={**own, **headers},
            verify=ssl_context,
            trust_env=False,
            timeout=httpx2.Timeout(DEED_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx2.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS,
                keepalive_expiry=KEPT_ALIVE_SECONDS,
            ),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, path: str, shape: type[Shape], params: Mapping[str, str] | None = None) -> Shape:
        """What a question is answered. Raises SaidNo, and Unavailable for all else: nothing was done by it."""
        try:
            answer = await self._send("GET", path, QUESTION_SECONDS, params=params or None)
        except (TimeoutError, httpx2.HTTPError) as error:
            raise Unavailable(f"no answer to a question ({type(error).__name__})") from None
        self._come_again(answer)
        if answer.status == httpx2.codes.OK:
            try:
                return msgspec.json.decode(answer.body, type=shape)
            except (msgspec.MsgspecError, UnicodeError):
                raise Unavailable("an answer to a question that cannot be read") from None
        no = self._no(answer)
        if no is not None:
            raise SaidNo(answer.status, no)
        raise Unavailable(f"{answer.status} to a question")

    async def do(
        self,
        method: str,
        path: str,
        shape: type[Shape],
        *,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Shape:
        """What a deed is answered. Raises SaidNo and Unavailable where it was surely not done, and Unsure."""
        try:
            answer = await self._send(method, path, DEED_SECONDS, json=json, data=form)
        except _NOT_SENT as error:
            raise Unavailable(f"not reached ({type(error).__name__})") from None
        except (TimeoutError, httpx2.HTTPError) as error:
            raise Unsure(f"no answer ({type(error).__name__})") from None
        self._come_again(answer)
        if httpx2.codes.is_success(answer.status):
            try:
                return msgspec.json.decode(answer.body or b"null", type=shape)
            except (msgspec.MsgspecError, UnicodeError):
                raise Unsure(f"{answer.status}, and an answer that cannot be read") from None
        no = self._no(answer)
        if no is not None:
            raise SaidNo(answer.status, no)
        raise Unsure(f"{answer.status}, and whether it is done is not known")

    async def _send(self, method: str, path: str, seconds: float, **what: Any) -> _Answer:
        """Raises TimeoutError after so many seconds in all, and what httpx2 raises."""
        async with asyncio.timeout(seconds), self._client.stream(method, self._base_url + path, **what) as response:
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > MOST_ANSWER_BYTES:
                    body.clear()  # nobody can read half an answer; the connection is closed with what is left
                    break
            return _Answer(response.status_code, bytes(body), response.headers.get("retry-after"))

    def _come_again(self, answer: _Answer) -> None:
        """429 is said before anything is done (RFC 6585, 4), and so is 503 by who tells when to come again."""
        if answer.status == httpx2.codes.TOO_MANY_REQUESTS or (
            answer.status == httpx2.codes.SERVICE_UNAVAILABLE and answer.retry_after is not None
        ):
            again = f", Retry-After: {answer.retry_after[:40]}" if answer.retry_after else ""
            raise Unavailable(f"{answer.status}{again}")

    def _no(self, answer: _Answer) -> No | None:
        """The carrier's own no. Raises Unavailable where it does not let us in: the operator's affair, no buyer's."""
        no = self._read_no(answer.body) if httpx2.codes.is_client_error(answer.status) else None
        if no is None:
            return None
        codes = ", ".join(sorted(no.codes))
        if answer.status == httpx2.codes.UNAUTHORIZED:  # without its words: Telnyx repeats the key there
            raise Unavailable(f"{answer.status} {codes}: it does not take our credentials")
        text = self._without_secrets(no.text)[:LONGEST_TEXT]
        if answer.status == httpx2.codes.FORBIDDEN:
            raise Unavailable(f"{answer.status} {codes}: it does not let us: {text}")
        return No(no.codes, text)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def refused(no: SaidNo, reasons: Mapping[RefusedFor, frozenset[str]]) -> Refused:
    """As the customer is told it: by the first of the reasons that has one of the carrier's codes."""
    for reason, codes in reasons.items():
        if no.codes & codes:
            return Refused(reason, str(no))
    return Refused(RefusedFor.OTHER, str(no))


def longest_digits(contains: str | None) -> str | None:
    """Of what a number must contain, the longest run without `*`: carriers' patterns differ, and all take digits."""
    runs = sorted((contains or "").split("*"), key=len)
    return runs[-1] if len(runs[-1]) >= 2 else None
