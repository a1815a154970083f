"""The client on deliveries that were really made: their attempts, and ranges of events that are sent again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cast import World
from tests.client.test_asking import client_of
from tests.delivering import delivered
from tests.receiver import receiving

from nambari.settings import Settings
from nambari_client import errors


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


async def test_attempts_and_a_range_again(world: World) -> None:
    alice = await world.person()
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with receiving() as receiver, client_of(world, alice.api_key) as client:
        hook = await client.create_webhook(receiver.url(), ["endpoint.*"])
        for name in ("A", "B", "C"):
            await client.create_endpoint(name, "agent", url="sip:agent@sip.example.com")
        assert await delivered(world) == 3
        first, second, third = [each.id async for each in client.list_events(type="endpoint.*")]
        again = await client.replay_events(hook.id, starting_after=first, idempotency_key="once")
        assert (again.queued, again.first_event_id, again.last_event_id, again.has_more) == (2, second, third, False)
        assert await client.replay_events(hook.id, starting_after=first, idempotency_key="once") == again
        assert await delivered(world) == 2
        ranged = await client.replay_events(hook.id, from_=began, to=datetime.now(UTC), up_to=first, events=["*"])
        assert (ranged.queued, ranged.last_event_id) == (1, first)
        delivery = await anext(aiter(client.list_deliveries(hook.id)))
        assert delivery.event_id == third
        attempts = [each async for each in client.list_delivery_attempts(hook.id, delivery.id, limit=1)]
        assert [each.response_status for each in attempts] == [204, 204]
        assert attempts[0].attempted_at <= attempts[1].attempted_at
        with pytest.raises(errors.ValidationError):
            await client.replay_events(hook.id)
