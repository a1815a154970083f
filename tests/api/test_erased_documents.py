"""The file of a document can be let go of; what was decided of it stays true."""

import asyncio
from pathlib import Path

import pytest
from tests.api.asking import bought, faults, refused
from tests.api.papers import PDF, accepted, send, sent
from tests.api.porters import completed, do, drafted, papers_of, priced, submitted
from tests.api.test_requirements import require
from tests.cast import World, assert_invariants

from nambari.domain.document import COUNTED_AT_LEAST_BYTES, MOST_KEPT_BYTES
from nambari.domain.porting import PAPERS
from nambari.domain.refusals import InvalidState, NotFound
from nambari.operations import documents
from nambari.operations.deliver import place


async def erase(world: World, document_id: str) -> None:
    await documents.erase_file(world.services, document_id, "req_erased", world.services.clock())


async def reject(world: World, document_id: str) -> None:
    await documents.reject_document(world.services, document_id, "Unreadable", "req_test", world.services.clock())


async def test_the_file_is_gone_and_what_was_decided_stays(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,identity")
    alice = await world.person()
    document_id = await accepted(world, alice.client, expires_on="2099-05-31")
    before = (await alice.client.get(f"/v1/kyc/documents/{document_id}")).json()
    assert before["erased_at"] is None
    await erase(world, document_id)
    after = (await alice.client.get(f"/v1/kyc/documents/{document_id}")).json()
    assert after.pop("erased_at").endswith("Z")
    assert after == {name: value for name, value in before.items() if name != "erased_at"}
    answer = await alice.client.get(f"/v1/kyc/documents/{document_id}/content")
    refused(answer, 404, "NOT_FOUND")
    assert f"GET /v1/kyc/documents/{document_id} tells what it was" in answer.json()["error"]
    assert (await alice.client.get("/v1/kyc/documents")).json()["total"] == 1
    assert (await documents.show(world.services, document_id))[1] is None
    assert await world.value("SELECT content FROM documents") is None
    await bought(alice.client, (await world.stock())[0])  # it counts for what the number requires
    await assert_invariants(world)


async def test_an_answer_that_was_kept_before_files_could_be_erased_is_told_again(world: World) -> None:
    alice = await world.person()
    first = await send(alice.client, key="a")
    changed = await world.value(
        """
        UPDATE kept_answers SET answer = convert_to((convert_from(answer, 'UTF8')::jsonb - 'erased_at')::text, 'UTF8')
        WHERE convert_from(answer, 'UTF8')::jsonb ? 'erased_at' RETURNING true
        """
    )
    assert changed
    again = await send(alice.client, key="a")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")


async def test_its_owner_is_told_and_not_what_was_in_it(world: World) -> None:
    alice = await world.person()
    document_id = await accepted(world, alice.client)
    await erase(world, document_id)
    await place(world.services, world.services.clock(), 100)
    [event] = (await alice.client.get("/v1/events?type=document.erased")).json()["events"]
    assert (event["event"], event["data"]["id"], event["data"]["status"]) == (
        "document.erased",
        document_id,
        "accepted",
    )
    [noted] = (await alice.client.get("/v1/audit?event=document.erased")).json()["records"]
    assert [each["field"] for each in noted["changes"]] == ["erased_at"]
    assert noted["request_id"] == "req_erased"


async def test_a_rejected_file_too_but_none_that_waits_and_none_twice(world: World) -> None:
    alice = await world.person()
    document_id = (await sent(alice.client))["id"]
    with pytest.raises(InvalidState, match="waits to be reviewed"):
        await erase(world, document_id)
    assert (await alice.client.get(f"/v1/kyc/documents/{document_id}/content")).content == PDF
    await reject(world, document_id)
    outcomes = await asyncio.gather(*(erase(world, document_id) for _ in range(4)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert {type(each) for each in outcomes if each is not None} == {InvalidState}
    assert await world.value("SELECT count(*) FROM events WHERE event = 'document.erased'") == 1
    with pytest.raises(NotFound):
        await erase(world, "doc_none")


async def test_what_is_erased_makes_room(world: World) -> None:
    alice = await world.person()
    large = 10_000_000
    await world.fetch(
        """
        INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes, sha256,
                               content, status, created_at, decided_at)
        SELECT 'doc_' || n, $1, 'live', 'identity', 'GB', 'application/pdf', $3, ''::bytea, repeat('x', $3)::bytea,
               'accepted', now(), now()
        FROM generate_series(1, 2) AS n
        UNION ALL
        SELECT 'doc_small_' || n, $1, 'live', 'identity', 'GB', 'application/pdf', 1, ''::bytea, 'x'::bytea,
               'accepted', now(), now()
        FROM generate_series(1, $2::int) AS n RETURNING 1
        """,
        alice.organization_id,
        (MOST_KEPT_BYTES - 2 * large) // COUNTED_AT_LEAST_BYTES,
        large,
    )
    refused(await send(alice.client), 409, "INVALID_STATE")
    await erase(world, "doc_1")
    await sent(alice.client, content=PDF + b" " * (large - COUNTED_AT_LEAST_BYTES - len(PDF)))
    refused(await send(alice.client), 409, "INVALID_STATE")


async def test_papers_of_a_port_that_is_on_its_way_are_kept(world: World) -> None:
    alice = await world.person()
    await priced(world)
    order = await submitted(alice)
    bill = order["recent_bill_id"]
    await reject(world, bill)
    with pytest.raises(InvalidState, match=f"porting order {order['id']} goes by this document"):
        await erase(world, bill)
    await completed(world, order)
    await erase(world, bill)
    await assert_invariants(world)


async def test_papers_are_erased_while_a_port_is_submitted_with_them(world: World) -> None:
    alice = await world.person()
    await priced(world)
    both = 0
    for count in range(30):
        order = await drafted(alice, f"+4420794605{count:02d}")
        papers = {name: order[name] for name in PAPERS}
        for document_id in papers.values():
            await documents.accept_document(world.services, document_id, None, "req_test", world.services.clock())
        erased, answer = await asyncio.gather(
            erase(world, papers["identity_id"]), do(alice, order, "submit"), return_exceptions=True
        )
        both += erased is None and answer.status_code == 200
    assert both == 0


async def test_no_port_is_submitted_with_papers_that_are_gone(world: World) -> None:
    alice = await world.person()
    await priced(world)
    papers = await papers_of(alice)
    order = await drafted(alice, **papers)
    await documents.accept_document(world.services, papers["identity_id"], None, "req_test", world.services.clock())
    await erase(world, papers["identity_id"])
    assert faults(await do(alice, order, "submit")) == {"identity_id": "is not kept any more: send the document anew"}
    another = (await sent(alice.client))["id"]
    await alice.client.patch(f"/v1/porting-orders/{order['id']}", json={"identity_id": another})
    assert (await do(alice, order, "submit")).status_code == 200
