"""What does each refusal look like? Asked of the real application, over a database that gives what the case needs.

No sentence is written here: each comes from where the service itself takes it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NoReturn, cast

import httpx2
import msgspec
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from nambari.api.app import MOST_BODY_BYTES, application
from nambari.api.auth import KeyCache
from nambari.api.described import EXAMPLES
from nambari.api.errors import STATUS
from nambari.api.limits import own_limiter
from nambari.db.engine import DatabaseUnavailable
from nambari.domain import kyc
from nambari.domain.access import ORGANIZATION_SCOPES, Environment, Key
from nambari.domain.kyc import KycStatus
from nambari.domain.lifecycle import NumberStatus, StockStatus
from nambari.domain.limits import Plan, allowances
from nambari.domain.phone_number import FIELDS, PhoneNumber
from nambari.domain.pricing import Price
from nambari.domain.purchase import Facts, Order, StockItem, decide_purchase
from nambari.domain.refusals import CATALOGUE
from nambari.domain.release import Aging, decide_release
from nambari.domain.spending import UNBOUNDED, Bounds
from nambari.operations import idempotency
from nambari.operations.configure import endpoint_not_found, number_not_found
from nambari.settings import Settings
from nambari.wiring import Services

REQUEST_ID = "req_01k5v0q6f7d3n8r2w5y9b4t6kh"
NOW = datetime(2026, 9, 23, 9, 30, tzinfo=UTC)
SECRET = "kros_live_" + "x" * 32

KEY = Key(
    id="key_1",
    organization_id="org_1",
    environment=Environment.LIVE,
    name="",
    visible=SECRET[:12],
    scopes=frozenset(ORGANIZATION_SCOPES),
    allowed_ips=(),
    expires_at=None,
    revoked_at=None,
    last_used_at=None,
    created_at=NOW,
)
NUMBER = msgspec.convert({name: EXAMPLES["PhoneNumber"][name] for name in FIELDS}, PhoneNumber)
ITEM = StockItem(
    id=EXAMPLES["NumberOrder"]["inventory_id"],
    number=NUMBER.number,
    country=NUMBER.country,
    type=NUMBER.type,
    area_code=NUMBER.area_code,
    locality=NUMBER.locality,
    capabilities=["voice"],
    status=StockStatus.AVAILABLE,
    available_since=NOW,
    price=Price(NUMBER.setup_cost_cents, NUMBER.monthly_cost_cents),
)
FACTS = Facts(
    kyc_status=KycStatus.VERIFIED,
    available_cents=0,
    item=ITEM,
    held_by_another=False,
    endpoint_found=True,
    currency="USD",
)
ORDER = Order(inventory_id=ITEM.id)


@dataclass(frozen=True)
class Answer:
    """`text` is the body, laid out for reading."""

    status: int
    code: str
    text: str


@dataclass(frozen=True)
class Case:
    """A request, the key it is sent with, and what the database makes of it. Sent so often, the last answer counts."""

    key: Key | None = KEY
    method: str = "POST"
    path: str = "/v1/phone-numbers"
    sends: dict[str, Any] = field(default_factory=lambda: {"json": {"inventory_id": ITEM.id}})
    signed: bool = True
    times: int = 1
    outcome: Callable[[], object] = lambda: AssertionError("the database is not asked")


def _decided(order: Order = ORDER, bounds: Bounds = UNBOUNDED, **facts: Any) -> Callable[[], object]:
    return lambda: decide_purchase(order, replace(FACTS, **facts), "pn_1", NOW, bounds)


def _json(raw: bytes, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": raw, "headers": {"content-type": media_type}}


NO_BODY: dict[str, Any] = {}
ONE_NUMBER = f"/v1/phone-numbers/{NUMBER.id}"

CASES: dict[str, Case] = {
    "KYC_REQUIRED": Case(outcome=lambda: kyc.check_purchase(KycStatus.NOT_SUBMITTED)),
    "KYC_PENDING": Case(outcome=lambda: kyc.check_purchase(KycStatus.PENDING)),
    "INSUFFICIENT_BALANCE": Case(outcome=_decided(available_cents=100)),
    "NUMBER_NOT_AVAILABLE": Case(outcome=_decided(item=None)),
    "VALIDATION_ERROR": Case(sends={"json": {"inventory_id": 5, "colour": "red"}}),
    "INVALID_JSON": Case(sends=_json(b'{"inventory_id":')),
    "MISSING_API_KEY": Case(method="GET", sends=NO_BODY, signed=False),
    "INVALID_API_KEY": Case(method="GET", sends=NO_BODY, key=None),
    "API_KEY_EXPIRED": Case(method="GET", sends=NO_BODY, key=replace(KEY, expires_at=NOW - timedelta(days=1))),
    "INSUFFICIENT_SCOPE": Case(key=replace(KEY, scopes=frozenset({"numbers:read"}))),
    "IP_NOT_ALLOWED": Case(key=replace(KEY, allowed_ips=("192.0.2.0/24",))),
    "COUNTRY_NOT_ALLOWED": Case(outcome=_decided(bounds=Bounds(countries=("KE", "NG")))),
    "SPENDING_CAP_EXCEEDED": Case(outcome=_decided(bounds=Bounds(monthly_cap_cents=2000), spent_cents=1750)),
    "NUMBER_NOT_FOUND": Case(method="GET", path=ONE_NUMBER, sends=NO_BODY, outcome=number_not_found),
    "ENDPOINT_NOT_FOUND": Case(method="GET", path="/v1/endpoints/ep_1", sends=NO_BODY, outcome=endpoint_not_found),
    "NOT_FOUND": Case(method="GET", path="/v1/numbers", sends=NO_BODY),
    "METHOD_NOT_ALLOWED": Case(method="PUT", path=ONE_NUMBER, sends=NO_BODY),
    "IDEMPOTENCY_CONFLICT": Case(outcome=idempotency.still_running),
    "PRICE_CHANGED": Case(outcome=_decided(replace(ORDER, max_total_cents=300))),
    "INVALID_STATE": Case(
        method="DELETE",
        path=ONE_NUMBER,
        sends=NO_BODY,
        outcome=lambda: decide_release(replace(NUMBER, status=NumberStatus.PENDING), NOW, Aging({})),
    ),
    "DELETION_LOCKED": Case(
        method="DELETE",
        path=ONE_NUMBER,
        sends=NO_BODY,
        outcome=lambda: decide_release(replace(NUMBER, deletion_lock=True), NOW, Aging({})),
    ),
    "PAYLOAD_TOO_LARGE": Case(sends=_json(b" " * (MOST_BODY_BYTES + 1))),
    "UNSUPPORTED_MEDIA_TYPE": Case(sends=_json(b"inventory_id=inv_1", "application/x-www-form-urlencoded")),
    "RATE_LIMIT_EXCEEDED": Case(
        method="GET", sends=NO_BODY, key=replace(KEY, plan=Plan.FREE), times=11, outcome=number_not_found
    ),
    "INTERNAL_ERROR": Case(method="GET", sends=NO_BODY, outcome=ZeroDivisionError),
    "SERVICE_UNAVAILABLE": Case(method="GET", sends=NO_BODY, outcome=lambda: DatabaseUnavailable("refused")),
}


class _Database:
    """Whoever asks it gets the case's outcome: what the operation would have decided on what it read."""

    def __init__(self, outcome: Callable[[], object]) -> None:
        self._outcome = outcome

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[NoReturn]:
        outcome = self._outcome()
        assert isinstance(outcome, Exception), f"{outcome} is no refusal"
        raise outcome
        yield  # never reached: it makes this a generator

    writing = reading


