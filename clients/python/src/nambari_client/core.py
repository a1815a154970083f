"""How does a request become HTTP, an answer an object, a failure an exception, and when is it sent again?

All of it without IO, so that the synchronous and the asynchronous client have nothing of their own but the sending.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
import msgspec
from tenacity import RetryCallState, stop_after_attempt, wait_exponential, wait_random

from nambari_client.errors import (
    BY_CODE,
    ApiError,
    ConnectionFailed,
    IdempotencyConflict,
    InvalidArgument,
    NambariError,
    NoApiKey,
    RateLimitExceeded,
    ServiceUnavailable,
    UnexpectedAnswer,
)
from nambari_client.request import NO_TEXT, Request

Answer = TypeVar("Answer")

VERSION = "0.1.0"
API_KEY = "NAMBARI_API_KEY"
BASE_URL = "NAMBARI_BASE_URL"
DEFAULT_BASE_URL = "http://127.0.0.1:8000"
CONNECT_SECONDS = 10.0
GATEWAYS = frozenset({502, 503, 504})
"""What a proxy in between answers for a server that it did not hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a request is sent at most, and how long is waited in between.

    A server that asks for a longer wait than `longest_wait_seconds` is not waited for: the refusal is raised.
    """

    attempts: int = 4
    first_wait_seconds: float = 0.25
    longest_wait_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class DayLimit:
    """How many requests the organization's plan allows in a day of UTC, and how many of them are left."""

    limit: int
    remaining: int


class ErrorBody(msgspec.Struct):
    error: str
    code: str
    details: dict[str, Any] | None = None
    request_id: str | None = None
    retry_after: float | None = None


