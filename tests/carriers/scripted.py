"""A carrier that is none: it keeps numbers in memory, and lies the way real ones do when a test tells it to."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

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
    Unsure,
    Wanted,
)
from nambari.domain.e164 import identify


class Lie(StrEnum):
    CUT = "done, and the answer lost"
    CUT_BEFORE = "not done, and nobody knows"
    AWAY = "surely not reached"
    THROTTLED = "come again later"
    REFUSED = "no"
    TAKEN = "sold to somebody else meanwhile"
    GARBLED = "done, and an answer that is none"
    HANGS = "no answer, ever"
    NATIONAL = "the number in another form"
    WRONG = "another number is delivered"
    UNDERWAY = "taken, and filled at the next look"
    LOST = "taken, and forgotten"
    TWICE = "one order stands there twice"
    SLOW = "as asked, and late"


WITHOUT_ANSWER = {
    Lie.AWAY: Unavailable("connection refused"),
    Lie.THROTTLED: Unavailable("429, come again in 1 s"),
    Lie.CUT_BEFORE: Unsure("the connection broke"),
    Lie.REFUSED: Refused(RefusedFor.OTHER, "422, no"),
    Lie.TAKEN: Refused(RefusedFor.NUMBER_TAKEN, "this number is gone"),
}
SLOW_SECONDS = 0.01
Tell = Callable[[str], Lie | None]
"""Whether to lie now, and how: given the name of what is asked."""


def honest(_: str) -> Lie | None:
    return None


@dataclass
class ScriptedCarrier:
    """`for_sale` are its numbers, `owned` those on our account by order; `asked` is what it was asked, in order.

    What is in `script` comes first, one for each call of that name; then `tell` decides.
    """

    name: str = "acme"
    for_sale: dict[str, Hit] = field(default_factory=dict)
    owned: dict[str, str | None] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    underway: dict[str, str] = field(default_factory=dict)
    configured: set[str] = field(default_factory=set)
    listed_twice: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    script: dict[str, deque[Lie | None]] = field(default_factory=dict)
    tell: Tell = honest
    abilities: Abilities = field(default_factory=Abilities)
    gate: asyncio.Event | None = None
    """Where it is there, an order waits for it before it is looked at: for whoever wants to be in between."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def offers(self, *numbers: str, monthly: int | None = None, currency: str = "USD") -> None:
        for number in numbers:
            self.for_sale[number] = Hit(
                number=number,
                reference=f"ref-{number}",
                setup_cost_cents=None if monthly is None else 0,
                monthly_cost_cents=monthly,
                currency=currency,
            )

    def will(self, asked: str, *lies: Lie | None) -> None:
        self.script.setdefault(asked, deque()).extend(lies)

    def times_asked(self, what: str) -> int:
        return sum(name == what for name, _ in self.asked)

    async def _lie(self, what: str, about: str) -> Lie | None:
        self.asked.append((what, about))
        queue = self.script.get(what)
        lie = queue.popleft() if queue else self.tell(what)
        await asyncio.sleep(SLOW_SECONDS if lie is Lie.SLOW else 0)  # somebody else may act, or die, in between
        if lie is Lie.HANGS:
            await asyncio.Event().wait()
        if lie in WITHOUT_ANSWER:
            raise WITHOUT_ANSWER[lie]
        return lie

    async def check(self) -> None:
        await self._lie("check", "")

    async def search(self, wanted: Wanted, limit: int) -> Found:
        lie = await self._lie("search", wanted.country)
        found = [each for number, each in sorted(self.for_sale.items()) if number not in self.owned]
        hits = [_spelled(each, lie) for each in found if identify(each.number, placed=False).country == wanted.country]
        return Found(hits[:limit], more=len(hits) > limit)

    async def order(self, slip: OrderSlip) -> Receipt:
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        lie = await self._lie("order", slip.id)
        if slip.id in self.orders:
            return self._receipt(slip, lie)
        if slip.number not in self.for_sale or slip.number in self.owned:
            raise Refused(RefusedFor.NUMBER_TAKEN, "somebody else has it")
        if lie is Lie.LOST:
            return Receipt(state=OrderState.UNDERWAY, number=slip.number)
        if lie is Lie.UNDERWAY:
            self.underway[slip.id] = slip.number
            return Receipt(state=OrderState.UNDERWAY, number=slip.number)
        number = slip.number
        if lie is Lie.WRONG:
            number = next(other for other in sorted(self.for_sale) if other not in {*self.owned, slip.number})
        self._fill(slip.id, number)
        if lie is Lie.TWICE:
            self.listed_twice.add(number)
        return self._receipt(slip, lie)

    def _fill(self, order_id: str, number: str) -> None:
        self.orders[order_id] = number
        self.owned[number] = order_id

    def _receipt(self, slip: OrderSlip, lie: Lie | None) -> Receipt:
        if lie is Lie.CUT:
            raise Unsure("read timed out")
        if lie is Lie.GARBLED:
            raise KeyError("data")
        number = self.orders[slip.id]
        return Receipt(state=OrderState.FILLED, number=_national(number) if lie is Lie.NATIONAL else number)

    async def find(self, slip: OrderSlip) -> Receipt | None:
        lie = await self._lie("find", slip.id)
        if slip.id in self.underway:
            self._fill(slip.id, self.underway.pop(slip.id))
        return self._receipt(slip, lie) if slip.id in self.orders else None

    async def configure(self, number: str) -> None:
        lie = await self._lie("configure", number)
        if number not in self.owned:
            raise Refused(RefusedFor.OTHER, "404, no such number")
        self.configured.add(number)
        if lie in (Lie.CUT, Lie.GARBLED):
            raise Unsure("read timed out")

    async def release(self, number: str) -> None:
        lie = await self._lie("release", number)
        self.owned.pop(number, None)
        self.listed_twice.discard(number)
        if lie in (Lie.CUT, Lie.GARBLED):
            raise Unsure("read timed out")

    async def list_owned(self) -> Sequence[Owned]:
        lie = await self._lie("list_owned", "")
        owned = [
            (number, order) for number, order in self.owned.items() for _ in range(1 + (number in self.listed_twice))
        ]
        return [Owned(number=_national(n) if lie is Lie.NATIONAL else n, order_id=order) for n, order in owned]


def _national(number: str) -> str:
    """As a person of that country would write a number of +44, with spaces."""
    return f"0{number.removeprefix('+44')[:2]} {number.removeprefix('+44')[2:]}"


def _spelled(hit: Hit, lie: Lie | None) -> Hit:
    if lie is not Lie.NATIONAL:
        return hit
    return Hit(**{name: getattr(hit, name) for name in hit.__slots__ if name != "number"}, number=_national(hit.number))
