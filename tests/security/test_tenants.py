"""Whatever is another's is as what does not exist: every operation, every kind of thing, wherever an id can be written.

Answers are equal, and so is the work behind them: the statements that the database was sent, one by one.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import pytest
from tests.api.papers import PDF
from tests.cast import Person, World
from tests.conftest import started
from tests.security.belongings import belongings, nobodys
from tests.security.places import OPERATIONS_OF_PROXIES, OWNERS_OF_PATH, Operation, Place, operations
from tests.security.statements import Statements

from nambari.api.app import application, with_request_id
from nambari.domain.access import Environment
from nambari.settings import Settings

PLACELESS = {
    "getCredits": "the balance of whose key it is",
    "getKyc": "the file of whose key it is",
    "submitKyc": "the file of whose key it is",
    "createEndpoint": "nothing is attached to it",
    "createWebhook": "nothing is attached to it",
    "createApiKey": "of the organization and the environment of the key that makes it",
    "moveTestCredits": "the balance of whose key it is",
    "getTestClock": "the clock of whose key it is",
    "advanceTestClock": "the clock of whose key it is",
    "sendDocument": "nothing is attached to it",
    "getPortOutPin": "the PIN of whose key it is",
    "setPortOutPin": "the PIN of whose key it is",
}
"""Operations that take the id of nothing, and whose things they show or change instead."""
CHANGING_ITSELF = {"moveTestCredits", "advanceTestClock"}
"""What is answered otherwise each time, for it tells how things stand now."""
MADE = (
    r"\b(?P<kind>pn|inv|hold|ep|wh|dlv|evt|key|doc|port|pout|post|req|org|txn|ord)_[0-9a-hjkmnp-tv-z]{26}\b"
    r"|\b(?:kros_live|kros_test|whsec)_[\w+/=]+|\d{4}-\d\d-\d\dT[\d:.]+Z"
)
NOT_COMPARED = {"x-request-id", "x-ratelimit-reset", "date", "content-length"}


@dataclass
class Stranger:
    """Who asks, of whose things, with what of the stranger's own; and what the database was asked meanwhile."""

    world: World
    person: Person
    own: dict[str, str]
    anothers: dict[str, str]
    statements: Statements
    same_organization: bool
    environment_of_the_other: Environment
    other: Person

    def ids_to_try(self) -> list[str]:
        return [id_ for kind, id_ in self.anothers.items() if kind != "org" or not self.same_organization]

    def all_together(self, operation: Operation) -> list[dict[Place, str]]:
        """Where a path has several ids: all of the other's that belong together."""
        found = [place for place in operation.places if place.within == "path"]
        return [{place: self.anothers[OWNERS_OF_PATH[place.name]] for place in found}] if len(found) > 1 else []

    def leaks(self, asked: "Asked", written: Iterable[str]) -> list[str]:
        """The ids and numbers of the other that are in the answer, though nobody wrote them."""
        unspoken = {*self.anothers.values()} - {*written, *self.own.values()}
        return [f"it shows {each}" for each in unspoken if f'"{each}"' in asked.answer.text]

    async def ask(self, operation: Operation, written: dict[Place, str], key: str | None = None) -> "Asked":
        path = operation.path
        for name, kind in OWNERS_OF_PATH.items():
            path = path.replace(f"{{{name}}}", written.get(Place("path", name), self.own[kind]))
        query = {place.name: value for place, value in written.items() if place.within == "query"}
        sent: dict[str, Any] = {}
        if operation.name in {"searchAvailableNumbers", "sendDocument"}:
            query = {"country": "GB", **({"type": "identity"} if operation.file else {}), **query}
        if operation.body is not None:
            named = {place.name: self._in_order(place.name) for place in operation.places if place.within == "body"}
            given = {place.name: value for place, value in written.items() if place.within == "body"}
            sent["json"] = operation.body | {name: value for name, value in named.items() if value} | given
        if operation.file:
            sent |= {"content": PDF, "headers": {"content-type": "application/pdf"}}
        if key is not None:
            sent["headers"] = {**sent.get("headers", {}), "Idempotency-Key": key}
        async with self.statements.of() as asked:
            answer = await self.person.client.request(operation.method, path, params=query, **sent)
        return Asked(answer, asked)

    def _in_order(self, name: str) -> str | None:
        """What the stranger would write there of what they have."""
        return {
            "inventory_id": self.own["sale"],
            "number": "+442079467777",
            "to": "+442079467778",
            "from": "+442079467779",
            "username": "nobody",
        }.get(name)


