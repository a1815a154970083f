"""Twilio, as far as we ask it, that is none: in the form of documents/twilio.json.gz, with what the document hides."""

import base64
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.carriers.faking import Asked, FakeCarrier
from tests.carriers.recorded import TWILIO_TAKEN, Recorded

ACCOUNT, TOKEN, TRUNK = "AC" + "0a" * 16, "twilio-secret-token", "TK" + "0b" * 16
KINDS = {"Local": "local", "Mobile": "mobile", "TollFree": "toll_free"}
PREFIX = f"/2010-04-01/Accounts/{ACCOUNT}"


@dataclass
class FakeTwilio(FakeCarrier):
    """`needs_address`: numbers that are sold to who has an address alone. `page_limit`: as if its pages were small."""

    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs_address: set[str] = field(default_factory=set)
    page_limit: int = 1000
    next_page: str | None = None
    """What is told as the next page, whatever it is."""

    def own(self, number: str, name: str) -> None:
        """A number on the account; `name` is what somebody called it."""
        sid = f"PN{len(self.asked):016x}{int(number[1:]):016x}"
        self.numbers[number] = {"sid": sid, "phone_number": number, "friendly_name": name, "trunk_sid": None}

    @property
    def owned(self) -> dict[str, str | None]:
        return {number: each["friendly_name"] for number, each in self.numbers.items()}

    @property
    def configured(self) -> set[str]:
        return {number for number, each in self.numbers.items() if each["trunk_sid"] == TRUNK}

    def named(self, asked: Asked) -> str:
        if "/AvailablePhoneNumbers/" in asked.path:
            return "search"
        if asked.method == "DELETE":
            return "release"
        if asked.method == "POST":
            return "order" if asked.path.endswith("/IncomingPhoneNumbers.json") else "configure"
        return "find" if "FriendlyName" in asked.query else "look" if "PhoneNumber" in asked.query else "list_owned"

    def does(self, what: str, asked: Asked) -> tuple[int, Any]:
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != wanted:
            return _no(401, 20003, "Authenticate")
        if what == "search":
            return self._search(asked)
        if what == "order":
            return self._order(asked.form)
        return self._list(asked) if asked.method == "GET" else self._change(what, asked)

    def _change(self, what: str, asked: Asked) -> tuple[int, Any]:
        sid = asked.path.rpartition("/")[2].removesuffix(".json")
        found = next((each for each in self.numbers.values() if each["sid"] == sid), None)
        if found is None or not asked.path.startswith(PREFIX):
            return _no(404, 20404, f"The requested resource {asked.path} was not found")
        if what == "release":
            del self.numbers[found["phone_number"]]
            return 204, None
        found |= _changes(asked.form)
        return 200, found

    def _search(self, asked: Asked) -> tuple[int, Any]:
        *_, country, kind = asked.path.removesuffix(".json").split("/")
        fits = []
        for number in sorted(self.for_sale - self.numbers.keys()):
            known = self.kind(number)
            digits = asked.query.get("Contains", "")
            begins = digits.startswith("+")
            if (known.country, known.type) != (country, KINDS[kind]):
                continue
            if not (number.startswith(digits) if begins else digits in number):
                continue
            if asked.query.get("AreaCode") not in (None, known.area_code):
                continue
            needs = "any" if number in self.needs_address else "none"
            can = {"voice": True, "SMS": False, "MMS": False}
            fits.append({"phone_number": number, "capabilities": can, "address_requirements": needs})
        if not any((self.kind(each).country, self.kind(each).type) == (country, KINDS[kind]) for each in self.for_sale):
            return _no(404, 20404, f"The requested resource {asked.path} was not found")
        return 200, {"available_phone_numbers": fits[: int(asked.query["PageSize"])], "uri": asked.path}

    def _order(self, form: dict[str, str]) -> tuple[int, Any]:
        """One that is owned already is answered as if it were new, and renamed: danielberkompas/ex_twilio#116."""
        number = form["PhoneNumber"]
        if number not in self.numbers:
            if number not in self.for_sale:
                return _recorded(TWILIO_TAKEN)
            self.own(number, number)
        self.numbers[number] |= _changes(form)
        return 201, self.numbers[number]

    def _list(self, asked: Asked) -> tuple[int, Any]:
        """The filter by number finds those that have it as a part, too."""
        size = min(int(asked.query.get("PageSize", 50)), self.page_limit)
        page = int(asked.query.get("Page", 0))
        part = asked.query.get("PhoneNumber", "").removeprefix("+")
        name = asked.query.get("FriendlyName", "")  # the same is supposed of this filter
        found = [
            each
            for number, each in sorted(self.numbers.items())
            if part in number and each["friendly_name"].startswith(name)
        ]
        more = len(found) > (page + 1) * size
        following = f"{asked.path}?PageSize={size}&Page={page + 1}&PageToken=PA{page:032x}" if more else None
        answer = {"incoming_phone_numbers": found[page * size : (page + 1) * size], "page": page}
        return 200, answer | {"next_page_uri": self.next_page or following}


def _changes(form: dict[str, str]) -> dict[str, Any]:
    names = {"FriendlyName": "friendly_name", "TrunkSid": "trunk_sid", "VoiceUrl": "voice_url"}
    return {names[name]: value for name, value in form.items() if name in names}


def _no(status: int, code: int, message: str) -> tuple[int, Any]:
    return status, {"code": code, "message": message, "status": status}


def _recorded(recorded: Recorded) -> tuple[int, Any]:
    return recorded.status, msgspec.json.decode(recorded.body)
