"""How does Telnyx sell numbers? Its API v2 behind our protocol: numbers, number orders and their words.

Facts are from https://developers.telnyx.com: number-orders, number-search, api-errors, rate-limiting. Our order id is
the `customer_reference` of the number order.
"""

import ssl
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal, InvalidOperation

import msgspec

from nambari.carriers.base import (
    Abilities,
    Found,
    Hit,
    OrderSlip,
    OrderState,
    Owned,
    Receipt,
    Refused,
    RefusedFor,
    Unavailable,
    Wanted,
)
from nambari.carriers.web import No, SaidNo, Web, longest_digits, refused

BASE_URL = "https://api.telnyx.com/v2"
PAGE_SIZE = 250
MOST_PAGES = 4_000
OUR_ORDERS = "ord_"
MOST_UNITS = 1_000_000_000
NOT_OURS = frozenset({"deleted", "purchase-pending", "purchase-failed", "port-pending", "port-failed", "ported-out"})
"""The statuses of numbers that are listed, and are not on our account: not yet, or no more."""

REASONS = {
    # 85001: it went to somebody else between search and order; 85006 to 85008: somebody has reserved it. Telnyx's list
    # was not read that far: the meaning is what other integrations take it for, and only words depend on it.
    RefusedFor.NUMBER_TAKEN: frozenset({"85001", "85006", "85007", "85008"}),
}


class _Cost(msgspec.Struct):
    currency: str | None = None
    monthly_cost: str | None = None
    upfront_cost: str | None = None


class _Feature(msgspec.Struct):
    name: str


class _Available(msgspec.Struct):
    phone_number: str
    features: list[_Feature] = msgspec.field(default_factory=list)
    cost_information: _Cost | None = None


class _Search(msgspec.Struct):
    data: list[_Available]


class _Ordered(msgspec.Struct):
    """One number of an order."""

    phone_number: str
    status: str | None = None
    requirements_met: bool | None = None


class _Order(msgspec.Struct):
    id: str
    status: str
    customer_reference: str | None = None
    phone_numbers: list[_Ordered] = msgspec.field(default_factory=list)


class _OrderAnswer(msgspec.Struct):
    data: _Order


class _Orders(msgspec.Struct):
    data: list[_Order]


class _Number(msgspec.Struct):
    id: str
    phone_number: str
    status: str | None = None
    connection_id: str | None = None
    customer_reference: str | None = None


class _Meta(msgspec.Struct):
    total_pages: int


class _Numbers(msgspec.Struct):
    data: list[_Number]
    meta: _Meta


class _Error(msgspec.Struct):
    code: str
    title: str = ""
    detail: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error]


def read_no(body: bytes) -> No | None:
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.MsgspecError, UnicodeError):
        return None
    text = "; ".join(each.detail or each.title for each in errors)
    return No(frozenset(each.code for each in errors), text) if errors else None