class _OneKey(KeyCache):
    def __init__(self, key: Key | None) -> None:
        super().__init__(0)
        self._key = key

    async def find(self, services: Services, secret: str) -> tuple[float, Key | None]:  # noqa: ARG002 - as it is declared
        return 0.0, self._key


def examples() -> dict[str, Answer]:
    """By code. Those that nothing in the service raises yet are not among them."""
    return asyncio.run(_examples())


async def _examples() -> dict[str, Answer]:
    with structlog.testing.capture_logs():
        found = {code: await _ask(case) for code, case in CASES.items()}
    status_of = {reason.code: status for reason, status in STATUS.items()}
    for code, answer in found.items():
        assert (answer.code, answer.status) == (code, status_of[code]), (code, answer)
    return {reason.code: found[reason.code] for reason in CATALOGUE if reason.code in found}


async def _ask(case: Case) -> Answer:
    settings = Settings()
    app = application(settings, "postgresql://nowhere")
    app.state.services = Services(settings, cast("Any", _Database(case.outcome)), clock=lambda: NOW)
    app.state.key_cache = _OneKey(case.key)
    app.state.limiter = own_limiter(allowances(0, 0), _ticking())
    transport = httpx2.ASGITransport(app=cast("Any", _named(app)), raise_app_exceptions=False)
    headers = {"x-api-key": SECRET} if case.signed else {}
    async with httpx2.AsyncClient(transport=transport, base_url="http://nambari", headers=headers) as client:
        for _ in range(case.times):
            answer = await client.request(case.method, case.path, **case.sends)
    text = msgspec.json.format(answer.content, indent=2).decode()
    return Answer(answer.status_code, answer.json()["code"], text)


def _ticking() -> Callable[[], float]:
    """A clock on which a request takes a few milliseconds."""
    ticks = count()
    return lambda: NOW.timestamp() + next(ticks) / 128


def _named(app: ASGIApp) -> ASGIApp:
    """As the service does it, but with the same name for every request."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["request_id"] = REQUEST_ID
        await app(scope, receive, send)

    return wrapped