@dataclass
class Asked:
    answer: httpx2.Response
    statements: list[str]

    def told(self, written: Iterable[str]) -> str:
        """All of it that may not differ: what was written, what was made just now and when are left out."""
        headers = {name: value for name, value in self.answer.headers.items() if name not in NOT_COMPARED}
        text = json.dumps([self.answer.status_code, headers, self.answer.text])
        # In one pass, and words as wholes: an id made just now may have in it the letters of what was written.
        wholes = "|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in written) or "(?!)"
        blanked = re.compile(f"(?P<written>{wholes})|{MADE}")
        return blanked.sub(lambda found: "WRITTEN" if found["written"] else found["kind"] or "MADE", text)


@pytest.fixture(params=["of another organization", "of the other environment", "of the live environment"])
async def stranger(request: pytest.FixtureRequest, dsn: str, settings: Settings) -> AsyncIterator[Stranger]:
    app = application(replace(settings, key_cache_seconds=10_000), dsn)  # or a key is read now and then
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        async with world.services.database.writing() as connection:
            await connection.execute("INSERT INTO rates VALUES ('GB', 'local', 700, 250)")
        live, test = Environment.LIVE, Environment.TEST
        alice = await world.person()
        tester = await world.person(alice.organization_id, environment=test)
        hers = await belongings(world, alice, live, "hers")
        tests = await belongings(world, tester, test, "test")
        if request.param == "of another organization":
            person = await world.person()
            own, anothers, other = await belongings(world, person, live, "mine"), hers, alice
        elif request.param == "of the other environment":
            person, own, anothers, other = tester, tests, hers, alice
        else:
            person, own, anothers, other = alice, hers, tests, tester
        same = person.organization_id == alice.organization_id
        del anothers["sale"]  # which is anybody's still
        environment = test if other is tester else live
        yield Stranger(world, person, own, anothers, Statements(world.services), same, environment, other)
        await world.close()


async def document_of(world: World) -> list[Operation]:
    return list(operations((await world.client().get("/openapi.json")).json()))


async def test_whatever_is_anothers_is_as_what_is_not(stranger: Stranger) -> None:
    found, tried = [], 0
    before = await state(stranger)
    for operation in await document_of(stranger.world):
        tries = [{place: id_} for place in operation.places for id_ in stranger.ids_to_try()]
        for theirs in [*tries, *stranger.all_together(operation)]:
            tried += 1
            nothing = {place: nobodys(stranger.world, id_) for place, id_ in theirs.items()}
            anothers, nothings = await stranger.ask(operation, theirs), await stranger.ask(operation, nothing)
            if told := differing(anothers, nothings, theirs.values(), nothing.values()):
                found.append(f"{operation.name} {theirs}: {told}")
            found += stranger.leaks(anothers, theirs.values())
    assert not found, "\n".join(found)
    assert tried > 1000
    assert await state(stranger) == before


def test_an_id_made_just_now_may_have_a_written_word_in_it() -> None:
    made = ("req_01m8kkf384e1tr1ghj2ayqe0aa", "req_01m8kkf384e1testghj2ayqe0a")
    answers = [httpx2.Response(400, json={"error": "Nobody is called 'test'.", "request_id": id_}) for id_ in made]
    one, other = (Asked(answer, []).told(["test"]) for answer in answers)
    assert one == other
    assert "called 'WRITTEN'" in one


def differing(anothers: Asked, nothings: Asked, written: Iterable[str], nothing: Iterable[str]) -> str:
    one, other = anothers.told(written), nothings.told(nothing)
    if one != other:
        return f"\n  {one}\n  {other}"
    if anothers.statements != nothings.statements:
        return f"{anothers.statements}, not {nothings.statements}"
    return ""


