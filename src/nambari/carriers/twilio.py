"""How does Twilio sell numbers? Its API 2010-04-01 behind our protocol: available and incoming phone numbers.

Facts are from https://www.twilio.com/docs/phone-numbers/api and https://www.twilio.com/docs/api/errors. Our order id is
the `FriendlyName` of the number.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping, Sequence

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
from nambari.domain.e164 import calling_code

BASE_URL = "https://api.twilio.com"
PAGE_SIZE = 1_000
MOST_PAGES = 1_000
OUR_ORDERS = "ord_"
KINDS = {"local": "Local", "mobile": "Mobile", "toll_free": "TollFree"}
NORTH_AMERICA = 1
"""The calling code where Twilio knows area codes."""

REASONS = {
    RefusedFor.NUMBER_TAKEN: frozenset({"21422"}),
    # An address (21613, 21615, 21631) or a regulatory bundle (21649, 21651) is missing, or is not approved. Of 21615
    # and 21651 no page of Twilio's was found; a code that is not here is a refusal for another reason, no more.
    RefusedFor.REQUIREMENTS: frozenset({"21613", "21615", "21631", "21649", "21651"}),
}


class _Available(msgspec.Struct):
    phone_number: str
    capabilities: dict[str, bool | None] = msgspec.field(default_factory=dict)
    address_requirements: str | None = None


class _Search(msgspec.Struct):
    available_phone_numbers: list[_Available]


class _Number(msgspec.Struct):
    sid: str
    phone_number: str
    friendly_name: str | None = None
    trunk_sid: str | None = None
    voice_url: str | None = None


class _Numbers(msgspec.Struct):
    incoming_phone_numbers: list[_Number]
    next_page_uri: str | None = None


class _Error(msgspec.Struct):
    code: int
    message: str = ""


def read_no(body: bytes) -> No | None:
    try:
        error = msgspec.json.decode(body, type=_Error)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return No(frozenset({str(error.code)}), error.message)


class Twilio:
    """One account. `points_to`: the parameters of a number that let its calls come to us."""

    name = "twilio"
    abilities = Abilities()

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        points_to: Mapping[str, str],
        base_url: str,
        ssl_context: ssl.SSLContext,
    ) -> None:
        self._account = f"/2010-04-01/Accounts/{account_sid}"
        self._owned = f"{self._account}/IncomingPhoneNumbers.json"
        self._points_to = points_to
        credentials = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._web = Web(
            base_url,
            headers={"authorization": f"Basic {credentials}"},
            secrets=(auth_token, credentials),
            read_no=read_no,
            ssl_context=ssl_context,
        )

    async def close(self) -> None:
        await self._web.close()

    async def check(self) -> None:
        await self._numbers(self._owned, {"PageSize": "1"})

    async def search(self, wanted: Wanted, limit: int) -> Found:
        kinds = [KINDS[wanted.type]] if wanted.type in KINDS else []
        if wanted.type is None:
            # Only local numbers have a place. The others are asked for at the same time: a buyer waits for this.
            kinds = ["Local"] if wanted.locality else list(KINDS.values())
        asked = (self._available(kind, wanted, limit + 1) for kind in kinds)
        hits: list[Hit] = []
        for answer in await asyncio.gather(*asked, return_exceptions=True):  # none is left running
            if isinstance(answer, BaseException):
                raise answer
            hits += answer
        return Found(hits[:limit], more=len(hits) > limit)

    async def _available(self, kind: str, wanted: Wanted, limit: int) -> list[Hit]:
        path = f"{self._account}/AvailablePhoneNumbers/{wanted.country}/{kind}.json"
        try:
            found = await self._web.ask(path, _Search, _filters(wanted, limit))
        except SaidNo as no:
            if no.status == 404:  # it sells no such numbers in this country
                return []
            raise Unavailable(f"a search is refused: {no}") from None
        return [_hit(each) for each in found.available_phone_numbers if each.address_requirements in (None, "none")]

    async def order(self, slip: OrderSlip) -> Receipt:
        """Looks first whether the number is ours: to buy it again is answered as if it were new, and renames it."""
        owned = await self._find_number(slip.number)
        if owned is not None:
            if owned.friendly_name == slip.id:
                return _receipt(owned)
            raise Refused(RefusedFor.NUMBER_TAKEN, "this number is on our account already")
        wanted = {"PhoneNumber": slip.number, "FriendlyName": slip.id, **self._points_to}
        try:
            bought = await self._web.do("POST", self._owned, _Number, form=wanted)
        except SaidNo as no:
            raise refused(no, REASONS) from None
        return _receipt(bought)

    async def find(self, slip: OrderSlip) -> Receipt | None:
        found = await self._numbers(self._owned, {"FriendlyName": slip.id})
        ours = [each for each in found.incoming_phone_numbers if each.friendly_name == slip.id]
        return _receipt(ours[0]) if ours else None

    async def configure(self, number: str) -> None:
        found = await self._find_number(number)
        if found is None:
            raise Refused(RefusedFor.OTHER, "no such number is on the account")
        if self._points_to == {"TrunkSid": found.trunk_sid} or (
            found.trunk_sid is None and self._points_to == {"VoiceUrl": found.voice_url}
        ):
            return
        try:
            await self._web.do("POST", self._path(found), _Number, form=self._points_to)
        except SaidNo as no:
            raise refused(no, REASONS) from None

    async def release(self, number: str) -> None:
        found = await self._find_number(number)
        if found is None:
            return
        try:
            await self._web.do("DELETE", self._path(found), object)
        except SaidNo as no:
            if no.status != 404:
                raise refused(no, REASONS) from None

    async def list_owned(self) -> Sequence[Owned]:
        found: dict[str, _Number] = {}
        page, params, asked = self._owned, {"PageSize": str(PAGE_SIZE)}, set[str]()
        for _ in range(MOST_PAGES):
            asked.add(page)
            answer = await self._numbers(page, params)
            found |= {each.sid: each for each in answer.incoming_phone_numbers}
            if not answer.next_page_uri:
                return [Owned(number=each.phone_number, order_id=_order_of(each)) for each in found.values()]
            page, params = answer.next_page_uri, {}
            if page in asked or not page.startswith(f"{self._owned}?"):
                raise Unavailable("the next page of its numbers is none")  # our credentials go nowhere else
        raise Unavailable(f"it lists more than {MOST_PAGES} pages of numbers")

    async def _numbers(self, path: str, params: Mapping[str, str]) -> _Numbers:
        try:
            return await self._web.ask(path, _Numbers, params)
        except SaidNo as no:
            raise Unavailable(f"it does not list its numbers: {no}") from None

    async def _find_number(self, number: str) -> _Number | None:
        found = await self._numbers(self._owned, {"PhoneNumber": number})  # it finds those that have it as a part, too
        return next((each for each in found.incoming_phone_numbers if each.phone_number == number), None)

    def _path(self, number: _Number) -> str:
        return f"{self._account}/IncomingPhoneNumbers/{number.sid}.json"


def _filters(wanted: Wanted, limit: int) -> dict[str, str]:
    """What Twilio can look for. Numbers that need an address are left out: an order of ours brings none."""
    told = {"VoiceEnabled": "true", "ExcludeAllAddressRequired": "true", "PageSize": str(min(limit, PAGE_SIZE))}
    if wanted.locality:
        told["InLocality"] = wanted.locality
    digits = longest_digits(wanted.contains)
    code = calling_code(wanted.country)
    if wanted.area_code and code == NORTH_AMERICA:
        told["AreaCode"] = wanted.area_code
    elif wanted.area_code and code is not None and digits is None:
        digits = f"+{code}{wanted.area_code}"  # from the beginning of the number
    return told | ({"Contains": digits[:16]} if digits else {})


def _hit(each: _Available) -> Hit:
    """Twilio tells no price with its numbers: the rate card prices them, or nobody."""
    has = tuple(name.lower() for name, there in each.capabilities.items() if there)
    return Hit(number=each.phone_number, reference=each.phone_number, capabilities=has)


def _receipt(number: _Number) -> Receipt:
    return Receipt(state=OrderState.FILLED, number=number.phone_number)


def _order_of(number: _Number) -> str | None:
    name = number.friendly_name or ""
    return name if name.startswith(OUR_ORDERS) else None