class Telnyx:
    """One account. Calls to its numbers come over the connection of this id."""

    name = "telnyx"
    abilities = Abilities()

    def __init__(self, api_key: str, connection_id: str, base_url: str, ssl_context: ssl.SSLContext) -> None:
        self._connection_id = connection_id
        self._web = Web(
            base_url,
            headers={"authorization": f"Bearer {api_key}"},
            secrets=(api_key,),
            read_no=read_no,
            ssl_context=ssl_context,
        )

    async def close(self) -> None:
        await self._web.close()

    async def check(self) -> None:
        await self._numbers(1, 1)

    async def search(self, wanted: Wanted, limit: int) -> Found:
        asked = {
            "country_code": wanted.country,
            "phone_number_type": wanted.type,
            "national_destination_code": wanted.area_code,
            "locality": wanted.locality,
            "phone_number][contains": longest_digits(wanted.contains),
            "limit": str(limit + 1),
        }
        params = {f"filter[{name}]": value for name, value in asked.items() if value is not None}
        params["filter[features][]"] = "voice"
        try:
            found = await self._web.ask("/available_phone_numbers", _Search, params)
        except SaidNo:
            return Found([])  # as it answers for a place that it does not cover
        hits = [_hit(each) for each in found.data]
        return Found(hits[:limit], more=len(hits) > limit)

    async def order(self, slip: OrderSlip) -> Receipt:
        known = await self.find(slip)
        if known is not None:
            return known
        wanted = {
            "phone_numbers": [{"phone_number": slip.number}],
            "connection_id": self._connection_id,
            "customer_reference": slip.id,
        }
        try:
            placed = await self._web.do("POST", "/number_orders", _OrderAnswer, json=wanted)
        except SaidNo as no:
            raise refused(no, REASONS) from None
        return _receipt(placed.data)

    async def find(self, slip: OrderSlip) -> Receipt | None:
        params = {"filter[customer_reference]": slip.id, "page[size]": str(PAGE_SIZE)}
        try:
            found = await self._web.ask("/number_orders", _Orders, params)
            ours = [each for each in found.data if each.customer_reference == slip.id]
            if not ours:
                return None
            # The list tells neither what became of each number nor, in time, that the order is done.
            asked = [await self._web.ask(f"/number_orders/{each.id}", _OrderAnswer) for each in ours]
        except SaidNo as no:
            raise Unavailable(f"a question about an order is refused: {no}") from None
        return _receipt(min((each.data for each in asked), key=_standing))

    async def configure(self, number: str) -> None:
        found = await self._find_number(number)
        if found is None:
            raise Refused(RefusedFor.OTHER, "no such number is on the account")
        if found.connection_id == self._connection_id:
            return
        change = {"connection_id": self._connection_id}
        try:
            await self._web.do("PATCH", f"/phone_numbers/{found.id}", object, json=change)
        except SaidNo as no:
            raise refused(no, REASONS) from None

    async def release(self, number: str) -> None:
        found = await self._find_number(number)
        if found is None:
            return
        try:
            await self._web.do("DELETE", f"/phone_numbers/{found.id}", object)
        except SaidNo as no:
            if no.status != 404:
                raise refused(no, REASONS) from None

    async def list_owned(self) -> Sequence[Owned]:
        """In the order of the numbers, so that one which comes or goes meanwhile hides no other for long."""
        found: dict[str, _Number] = {}
        for page in range(1, MOST_PAGES + 1):
            answer = await self._numbers(page, PAGE_SIZE)
            found |= {each.id: each for each in answer.data if each.status not in NOT_OURS}
            if page >= answer.meta.total_pages:
                return [Owned(number=each.phone_number, order_id=_order_of(each)) for each in found.values()]
        raise Unavailable(f"it lists more than {MOST_PAGES} pages of numbers")

    async def _numbers(self, page: int, size: int) -> _Numbers:
        params = {"page[number]": str(page), "page[size]": str(size), "sort": "phone_number"}
        try:
            return await self._web.ask("/phone_numbers", _Numbers, params)
        except SaidNo as no:
            raise Unavailable(f"it does not list its numbers: {no}") from None

    async def _find_number(self, number: str) -> _Number | None:
        params = {"filter[phone_number]": number.removeprefix("+")}  # with a + it finds nothing
        try:
            found = await self._web.ask("/phone_numbers", _Numbers, params)
        except SaidNo as no:
            raise Unavailable(f"it does not look for a number: {no}") from None
        return next((each for each in found.data if each.phone_number == number and each.status not in NOT_OURS), None)


def _hit(each: _Available) -> Hit:
    cost = each.cost_information or _Cost()
    return Hit(
        number=each.phone_number,
        reference=each.phone_number,
        capabilities=tuple(feature.name for feature in each.features),
        setup_cost_cents=cents(cost.upfront_cost),
        monthly_cost_cents=cents(cost.monthly_cost),
        currency=cost.currency,
    )


def cents(amount: str | None) -> int | None:
    """Of a decimal amount in whole units, a part of a cent counted as one; None if it is none that is asked."""
    try:
        exact = Decimal(amount) if amount else None
    except InvalidOperation:
        return None
    if exact is None or not exact.is_finite() or not 0 <= exact <= MOST_UNITS:
        return None
    return int((exact * 100).to_integral_value(ROUND_CEILING))


def _outcome(order: _Order) -> str:
    """Of the number, where it is told; else of the order."""
    return (order.phone_numbers[0].status if order.phone_numbers else None) or order.status


def _standing(order: _Order) -> int:
    """Where one id has several orders, what was delivered counts, then what is under way."""
    return {"success": 0, "failure": 2}.get(_outcome(order), 1)


def _receipt(order: _Order) -> Receipt:
    """Raises Refused for an order that has failed. A status that we do not know is not decided yet."""
    outcome = _outcome(order)
    number = order.phone_numbers[0] if order.phone_numbers else _Ordered("")
    if outcome == "failure":
        reason = RefusedFor.REQUIREMENTS if number.requirements_met is False else RefusedFor.OTHER
        raise Refused(reason, f"the number order {order.id} has failed")
    filled = outcome == "success" and number.phone_number
    return Receipt(state=OrderState.FILLED if filled else OrderState.UNDERWAY, number=number.phone_number)


def _order_of(number: _Number) -> str | None:
    reference = number.customer_reference or ""
    return reference if reference.startswith(OUR_ORDERS) else None