class Core:
    """Whom a client asks, as whom, and how patiently."""

    def __init__(self, api_key: str | None, base_url: str | None, timeout_seconds: float, retries: Retries) -> None:
        """Raises NoApiKey, InvalidArgument."""
        self.base_url = read_base_url(base_url or os.environ.get(BASE_URL, "").strip() or DEFAULT_BASE_URL)
        self._key = read_key(api_key or os.environ.get(API_KEY, ""))
        self.timeout = httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._retries = retries
        self.day_limit: DayLimit | None = None
        """As the last answer told that told of it."""

    # ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def encoded(self, request: Request[Any]) -> httpx2.Request:
        """Raises InvalidArgument."""
        headers = {
            "x-api-key": self._key,
            "accept": "*/*" if request.answer is bytes else "application/json",
            "user-agent": f"nambari-client/{VERSION} python",
        }
        if request.idempotency_key is not None:
            headers["idempotency-key"] = request.idempotency_key
        content = None
        if request.file is not None:
            headers["content-type"], content = request.file.media_type, request.file.content
        if request.wait_seconds is not None:
            headers["prefer"] = f"wait={request.wait_seconds}"
        try:
            if request.body is not None:
                headers["content-type"], content = "application/json", msgspec.json.encode(request.body)
            return httpx2.Request(
                request.method,
                self.base_url + request.path,
                params=dict(request.query),
                headers=headers,
                content=content,
                extensions={"timeout": self._patience(request).as_dict()},
            )
        except UnicodeEncodeError:
            raise InvalidArgument(NO_TEXT) from None

    def _patience(self, request: Request[Any]) -> httpx2.Timeout:
        """Not shorter than the server was asked to take."""
        patience = httpx2.Timeout(self.timeout)
        if patience.read is not None:
            patience.read += request.wait_seconds or 0
        return patience

    # ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, request: Request[Answer], response: httpx2.Response) -> Answer:
        """The object that was answered. Raises ApiError, UnexpectedAnswer."""
        self.day_limit = _day_limit(response.headers) or self.day_limit
        if not response.is_success:
            raise refusal(response)
        if request.answer is bytes:
            return cast("Answer", read_file(response))
        try:
            found: Answer = msgspec.json.decode(response.content, type=request.answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _unexpected(response, f"its body cannot be read ({error})") from None
        return found

    def failure(self, request: Request[Any], error: httpx2.RequestError) -> ConnectionFailed:
        never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
        what = "cannot be reached" if never_sent else "did not answer"
        why = str(error) or type(error).__name__
        return ConnectionFailed(
            f"{self.base_url} {what} ({why}). Check the base URL and the network.",
            outcome_unknown=not never_sent,
            idempotency_key=request.idempotency_key,
        )

    # ── Once more ────────────────────────────────────────────────────────────────────────────────────────────────

    def retrying(self) -> dict[str, Any]:
        """What tenacity is to do."""
        retries = self._retries
        spread = wait_random(0, retries.first_wait_seconds)
        backoff = wait_exponential(retries.first_wait_seconds, max=retries.longest_wait_seconds) + spread

        def again(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if asked_wait(error) > retries.longest_wait_seconds:
                return False
            return may_repeat(error, first=state.attempt_number == 1)

        def wait(state: RetryCallState) -> float:
            """Never shorter than the server asked for; spread, so that those sent away do not come back together."""
            error = state.outcome.exception() if state.outcome else None
            asked = asked_wait(error)
            return asked + spread(state) if asked else backoff(state)

        return {"retry": again, "wait": wait, "stop": stop_after_attempt(max(1, retries.attempts)), "reraise": True}


def may_repeat(error: BaseException | None, *, first: bool) -> bool:
    """Whether sending again may help; it never does twice what was asked once, as it is sent under the same key.

    After a lost connection, an idempotency key that is in use is that of our own request, which is still running.
    """
    match error:
        case RateLimitExceeded() | ServiceUnavailable() | ConnectionFailed():
            return True
        case UnexpectedAnswer():
            return error.status in GATEWAYS
        case IdempotencyConflict():
            return not first
        case _:
            return False


def asked_wait(error: BaseException | None) -> float:
    """Seconds, 0 if the server did not say."""
    return (error.retry_after_seconds or 0.0) if isinstance(error, ApiError) else 0.0


def refusal(response: httpx2.Response) -> NambariError:
    """The exception of an answer that is no success."""
    try:
        body = msgspec.json.decode(response.content, type=ErrorBody)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _unexpected(response, "it is none of the API's answers")
    retry_after = body.retry_after if body.retry_after is not None else _seconds(response.headers)
    return BY_CODE.get(body.code, ApiError)(
        body.error,
        status=response.status_code,
        code=body.code,
        details=body.details,
        request_id=body.request_id or response.headers.get("x-request-id"),
        retry_after_seconds=retry_after,
    )


def read_file(response: httpx2.Response) -> bytes:
    """What a proxy in between shows as a page is none. Raises UnexpectedAnswer."""
    if not response.headers.get("content-disposition", "").startswith("attachment"):
        raise _unexpected(response, "it is no file to be saved")
    return response.content


def _unexpected(response: httpx2.Response, why: str) -> UnexpectedAnswer:
    next_ = "Try again in a moment." if response.status_code in GATEWAYS else "Check the base URL."
    return UnexpectedAnswer(
        f"{response.request.url} answered {response.status_code}, and {why}. {next_}",
        status=response.status_code,
        request_id=response.headers.get("x-request-id"),
    )


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _day_limit(headers: Mapping[str, str]) -> DayLimit | None:
    try:
        return DayLimit(int(headers["x-ratelimit-limit-day"]), int(headers["x-ratelimit-remaining-day"]))
    except (KeyError, ValueError):
        return None


def read_key(text: str) -> str:
    key = text.strip()
    if not key:
        raise NoApiKey(f"There is no API key. Set {API_KEY}, or give the client `api_key`.")
    if not (key.isascii() and key.isprintable()):
        raise InvalidArgument("The API key has letters that no key has. Copy it again.")
    return key


def read_base_url(text: str) -> str:
    """Without the `/v1` and the slash that it may end with: the paths of the operations begin with it."""
    url = text.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        if good and not (parts.query or parts.fragment) and url.isascii() and url.isprintable() and " " not in url:
            return url
    except ValueError:  # a port or an IPv6 address that is none
        pass
    raise InvalidArgument(f"{text!r} is no base URL, such as https://api.example.com or {DEFAULT_BASE_URL}.")
