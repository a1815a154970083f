"""What if an agent is not there? The fallback of the number has its turn, once; then the caller is told."""

from typing import Any

import pytest
from tests.api.asking import made
from tests.calls import scenarios
from tests.calls.conftest import Stage
from tests.calls.proxy import AGENT, INSIDE
from tests.calls.scenarios import Calling
from tests.calls.test_inbound import heard, reason
from tests.story.processes import free_port


async def number_with(stage: Stage, first: str, fallback: str) -> dict[str, Any]:
    """A number whose endpoint and fallback are at these."""
    alice = await stage.person()
    second = await made(alice.client, url=fallback)
    return await stage.number(alice, first, fallback_endpoint_id=second["id"])


@pytest.mark.parametrize("line", ["503 Service Unavailable", "500 Server Error", "504 Time-out", "408 Request Timeout"])
async def test_an_agent_that_fails(stage: Stage, line: str) -> None:
    with stage.another(scenarios.refuses(line, "Retry-After: 1")) as agent:
        number = await number_with(stage, agent.uri, stage.agent.uri)
        trunk = stage.rings(number["number"], Calling.talks)
        assert len(heard(agent, trunk)) == 1
        [invite] = heard(stage.agent, trunk)
        assert invite.first_line == f"INVITE {stage.agent.uri} SIP/2.0"
        assert len(heard(stage.agent, trunk, "BYE")) == 1


async def test_an_agent_that_rings_and_does_not_answer(stage: Stage) -> None:
    with stage.another(scenarios.rings()) as agent:
        number = await number_with(stage, agent.uri, stage.agent.uri)
        trunk = stage.rings(number["number"], Calling.talks)
        assert len(heard(agent, trunk, "CANCEL")) == 1
        assert len(heard(stage.agent, trunk)) == 1


@pytest.mark.parametrize(
    "first",
    [
        "sip:agent@{host}:{port}",
        "sip:agent@{host}:{port};transport=tcp",
        "sips:agent@{host}:{port}",
        "sip:agent@agent.invalid",
        f"sip:agent@{INSIDE}:5060",
    ],
)
async def test_an_agent_that_is_nowhere(stage: Stage, first: str) -> None:
    """A port that is closed, over UDP, TCP and TLS; a name that is none; an address where no agent may be."""
    number = await number_with(stage, first.format(host=AGENT, port=free_port()), stage.agent.uri)
    trunk = stage.rings(number["number"], Calling.talks)
    assert len(heard(stage.agent, trunk)) == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [("486 Busy Here", 486), ("603 Decline", 603), ("404 Not Found", 404)]
    + [(f"{code} x", 502) for code in (302, 401, 407)],
)
async def test_an_agent_that_refuses(stage: Stage, line: str, code: int) -> None:
    """It is there, and has its reasons. A redirection or a challenge is not for the caller."""
    with stage.another(scenarios.refuses(line, "Contact: <sip:+12025550143@198.51.100.9>")) as agent:
        number = await number_with(stage, agent.uri, stage.agent.uri)
        trunk = stage.rings(number["number"], lambda calling: calling.is_rejected(code))
        assert heard(stage.agent, trunk) == []
        assert trunk.received(f"SIP/2.0 {code}")[0].header("Contact") is None or code == int(line[:3])


async def test_no_agent_at_all(stage: Stage) -> None:
    """Each is tried once, and the caller hears 480: a 503 would say that we are out of order (RFC 3261 16.7)."""
    with (
        stage.another(scenarios.refuses("503 Service Unavailable")) as first,
        stage.another(scenarios.refuses("500 Server Error")) as second,
    ):
        number = await number_with(stage, first.uri, second.uri)
        trunk = stage.rings(number["number"], lambda calling: calling.is_rejected(480))
        assert (len(heard(first, trunk)), len(heard(second, trunk))) == (1, 1)
        assert (reason(trunk) or "").startswith('SIP;cause=480;text="agent_unavailable: ')
        alone = await stage.number(await stage.person(), first.uri)
        stage.rings(alone["number"], lambda calling: calling.is_rejected(480))


async def test_who_hangs_up_while_it_rings_reaches_nobody_else(stage: Stage) -> None:
    with stage.another(scenarios.rings()) as agent:
        number = await number_with(stage, agent.uri, stage.agent.uri)
        trunk = stage.rings(number["number"], lambda calling: calling.gives_up(100))
        assert len(heard(agent, trunk, "CANCEL")) == 1
        assert heard(stage.agent, trunk) == []


async def test_an_inactive_agent_is_not_tried(stage: Stage) -> None:
    with stage.another(scenarios.answers()) as agent:
        alice = await stage.person()
        second = await made(alice.client, url=stage.agent.uri)
        number = await stage.number(alice, agent.uri, fallback_endpoint_id=second["id"])
        await alice.client.patch(f"/v1/endpoints/{number['endpoint_id']}", json={"status": "inactive"})
        trunk = stage.rings(number["number"], Calling.talks)
        assert (len(heard(stage.agent, trunk)), agent.messages) == (1, [])
