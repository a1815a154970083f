"""Is each document that expires told of once, however many workers there are, and is no decision taken twice?"""

from datetime import timedelta

from tests.api.papers import accepted, sent
from tests.operations.racing import Processes, at_once

from nambari.domain.refusals import InvalidState
from nambari.operations import documents


async def test_many_workers_tell_of_each_document_once(processes: Processes) -> None:
    world = processes.world
    day = (world.services.clock() + timedelta(days=90)).date().isoformat()
    for _ in range(3):
        person = await world.person()
        for _ in range(4):
            await accepted(world, person.client, expires_on=day)
    assert await documents.due(world.services, world.services.clock(), 100) == 0

    async def tell(days: int) -> int:
        later = world.services.clock() + timedelta(days=days)
        done = await at_once(documents.due(each.services, later, 5) for each in processes.worlds)
        assert sum(done) <= 20
        while more := await documents.due(world.services, later, 5):
            done.append(more)
        return sum(done)

    for days, event in ((70, "document.expiring"), (100, "document.expired"), (400, None)):
        assert await tell(days) == (12 if event else 0)
        if event:
            told = await world.fetch("SELECT count(*) FROM events WHERE event = $1 GROUP BY subject_id", event)
            assert [row["count"] for row in told] == [1] * 12


async def test_one_decision_on_a_document_wins(processes: Processes) -> None:
    world = processes.world
    alice = await world.person()
    now = world.services.clock()

    async def decide(place: int, document_id: str) -> str:
        services = processes.worlds[place % 4].services
        try:
            if place % 2:
                return (await documents.accept_document(services, document_id, None, "req_test", now)).status
            return (await documents.reject_document(services, document_id, "Unreadable", "req_test", now)).status
        except InvalidState:
            return "late"

    for _ in range(4):
        document = await sent(alice.client)
        told = await at_once(decide(place, document["id"]) for place in range(8))
        [won] = [each for each in told if each != "late"]
        assert (await alice.client.get(f"/v1/kyc/documents/{document['id']}")).json()["status"] == won