async def state(stranger: Stranger) -> list[Any]:
    """All that is the other's."""
    mine = "WHERE (organization_id, environment) = ($1, $2) ORDER BY id"
    tables = ("phone_numbers", "endpoints", "holds", "webhooks", "deliveries", "documents", "porting_orders", "events")
    rows = []
    for table in tables:
        found = await stranger.world.fetch(
            f"SELECT row_to_json(t)::text FROM {table} AS t {mine}",
            stranger.anothers["org"],
            stranger.environment_of_the_other,
        )
        assert found, table
        rows += [row[0] for row in found]
    return rows


async def test_another_tenants_idempotency_key_is_a_new_one(stranger: Stranger) -> None:
    """Though the request is the very same: its answer is not replayed, and no conflict is told of."""
    found, tried = [], 0
    for operation in await document_of(stranger.world):
        if not operation.kept:
            continue
        tried += 1
        nowhere = {place: nobodys(stranger.world, "pn_") for place in operation.places if place.within != "query"}
        other = replace(stranger, person=stranger.other)
        await other.ask(operation, nowhere, f"used for {operation.name}")
        replayed = await other.ask(operation, nowhere, f"used for {operation.name}")
        anothers = await stranger.ask(operation, nowhere, f"used for {operation.name}")
        new = await stranger.ask(operation, nowhere, f"new for {operation.name}")
        assert "idempotent-replayed" not in anothers.answer.headers
        assert "idempotent-replayed" in replayed.answer.headers or replayed.answer.status_code in {400, 403, 404}
        if operation.name in CHANGING_ITSELF:
            assert anothers.answer.status_code == new.answer.status_code
        elif told := differing(anothers, new, (), ()):
            found.append(f"{operation.name}: {told}")
    assert not found, "\n".join(found)
    assert tried > 20


async def test_what_names_nothing_shows_ones_own(stranger: Stranger) -> None:
    """And no operation is left out: it has places for ids, or stands in PLACELESS with what it shows instead."""
    placeless = [each for each in await document_of(stranger.world) if not each.places]
    assert {each.name for each in placeless} == PLACELESS.keys()
    for operation in placeless:
        asked = await stranger.ask(operation, {})
        assert asked.answer.status_code in {200, 201, 400, 404, 409}, operation.name
        assert stranger.leaks(asked, ()) == []


async def test_no_list_shows_what_is_anothers(stranger: Stranger) -> None:
    """Asked without a filter, where all there is would come."""
    lists = [each for each in await document_of(stranger.world) if each.method == "GET"]
    assert len(lists) > 20
    for operation in lists:
        asked = await stranger.ask(operation, {})
        assert stranger.leaks(asked, ()) == [], operation.name


async def test_a_proxys_test_key_asks_for_no_live_call(dsn: str, settings: Settings) -> None:
    """Nor a live one for a test call. Proxies serve all organizations of their environment."""
    app = application(replace(settings, key_cache_seconds=10_000), dsn)
    async with started(app):
        world = World(app.state.services, with_request_id(app))
        statements = Statements(world.services)
        for mine, others in ((Environment.LIVE, Environment.TEST), (Environment.TEST, Environment.LIVE)):
            person = await world.person(environment=others)
            hers = await belongings(world, person, others, "test" if others is Environment.TEST else "hers")
            key_id, secret = await world.key(None, environment=mine)
            proxy = Person("", key_id, secret, world.client(secret))
            world.people.append(proxy)
            asks = Stranger(world, proxy, hers, hers, statements, False, others, person)
            await proxy.client.post("/v1/routing/credentials", json={"username": "nobody"})  # the key's use is noted
            for operation in await document_of(world):
                for place in operation.places if operation.path.startswith(OPERATIONS_OF_PROXIES) else ():
                    for kind in ("number", "pn", "org", "ep"):
                        none = nobodys(world, hers[kind])
                        told = [await asks.ask(operation, {place: each}) for each in (hers[kind], none)]
                        assert told[0].answer.status_code == 200, told[0].answer.text
                        assert differing(*told, [hers[kind]], [none]) == "", (operation.name, place)
        await world.close()
