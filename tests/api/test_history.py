"""The history of a number: what changed, from what to what, when, by which key, in which request."""

import asyncio
from typing import Any

import httpx2
import pytest
from tests.api.asking import bought, but_for_the_id, faults, made, refused
from tests.cast import Person, World

from nambari.domain.access import Environment
from nambari.domain.phone_number import CHANGING

ITEM = {"id", "event", "changes", "key_id", "key_name", "request_id", "created_at"}


def path_of(number: dict[str, Any]) -> str:
    return f"/v1/phone-numbers/{number['id']}"


async def history(person: Person, number: dict[str, Any], query: str = "limit=100") -> list[dict[str, Any]]:
    answer = await person.client.get(f"{path_of(number)}/history?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["history"]
    return found


def change(field: str, before: object, after: object) -> dict[str, object]:
    return {"field": field, "before": before, "after": after}


async def test_a_life_from_purchase_to_release(world: World) -> None:
    alice = await world.person(name="till")
    clerk = await world.person(alice.organization_id, name="clerk")
    endpoint = await made(alice.client)
    [item] = await world.stock()
    order = {"inventory_id": item, "endpoint_id": endpoint["id"], "tags": ["a"]}
    steps = [
        await alice.client.post("/v1/phone-numbers", json=order),
    ]
    number = steps[0].json()
    steps += [
        await clerk.client.patch(path_of(number), json={"label": "Desk", "allow_outbound": False}),
        await alice.client.delete(f"/v1/endpoints/{endpoint['id']}"),
        await clerk.client.delete(path_of(number)),
    ]
    found = await history(alice, number)
    assert all(set(each) == ITEM for each in found)
    assert [(each["event"], each["key_id"], each["key_name"]) for each in found] == [
        ("phone_number.released", clerk.key_id, "clerk"),
        ("phone_number.updated", alice.key_id, "till"),
        ("phone_number.updated", clerk.key_id, "clerk"),
        ("phone_number.purchased", alice.key_id, "till"),
    ]
    assert [each["request_id"] for each in found] == [step.headers["x-request-id"] for step in steps[::-1]]
    released = steps[3].json()
    assert [each["changes"] for each in found[:3]] == [
        [
            change("status", "active", "released"),
            change("renews_at", number["renews_at"], None),
            change("released_at", None, released["released_at"]),
        ],
        [change("endpoint_id", endpoint["id"], None)],
        [change("allow_outbound", True, False), change("label", None, "Desk")],
    ]
    assert found[3]["changes"] == [
        change("status", None, "active"),
        change("endpoint_id", None, endpoint["id"]),
        change("allow_inbound", None, True),
        change("allow_outbound", None, True),
        change("tags", None, ["a"]),
        change("deletion_lock", None, False),
        change("renews_at", None, number["renews_at"]),
    ]
    assert (found[3]["created_at"], found[0]["created_at"]) == (number["created_at"], released["updated_at"])


async def test_who_follows_the_changes_has_the_number_as_it_is(world: World) -> None:
    alice = await world.person()
    endpoint, other = await made(alice.client), await made(alice.client)
    [item] = await world.stock()
    number = await bought(alice.client, item, label="first", endpoint_id=endpoint["id"], allow_inbound=False)
    for changes in (
        {"label": "second", "tags": ["a", "b"]},
        {"endpoint_id": other["id"], "deletion_lock": True},
        {"endpoint_id": None, "label": None, "deletion_lock": False, "tags": []},
        {"allow_inbound": True},
        {"allow_inbound": True},  # no change, and so no line
    ):
        assert (await alice.client.patch(path_of(number), json=changes)).status_code == 200
        now = (await alice.client.get(path_of(number))).json()
        followed: dict[str, Any] = dict.fromkeys(CHANGING)
        for line in (await history(alice, number))[::-1]:
            for each in line["changes"]:
                assert followed[each["field"]] == each["before"], line
                followed[each["field"]] = each["after"]
        assert followed == {name: now[name] for name in CHANGING}
    assert len(await history(alice, number)) == 5


async def test_what_was_refused_leaves_no_line(world: World) -> None:
    alice, mallory = await world.person(), await world.person()
    bob = await world.person(alice.organization_id, scopes=["numbers:read"])
    [item] = await world.stock()
    number = await bought(alice.client, item, label="x")
    await alice.client.patch(path_of(number), json={"deletion_lock": True})
    before = await history(alice, number)
    for client, method, body, status in (
        (alice.client, "DELETE", None, 409),
        (alice.client, "PATCH", {"endpoint_id": "ep_none"}, 404),
        (alice.client, "PATCH", {"colour": "red"}, 400),
        (alice.client, "PATCH", {"label": "x"}, 200),
        (bob.client, "PATCH", {"label": "bob"}, 403),
        (mallory.client, "PATCH", {"label": "mine"}, 404),
        (mallory.client, "DELETE", None, 404),
    ):
        for headers in ({}, {"Idempotency-Key": f"{method}{body}"}):
            sends = {} if body is None else {"json": body}
            answer = await client.request(method, path_of(number), headers=headers, **sends)
            assert answer.status_code == status, answer.text
    assert await history(alice, number) == before


async def test_a_request_sent_again_is_one_line_of_the_first(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    headers = {"Idempotency-Key": "once"}
    first, again = [await alice.client.patch(path_of(number), json={"label": "x"}, headers=headers) for _ in range(2)]
    assert again.headers["idempotent-replayed"] == "true"
    newest, purchase = await history(alice, number)
    assert purchase["event"] == "phone_number.purchased"
    assert newest["request_id"] == first.headers["x-request-id"] != again.headers["x-request-id"]


async def test_each_holder_sees_the_own_tenure_only(world: World) -> None:
    """Before, after, and when the first holder comes back."""
    alice, mallory = await world.person(), await world.person()
    [item] = await world.stock()
    tenures: list[tuple[Person, dict[str, Any]]] = []
    for holder, label in ((alice, "alice-1"), (mallory, "mallory"), (alice, "alice-2")):
        number = await bought(holder.client, item, label=label)
        await holder.client.patch(path_of(number), json={"label": f"{label}, changed"})
        await holder.client.delete(path_of(number))
        tenures.append((holder, number))
    assert len({number["number"] for _, number in tenures}) == 1
    assert len({number["id"] for _, number in tenures}) == 3
    for (holder, number), label in zip(tenures, ("alice-1", "mallory", "alice-2"), strict=True):
        found = await history(holder, number)
        assert [each["event"].rpartition(".")[2] for each in found] == ["released", "updated", "purchased"]
        assert {each["key_id"] for each in found} == {holder.key_id}
        assert label in str(found)
        for other in {"alice-1", "mallory", "alice-2"} - {label}:
            assert other not in str(found)
        stranger = mallory if holder is alice else alice
        refused(await stranger.client.get(f"{path_of(number)}/history"), 404, "NUMBER_NOT_FOUND")


async def test_anothers_is_as_none(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    [line] = await history(alice, number)
    strangers = (await world.person(), await world.person(alice.organization_id, environment=Environment.TEST))
    for stranger in strangers:
        for query in ("", f"?starting_after={line['id']}", "?limit=1&offset=1"):
            anothers = await stranger.client.get(f"{path_of(number)}/history{query}")
            nobodys = await stranger.client.get(f"/v1/phone-numbers/pn_{'0' * 26}/history{query}")
            refused(anothers, 404, "NUMBER_NOT_FOUND")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys)
            assert anothers.headers.keys() == nobodys.headers.keys()
    for bad in ("x" * 101, "pn%20x", "%00", "PN_1", "'--"):
        refused(await alice.client.get(f"/v1/phone-numbers/{bad}/history"), 404, "NUMBER_NOT_FOUND")


async def test_pages(world: World) -> None:
    alice = await world.person()
    first, second = await world.stock(2)
    number, other = await bought(alice.client, first), await bought(alice.client, second)
    for place in range(6):
        await alice.client.patch(path_of(number), json={"label": str(place)})
        await alice.client.patch(path_of(other), json={"label": str(place)})
    newest_first = [each["id"] for each in await history(alice, number)]
    assert len(newest_first) == 7

    async def page(query: str) -> tuple[list[str], int, bool]:
        answer = (await alice.client.get(f"{path_of(number)}/history?{query}")).json()
        assert set(answer) == {"history", "total", "limit", "offset", "has_more"}
        return [each["id"] for each in answer["history"]], answer["total"], answer["has_more"]

    assert await page("") == (newest_first, 7, False)
    assert await page("limit=3") == (newest_first[:3], 7, True)
    assert await page("limit=3&offset=3") == (newest_first[3:6], 7, True)
    assert await page("limit=3&offset=6") == (newest_first[6:], 7, False)
    assert await page(f"offset={2**31 - 1}") == ([], 7, False)
    for place in range(2):
        await alice.client.patch(path_of(number), json={"label": f"meanwhile {place}"})
    assert await page(f"limit=3&starting_after={newest_first[2]}") == (newest_first[3:6], 9, True)
    assert await page(f"limit=3&starting_after={newest_first[5]}") == (newest_first[6:], 9, False)
    assert await page(f"limit=2&offset=1&starting_after={newest_first[1]}") == (newest_first[3:5], 9, True)
    assert await page(f"starting_after={newest_first[6]}") == ([], 9, False)
    for cursor in ((await history(alice, other))[0]["id"], "evt_none", number["id"]):
        told = faults(await alice.client.get(f"{path_of(number)}/history?starting_after={cursor}"))
        assert told == {"starting_after": "is not the id of an item in this list"}


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("limit=0", "limit", "must be at least 1"),
        ("limit=101", "limit", "must be at most 100"),
        ("limit=x", "limit", "must be a whole number"),
        ("limit=1&limit=2", "limit", "is given twice"),
        ("offset=-1", "offset", "must be at least 0"),
        ("offset=2147483648", "offset", "must be at most 2147483647"),
        ("starting_after=%00", "starting_after", "must have no NUL character"),
        ("starting_after=", "starting_after", "must be 1 to 100 characters, none of them a control character"),
        ("starting_after=%F0%9F%93%9E", "starting_after", "is not the id of an item in this list"),
        (
            "event=phone_number.updated",
            "event",
            "is not a parameter of this operation, which takes limit, offset, starting_after",
        ),
    ],
)
async def test_a_bad_query(world: World, query: str, name: str, message: str) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item)
    assert faults(await alice.client.get(f"{path_of(number)}/history?{query}")) == {name: message}


async def test_changes_at_once_are_lines_that_follow_from_each_other(world: World) -> None:
    alice = await world.person()
    [item] = await world.stock()
    number = await bought(alice.client, item, label="start")

    async def label(place: int) -> httpx2.Response:
        return await alice.client.patch(path_of(number), json={"label": f"n{place}"})

    answers = await asyncio.gather(*(label(place) for place in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    lines = (await history(alice, number))[::-1]
    assert len(lines) == 13
    before: str | None = None
    for line in lines:
        [told] = [each for each in line["changes"] if each["field"] == "label"]
        assert told["before"] == before
        before = told["after"]
    assert {line["request_id"] for line in lines[1:]} == {answer.headers["x-request-id"] for answer in answers}
