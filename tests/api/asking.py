"""How the tests of the HTTP side ask, and read what they are told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2

from nambari_client import AsyncClient, Retries

READS = [
    ("GET", "/v1/phone-numbers", "numbers:read"),
    ("GET", "/v1/phone-numbers/available?country=GB", "numbers:read"),
    ("GET", "/v1/phone-numbers/pn_none", "numbers:read"),
    ("GET", "/v1/phone-numbers/pn_none/history", "numbers:read"),
    ("GET", "/v1/holds", "numbers:read"),
    ("POST", "/v1/phone-numbers/pn_none/test-route", "numbers:read"),
    ("GET", "/v1/endpoints", "endpoints:read"),
    ("GET", "/v1/endpoints/ep_none", "endpoints:read"),
    ("GET", "/v1/credits", "billing:read"),
    ("GET", "/v1/credits/transactions", "billing:read"),
    ("GET", "/v1/kyc", "kyc:read"),
    ("GET", "/v1/kyc/documents", "kyc:read"),
    ("GET", "/v1/kyc/documents/doc_none", "kyc:read"),
    ("GET", "/v1/kyc/documents/doc_none/content", "kyc:read"),
    ("GET", "/v1/porting-orders", "numbers:read"),
    ("GET", "/v1/porting-orders/port_none", "numbers:read"),
    ("GET", "/v1/port-outs", "numbers:read"),
    ("GET", "/v1/port-outs/pout_none", "numbers:read"),
    ("GET", "/v1/port-out-pin", "numbers:read"),
    ("GET", "/v1/audit", "api-keys:read"),
    ("GET", "/v1/api-keys", "api-keys:read"),
    ("GET", "/v1/api-keys/key_none", "api-keys:read"),
    ("GET", "/v1/events", "webhooks:read"),
    ("GET", "/v1/webhooks", "webhooks:read"),
    ("GET", "/v1/webhooks/wh_none", "webhooks:read"),
    ("GET", "/v1/webhooks/wh_none/deliveries", "webhooks:read"),
    ("GET", "/v1/webhooks/wh_none/deliveries/dlv_none/attempts", "webhooks:read"),
]
WRITES = [
    ("POST", "/v1/phone-numbers", "numbers:write"),
    ("PATCH", "/v1/phone-numbers/pn_none", "numbers:write"),
    ("DELETE", "/v1/phone-numbers/pn_none", "numbers:write"),
    ("POST", "/v1/phone-numbers/pn_none/restore", "numbers:write"),
    ("POST", "/v1/phone-numbers/pn_none/sip-credentials", "numbers:write"),
    ("DELETE", "/v1/phone-numbers/pn_none/sip-credentials", "numbers:write"),
    ("POST", "/v1/holds", "numbers:write"),
    ("DELETE", "/v1/holds/hold_none", "numbers:write"),
    ("POST", "/v1/endpoints", "endpoints:write"),
    ("PATCH", "/v1/endpoints/ep_none", "endpoints:write"),
    ("DELETE", "/v1/endpoints/ep_none", "endpoints:write"),
    ("POST", "/v1/kyc", "kyc:write"),
    ("POST", "/v1/kyc/documents?type=identity&country=GB", "kyc:write"),
    ("POST", "/v1/porting-orders", "numbers:write"),
    ("PATCH", "/v1/porting-orders/port_none", "numbers:write"),
    ("POST", "/v1/porting-orders/port_none/submit", "numbers:write"),
    ("POST", "/v1/porting-orders/port_none/cancel", "numbers:write"),
    ("POST", "/v1/port-out-pin", "numbers:write"),
    ("POST", "/v1/api-keys", "api-keys:write"),
    ("DELETE", "/v1/api-keys/key_none", "api-keys:write"),
    ("POST", "/v1/webhooks", "webhooks:write"),
    ("PATCH", "/v1/webhooks/wh_none", "webhooks:write"),
    ("DELETE", "/v1/webhooks/wh_none", "webhooks:write"),
    ("POST", "/v1/webhooks/wh_none/rotate-secret", "webhooks:write"),
    ("POST", "/v1/webhooks/wh_none/deliveries/dlv_none/replay", "webhooks:write"),
    ("POST", "/v1/webhooks/wh_none/replay", "webhooks:write"),
]
OF_OPERATORS = [
    ("POST", "/v1/routing/inbound", "routing:read"),
    ("POST", "/v1/routing/outbound", "routing:read"),
    ("POST", "/v1/routing/credentials", "routing:read"),
]
AGENT = {"name": "Reception", "type": "agent", "url": "sip:reception@sip.example.com"}
WEBHOOK = {"name": "Own logic", "type": "webhook", "url": "https://example.com/calls"}


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The details of a refusal of this status and code, in the one form that refusals have."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["code"] == code, body
    known = {"error", "code", "details", "request_id"} | ({"retry_after"} if status == 429 else set())
    assert set(body) <= known, body
    assert body["error"].endswith(".")
    assert body["request_id"].startswith("req_")
    assert answer.headers["content-type"] == "application/json"
    return dict(body.get("details", {}))


async def first_refusal(client: httpx2.AsyncClient, path: str, from_: float) -> httpx2.Response:
    """Ask until it is refused, as whatever is asked after that instant of the monotonic clock has to be."""
    while True:
        asked_at = time.monotonic()
        answer = await client.get(path)
        if answer.status_code != 200:
            return answer
        assert asked_at < from_


def faults(answer: httpx2.Response) -> dict[str, str]:
    """Of a VALIDATION_ERROR: field → message."""
    details = refused(answer, 400, "VALIDATION_ERROR")
    assert set(details) == {"fields"}
    assert all(set(each) == {"field", "message"} for each in details["fields"])
    return {each["field"]: each["message"] for each in details["fields"]}


def but_for_the_id(answer: httpx2.Response) -> bytes:
    """The whole of a refusal, without what names the request."""
    return answer.content.replace(answer.json()["request_id"].encode(), b"")


class Through(httpx2.AsyncBaseTransport):
    """What our client library sends goes by the connection of a test; `answered` is what came of it, as it came."""

    answered: httpx2.Response

    def __init__(self, connection: httpx2.AsyncClient) -> None:
        self._connection = connection

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
        self.answered = await self._connection.request(
            request.method, request.url.raw_path.decode(), content=await request.aread(), headers=headers
        )
        return httpx2.Response(self.answered.status_code, headers=self.answered.headers, content=self.answered.content)


async def done(client: httpx2.AsyncClient, ask: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """What is answered to our client library, which reads it as well, and asks once. Raises what it raises."""
    through, key, url = Through(client), client.headers["x-api-key"], str(client.base_url)
    async with AsyncClient(key, base_url=url, transport=through, retries=Retries(attempts=1)) as library:
        await ask(library)
    return through.answered.json()


async def bought(client: httpx2.AsyncClient, inventory_id: str, **fields: Any) -> dict[str, Any]:
    number: dict[str, Any] = await done(client, lambda library: library.purchase_phone_number(inventory_id, **fields))
    return number


async def made(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    endpoint: dict[str, Any] = await done(client, lambda library: library.create_endpoint(**{**AGENT, **fields}))
    return endpoint


async def listed(client: httpx2.AsyncClient, query: str = "") -> list[str]:
    """The ids on this page of the numbers."""
    answer = await client.get(f"/v1/phone-numbers?{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["phone_numbers"]]


async def fed(body: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    """What is put in, until nothing is."""
    while chunk := await body.get():
        body.task_done()
        yield chunk
