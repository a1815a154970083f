"""Do calls go over TLS? From a trunk and to an agent; and to no agent that cannot show who it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.calls import scenarios, sipp
from tests.calls.conftest import Stage
from tests.calls.proxy import AGENT, HOST, TRUNK
from tests.calls.scenarios import Calling
from tests.calls.sipp import Party
from tests.calls.test_inbound import heard, reason
from tests.calls.tunnel import Certificate, connecting, make_certificate, serving, tunnel
from tests.story.processes import free_port


@contextmanager
def secured_agent(stage: Stage, certificate: Certificate) -> Iterator[tuple[Party, str]]:
    """An agent behind TLS, and its SIPS URI."""
    outside = free_port()
    contact = f"sips:agent@{AGENT}:{outside};transport=tls"
    with (
        stage.another(scenarios.answers(contact), "-t", "t1") as agent,
        tunnel((AGENT, outside), (AGENT, agent.port), server=serving(certificate)),
    ):
        yield agent, f"sips:agent@{AGENT}:{outside}"


async def test_a_call_over_tls_from_end_to_end(stage: Stage) -> None:
    with secured_agent(stage, stage.certificate) as (agent, uri):
        number = await stage.number(await stage.person(), uri)
        inside = free_port()
        with tunnel((TRUNK, inside), (HOST, stage.proxy.port + 1), client=connecting(stage.certificate)):
            calling = Calling(stage.address(number["number"]), "<sip:+442079460999@127.0.0.2>").talks()
            trunk = sipp.call(stage.folder, TRUNK, f"{TRUNK}:{inside}", calling, "-t", "t1")
        [invite] = heard(agent, trunk)
        assert invite.headers("Via")[0].startswith("SIP/2.0/TLS ")
        assert len(heard(agent, trunk, "BYE")) == 1


async def test_an_agent_with_a_certificate_that_nobody_signed_is_not_called(stage: Stage) -> None:
    other = make_certificate(stage.folder, "nobody")
    with secured_agent(stage, other) as (agent, uri):
        number = await stage.number(await stage.person(), uri)
        trunk = stage.rings(number["number"], lambda calling: calling.is_rejected(480))
        assert (reason(trunk) or "").startswith('SIP;cause=480;text="agent_unavailable')
        assert agent.messages == []
