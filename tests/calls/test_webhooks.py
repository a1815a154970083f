"""Does a webhook decide where a call goes? The proxy asks us, we ask it, and the call follows or has the cause."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.asking import made
from tests.calls.conftest import Stage
from tests.calls.scenarios import Calling
from tests.calls.sipp import Party
from tests.calls.test_inbound import heard, reason
from tests.receiver import Answer, answer, receiving
from tests.story.processes import free_port


async def rings(stage: Stage, url: str, becomes: Callable[[Calling], str], **fields: Any) -> Party:
    """A call to a number whose endpoint is a webhook at this URL."""
    alice = await stage.person()
    webhook = await made(alice.client, name="Logic", type="webhook", url=url)
    number = await stage.number(alice, **fields)
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"endpoint_id": webhook["id"]})
    return await asyncio.to_thread(stage.rings, number["number"], becomes)


async def test_a_call_goes_where_it_says(stage: Stage) -> None:
    told = json.dumps({"action": "route", "sip_uri": stage.agent.uri}).encode()
    async with receiving(lambda _: answer(200, told)) as webhook:
        trunk = await rings(stage, webhook.url(), Calling.talks)
    [question] = webhook.received
    assert json.loads(question.body)["call_id"] == trunk.messages[0].header("Call-ID")
    assert len(heard(stage.agent, trunk, "BYE")) == 1


OWN = json.dumps({"action": "reject", "sip_code": 486, "reason": "Closed; call at 9 (or don't)"})


@pytest.mark.parametrize(
    ("answered", "cause", "code"),
    [
        (answer(200, b'{"action":"reject"}'), "webhook_rejected", 480),
        (answer(200, OWN.encode()), "webhook_rejected", 486),
        (answer(200, b'{"action":"reject","sip_code":600}'), "webhook_rejected", 600),
        (answer(500), "webhook_failed", 502),
        (answer(200, b'{"action":"route","sip_uri":"sip:a@b\\r\\nX: y"}'), "webhook_unreadable", 502),
        (None, "webhook_timeout", 504),
    ],
)
async def test_each_thing_that_it_can_do_has_its_code(stage: Stage, answered: Answer, cause: str, code: int) -> None:
    async with receiving(lambda _: answered) as webhook:
        trunk = await rings(stage, webhook.url(), lambda calling: calling.is_rejected(code))
    assert (reason(trunk) or "").startswith(f'SIP;cause={code};text="{cause}: '), reason(trunk)


async def test_one_that_is_not_there(stage: Stage) -> None:
    url = f"http://127.0.0.1:{free_port()}/calls"
    trunk = await rings(stage, url, lambda calling: calling.is_rejected(480))
    assert (reason(trunk) or "").startswith('SIP;cause=480;text="webhook_unreachable: ')


async def test_who_gives_up_while_it_is_asked_reaches_nobody(stage: Stage) -> None:
    """The answer comes when nobody waits for it any more."""
    told = json.dumps({"action": "route", "sip_uri": stage.agent.uri}).encode()
    async with receiving(lambda _: answer(200, told)) as webhook:
        webhook.gate = asyncio.Event()
        call = asyncio.create_task(rings(stage, webhook.url(), lambda calling: calling.gives_up(200, ringing=False)))
        await webhook.asked.wait()
        trunk = await call
        webhook.gate.set()
    assert heard(stage.agent, trunk) == []
