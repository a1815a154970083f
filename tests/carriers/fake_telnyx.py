"""Telnyx, as far as we ask it, that is none: in the form of documents/telnyx.json.gz, with what the document hides."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from tests.carriers.faking import Asked, FakeCarrier
from tests.carriers.recorded import TELNYX_TAKEN

KEY, CONNECTION = "KEY-telnyx-secret", "1293384261075731499"


@dataclass
class FakeTelnyx(FakeCarrier):
    """Orders are pending when they are placed, and done when they are looked at, unless `never_done`.

    `monthly`: what each number costs, as it writes it. `page_limit`: as if its pages were small.
    """

    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: list[dict[str, Any]] = field(default_factory=list)
    """They are still listed, as deleted."""
    orders: list[dict[str, Any]] = field(default_factory=list)
    outcome: str = "success"
    requirements_met: bool = True
    monthly: str = "1.00000"
    page_limit: int = 250

    def own(self, number: str, reference: str | None, connection: str | None = None) -> None:
        made = {"id": f"{len(self.asked)}{number[1:]}", "phone_number": number, "status": "active"}
        self.numbers[number] = made | {"customer_reference": reference, "connection_id": connection}

    @property
    def owned(self) -> dict[str, str | None]:
        return {number: each["customer_reference"] for number, each in self.numbers.items()}

    @property
    def configured(self) -> set[str]:
        return {number for number, each in self.numbers.items() if each["connection_id"] == CONNECTION}

    def named(self, asked: Asked) -> str:
        if asked.path == "/v2/available_phone_numbers":
            return "search"
        if asked.path.startswith("/v2/number_orders"):
            return "order" if asked.method == "POST" else "find"
        if asked.method != "GET":
            return "release" if asked.method == "DELETE" else "configure"
        return "look" if "filter[phone_number]" in asked.query else "list_owned"

    def does(self, what: str, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return _no(401, "10009", "Authentication failed")
        if what == "search":
            return self._search(asked.query)
        if what == "order":
            return self._order(asked.json)
        if what == "find":
            return self._find(asked)
        return self._list(asked.query) if asked.method == "GET" else self._change(what, asked)

    def _change(self, what: str, asked: Asked) -> tuple[int, Any]:
        found = next((each for each in self.numbers.values() if each["id"] == asked.path.rpartition("/")[2]), None)
        if found is None:
            return _no(404, "10005", "Resource not found")
        if what == "release":
            self.gone.append(self.numbers.pop(found["phone_number"]) | {"status": "deleted"})
            return 200, {"data": self.gone[-1]}
        found |= asked.json
        return 200, {"data": found}

    def _search(self, query: dict[str, str]) -> tuple[int, Any]:
        fits = []
        for number in sorted(self.for_sale - self.numbers.keys()):
            known = self.kind(number)
            wanted = (
                ("filter[country_code]", known.country),
                ("filter[phone_number_type]", known.type),
                ("filter[national_destination_code]", known.area_code),
            )
            if all(query.get(name) in (None, value) for name, value in wanted):
                fits.append(number)
        if query["filter[country_code]"] not in {self.kind(each).country for each in self.for_sale}:
            return _no(400, "10015", "Bad Request")  # "no coverage, resulting in a 4xx response": advanced-orders
        cost = {"currency": "USD", "monthly_cost": self.monthly, "upfront_cost": "0.00000"}
        features = [{"name": "voice"}, {"name": "sms"}]
        told = [{"phone_number": each, "features": features, "cost_information": cost} for each in fits]
        return 200, {"data": told[: int(query["filter[limit]"])], "meta": {"total_results": len(fits)}}

    def _order(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        [number] = (each["phone_number"] for each in wanted["phone_numbers"])
        if number not in self.for_sale or number in self.numbers:
            return TELNYX_TAKEN.status, msgspec.json.decode(TELNYX_TAKEN.body)
        part = {"phone_number": number, "status": "pending", "requirements_met": self.requirements_met}
        order = {"id": str(UUID(int=len(self.orders) + 1)), "status": "pending", "phone_numbers": [part]}
        order |= {name: wanted[name] for name in ("customer_reference", "connection_id")}
        self.orders.append(order)
        self.own(number, wanted["customer_reference"], wanted["connection_id"])
        return 200, {"data": order}

    def _find(self, asked: Asked) -> tuple[int, Any]:
        if asked.path != "/v2/number_orders":
            [order] = (each for each in self.orders if each["id"] == asked.path.rpartition("/")[2])
            self._decide(order)
            return 200, {"data": order}
        wanted = asked.query["filter[customer_reference]"]
        # Whether the filter takes the whole alone is not told: here it finds more.
        found = [each for each in self.orders if each["customer_reference"].startswith(wanted)]
        brief = [each | {"phone_numbers": [{"id": "1", "phone_number": "+1"}]} for each in found]
        return 200, {"data": brief, "meta": _meta(1, len(found))}

    def _decide(self, order: dict[str, Any]) -> None:
        [part] = order["phone_numbers"]
        if part["status"] == "pending" and self.outcome != "pending":
            order["status"] = part["status"] = self.outcome
            if self.outcome == "failure":
                self.numbers.pop(part["phone_number"])

    def _list(self, query: dict[str, str]) -> tuple[int, Any]:
        """A filter with anything but digits finds nothing, as the document says."""
        part = query.get("filter[phone_number]", "")
        each_one = [*self.numbers.values(), *self.gone]
        found = [] if part and not part.isdigit() else [each for each in each_one if part in each["phone_number"]]
        size = min(int(query.get("page[size]", 20)), self.page_limit)
        page = int(query.get("page[number]", 1))
        return 200, {"data": found[(page - 1) * size : page * size], "meta": _meta(size, len(found))}


def _meta(size: int, count: int) -> dict[str, int]:
    return {"total_pages": -(-count // size), "total_results": count}


def _no(status: int, code: str, title: str) -> tuple[int, Any]:
    return status, {"errors": [{"code": code, "title": title, "detail": title}]}
