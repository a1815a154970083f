"""Who are the customers, what do they ask for, and what do they remember of it?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from tests.cast import Person

Json = dict[str, Any]


@dataclass
class Asked:
    """A request as it was sent, and what came of it: `status` is None while nobody knows."""

    kind: str
    method: str
    path: str
    body: Json | None = None
    key: str | None = None
    about: str | None = None
    at: datetime | None = None
    status: int | None = None
    answer: Json = field(default_factory=dict)
    repeats: "Asked | None" = None
    fate: str = ""

    @property
    def ok(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def unknown(self) -> bool:
        """It died, and may have been done."""
        return self.status is None or self.status >= 500

    @property
    def is_open(self) -> bool:
        """Nothing is known yet, and asking again will tell."""
        return self.key is not None and (self.unknown or self.answer.get("code") == "IDEMPOTENCY_CONFLICT")

    def told(self) -> str:
        code = self.answer.get("code", "")
        key = f" key={self.key}{' again' if self.repeats else ''}" if self.key else ""
        body = f" {self.body}" if self.body is not None else ""
        return f"{self.method} {self.path}{body}{key} → {self.status or 'died'} {code} {self.fate}".rstrip()


@dataclass
class Held:
    """A number that the customer bought, as the customer believes it to be; `seen` is how it was last shown."""

    id: str
    inventory_id: str
    settings: Json
    seen: Json = field(default_factory=dict)


@dataclass
class Customer:
    name: str
    environment: str
    person: Person
    numbers: dict[str, Held] = field(default_factory=dict)
    endpoints: list[str] = field(default_factory=list)
    holds: dict[str, Json] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    """With a key, first, and so lately that it may be asked again."""
    topped_up: dict[str, int] = field(default_factory=dict)
    added_cents: int = 0
    balance: int = 0
    _keys: int = 0

    @property
    def is_live(self) -> bool:
        return self.environment == "live"

    def new_key(self) -> str:
        self._keys += 1
        return f"{self.name}-{self._keys}"


@dataclass(frozen=True)
class Scene:
    """What an idea is made of: who acts, chance, and what there is in town."""

    who: Customer
    everybody: list[Customer]
    random: Random
    stock: dict[str, str]
    place: str
    offers: dict[str, str] = field(default_factory=dict)

    def number(self) -> str:
        """One of their own, mostly."""
        mine = list(self.who.numbers)
        others = [id_ for each in self.everybody if each is not self.who for id_ in each.numbers]
        if others and self.random.random() < 0.05:
            return self.random.choice(others)
        return self.random.choice(mine) if mine else "pn_none"

    def item(self) -> str:
        """Of few numbers, so that they meet; rather one that they hold."""
        held = [each["inventory_id"] for each in self.who.holds.values()]
        if held and self.random.random() < 0.5:
            return self.random.choice(held)
        offered = list(self.offers)
        if offered and self.who.is_live and self.random.random() < 0.4:
            return self.random.choice(offered)
        return self.random.choice(list(self.stock))

    def endpoint(self) -> str | None:
        return self.random.choice([None, *self.who.endpoints])

    def words(self) -> Json:
        chosen: Json = {}
        if self.random.random() < 0.6:
            chosen["label"] = self.random.choice(("Front desk", "Sales", "Night line"))
        if self.random.random() < 0.6:
            chosen["tags"] = self.random.choice((["a"], ["a", "b"], []))
        if self.random.random() < 0.6:
            chosen["endpoint_id"] = self.endpoint()
        return chosen


def buy(scene: Scene) -> Asked:
    body = {"inventory_id": scene.item(), **scene.words()}
    if scene.random.random() < 0.15:
        body["max_total_cents"] = scene.random.choice((1, 350, 100_000))
    return Asked("buy", "POST", "/v1/phone-numbers", body, about=body["inventory_id"])


def quote(scene: Scene) -> Asked:
    body = {"inventory_id": scene.item(), "validate_only": True}
    return Asked("look", "POST", "/v1/phone-numbers", body)


def configure(scene: Scene) -> Asked:
    number = scene.number()
    body = scene.words()
    if scene.random.random() < 0.2:
        body["deletion_lock"] = scene.random.random() < 0.5
    return Asked("configure", "PATCH", f"/v1/phone-numbers/{number}", body, about=number)


def release(scene: Scene) -> Asked:
    number = scene.number()
    return Asked("release", "DELETE", f"/v1/phone-numbers/{number}", about=number)


def foresee(scene: Scene) -> Asked:
    return Asked("look", "DELETE", f"/v1/phone-numbers/{scene.number()}?dry_run=true")


def restore(scene: Scene) -> Asked:
    gone = [each.id for each in scene.who.numbers.values() if each.seen.get("status") == "released"]
    number = scene.random.choice(gone) if gone else scene.number()
    return Asked("restore", "POST", f"/v1/phone-numbers/{number}/restore", about=number)


def buy_back(scene: Scene) -> Asked:
    """A number that was theirs, bought anew while they may be restoring it."""
    gone = [each.inventory_id for each in scene.who.numbers.values() if each.seen.get("status") == "released"]
    item = scene.random.choice(gone) if gone else scene.item()
    return Asked("buy", "POST", "/v1/phone-numbers", {"inventory_id": item, **scene.words()}, about=item)


def hold(scene: Scene) -> Asked:
    item = scene.item()
    return Asked(
        "hold", "POST", "/v1/holds", {"inventory_id": item, "minutes": scene.random.choice((1, 15, 60))}, about=item
    )


def let_go(scene: Scene) -> Asked:
    hold_id = scene.random.choice(list(scene.who.holds) or ["hold_none"])
    return Asked("let_go", "DELETE", f"/v1/holds/{hold_id}", about=hold_id)


def make_endpoint(scene: Scene) -> Asked:
    body = {"name": "Reception", "type": "agent", "url": f"sip:{scene.who.name}@sip.example.com"}
    return Asked("make_endpoint", "POST", "/v1/endpoints", body)


def change_endpoint(scene: Scene) -> Asked:
    endpoint = scene.random.choice(scene.who.endpoints or ["ep_none"])
    name = scene.random.choice(("Reception", "Sales", "Night"))
    return Asked("change_endpoint", "PATCH", f"/v1/endpoints/{endpoint}", {"name": name}, about=endpoint)


def delete_endpoint(scene: Scene) -> Asked:
    endpoint = scene.random.choice(scene.who.endpoints or ["ep_none"])
    return Asked("delete_endpoint", "DELETE", f"/v1/endpoints/{endpoint}", about=endpoint)


def search(scene: Scene) -> Asked:
    return Asked("look", "GET", f"/v1/phone-numbers/available?country=GB&locality={scene.place}")


def look(scene: Scene) -> Asked:
    path = scene.random.choice(
        ("phone-numbers", f"phone-numbers/{scene.number()}", "endpoints", "audit", "credits/transactions", "kyc")
    )
    return Asked("look", "GET", f"/v1/{path}")


def submit_kyc(_: Scene) -> Asked:
    return Asked("kyc", "POST", "/v1/kyc", {"legal_name": "Ada Example", "country": "GB"})


def credit_test(scene: Scene) -> Asked:
    cents = scene.random.choice((250, 600, 2000, -300, -5000))
    return Asked("test_credits", "POST", "/v1/test/credits", {"amount_cents": cents})


def pass_test_days(scene: Scene) -> Asked:
    return Asked("test_clock", "POST", "/v1/test/clock", {"advance_days": scene.random.choice((1, 5, 20, 31, 70, 400))})


NOTHING = ("pn_none", "hold_none", "ep_none")
Idea = Callable[[Scene], Asked]
IDEAS: dict[Idea, int] = {
    buy: 10,
    quote: 1,
    configure: 5,
    release: 6,
    foresee: 1,
    restore: 8,
    buy_back: 3,
    hold: 4,
    let_go: 2,
    make_endpoint: 4,
    change_endpoint: 1,
    delete_endpoint: 3,
    search: 2,
    look: 2,
    submit_kyc: 1,
}
IN_TEST: dict[Idea, int] = {**IDEAS, credit_test: 4, pass_test_days: 5}


def idea(scene: Scene) -> Asked:
    """What comes to the customer's mind: something new, or a request of theirs again."""
    who, random = scene.who, scene.random
    if who.asked and random.random() < 0.12:
        return again(random.choice(who.asked[-6:]))
    ideas = IDEAS if who.is_live else IN_TEST
    [chosen] = random.choices(list(ideas), list(ideas.values()))
    asked = chosen(scene)
    if asked.about in NOTHING and random.random() < 0.9:
        asked = buy(scene)
    if asked.method != "GET" and asked.kind != "look" and (random.random() < 0.6 or asked.kind == "test_credits"):
        asked.key = who.new_key()
        who.asked.append(asked)
    return asked


def again(first: Asked) -> Asked:
    return Asked(first.kind, first.method, first.path, first.body, first.key, first.about, repeats=first)
