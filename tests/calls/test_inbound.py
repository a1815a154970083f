"""Do calls reach their agents? From a carrier's trunk, through Kamailio and a service that runs, to sipp."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.api.asking import made
from tests.calls import scenarios
from tests.calls.conftest import Stage
from tests.calls.proxy import TRUNK
from tests.calls.scenarios import Calling
from tests.calls.sipp import Message, Party
from tests.story.processes import until


def heard(party: Party, caller: Party, start: str = "INVITE") -> list[Message]:
    """What this party was sent of the call of that caller."""
    call_id = caller.messages[0].header("Call-ID")
    return [each for each in party.received(start) if each.header("Call-ID") == call_id]


def reason(trunk: Party) -> str | None:
    """The Reason of the last answer that it got."""
    return [each for each in trunk.messages if each.received][-1].header("Reason")


async def test_a_number_is_bought_and_called(stage: Stage) -> None:
    """From `POST /v1/phone-numbers` to BYE."""
    alice = await stage.person()
    number = await stage.number(alice)
    trunk = stage.rings(number["number"], Calling.talks)
    [invite] = heard(stage.agent, trunk)
    assert invite.first_line == f"INVITE {stage.agent.uri} SIP/2.0"
    assert len(heard(stage.agent, trunk, "ACK")) == 1
    [bye] = heard(stage.agent, trunk, "BYE")
    assert len(bye.headers("Via")) == 2, "it came through the proxy"
    [(event, data)] = await stage.told(alice, trunk)
    assert (event, data["from"], data["sip_uri"]) == ("call.routed", "+442079460999", stage.agent.uri)
    assert stage.operator_key not in stage.proxy.output


async def test_an_agent_hangs_up(stage: Stage) -> None:
    with stage.another(scenarios.answers_and_hangs_up()) as agent:
        number = await stage.number(await stage.person(), agent.uri)
        trunk = stage.rings(number["number"], Calling.is_hung_up_on)
        assert len(trunk.received("BYE")) == 1
        until(lambda: agent.received("SIP/2.0 200"), 30, "the answer to the BYE")


async def test_a_caller_gives_up(stage: Stage) -> None:
    with stage.another(scenarios.rings()) as agent:
        number = await stage.number(await stage.person(), agent.uri)
        stage.rings(number["number"], lambda calling: calling.gives_up(100))
        assert len(agent.received("CANCEL")) == 1


@pytest.mark.parametrize("method", ["INFO", "UPDATE"])
async def test_what_is_said_within_a_call_gets_through(stage: Stage, method: str) -> None:
    with stage.another(scenarios.answers(within=method)) as agent:
        number = await stage.number(await stage.person(), agent.uri)
        trunk = stage.rings(number["number"], lambda calling: calling.asks_within(method, 200))
        assert (len(heard(agent, trunk, method)), len(heard(agent, trunk, "BYE"))) == (1, 1)


async def test_a_transfer_is_refused(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    trunk = stage.rings(number["number"], lambda calling: calling.asks_within("REFER", 405))
    assert (heard(stage.agent, trunk, "REFER"), len(heard(stage.agent, trunk, "BYE"))) == ([], 1)


async def test_a_call_that_outlives_the_proxy_can_be_hung_up(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    before = len(stage.agent.received("ACK"))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(stage.rings, number["number"], lambda calling: calling.talks(2_500))
        until(lambda: len(stage.agent.received("ACK")) > before or call.done(), 60, "the call")
        stage.proxy.end()
        stage.proxy.start()
        trunk = call.result(30)
    assert len(heard(stage.agent, trunk, "BYE")) == 1


@pytest.mark.parametrize("trunk", ["u1", "t1"])
@pytest.mark.parametrize("agent", ["u1", "t1"])
async def test_over_udp_and_tcp(stage: Stage, trunk: str, agent: str) -> None:
    with stage.another(scenarios.answers(), "-t", agent) as answering:
        transport = ";transport=tcp" if agent == "t1" else ""
        number = await stage.number(await stage.person(), answering.uri + transport)
        stage.rings(number["number"], Calling.talks, options=("-t", trunk))
        assert len(answering.received("BYE")) == 1


async def test_an_agent_over_tcp_hangs_up_on_a_trunk_over_udp(stage: Stage) -> None:
    with stage.another(scenarios.answers_and_hangs_up(), "-t", "t1") as agent:
        number = await stage.number(await stage.person(), f"{agent.uri};transport=tcp")
        trunk = stage.rings(number["number"], Calling.is_hung_up_on)
        assert len(trunk.received("BYE")) == 1


async def test_the_next_call_goes_where_the_number_points_now(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    with stage.another(scenarios.answers()) as agent:
        stage.rings(number["number"], Calling.talks)
        endpoint = await made(alice.client, url=agent.uri)
        await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"endpoint_id": endpoint["id"]})
        assert agent.received("INVITE") == []
        trunk = stage.rings(number["number"], Calling.talks)
        assert len(agent.received("INVITE")) == 1
        assert heard(stage.agent, trunk) == []


async def test_a_carrier_writes_numbers_as_its_country_does(stage: Stage) -> None:
    """The trunk's country stands in addresses.list."""
    number = await stage.number(await stage.person())
    digits = number["number"].removeprefix("+44")
    for form in (f"0{digits}", f"00 44{digits}".replace(" ", "%20"), f"44{digits}", f"+44{digits};ext=1"):
        trunk = stage.rings(form, Calling.talks)
        assert len(heard(stage.agent, trunk)) == 1, form


async def test_each_cause_has_its_code(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    path, own = f"/v1/phone-numbers/{number['id']}", number["number"]
    endpoint = f"/v1/endpoints/{number['endpoint_id']}"
    [unsold] = await stage.world.fetch("SELECT number FROM inventory WHERE id = $1", (await stage.world.stock())[0])

    def rejected(to: str, cause: str, code: int) -> None:
        trunk = stage.rings(to, lambda calling: calling.is_rejected(code))
        said = reason(trunk)
        assert said is not None, cause
        assert said.startswith(f'SIP;cause={code};text="{cause}: '), cause
        assert heard(stage.agent, trunk) == [], cause

    rejected("front-desk", "number_unreadable", 484)
    rejected("+442079460999", "number_unknown", 404)
    rejected(unsold["number"], "number_unassigned", 404)
    for status in ("pending", "porting", "suspended"):
        await stage.set_status(number, status)
        rejected(own, f"number_{status}", 480)
    await stage.set_status(number, "active")
    await alice.client.patch(path, json={"allow_inbound": False})
    rejected(own, "inbound_off", 403)
    await alice.client.patch(path, json={"allow_inbound": True})
    await alice.client.patch(endpoint, json={"status": "inactive"})
    rejected(own, "endpoint_inactive", 480)
    await alice.client.patch(path, json={"endpoint_id": None})
    rejected(own, "endpoint_missing", 480)
    await alice.client.delete(path)
    rejected(own, "number_released", 404)


# ── What is told of the caller ───────────────────────────────────────────────────────────────────────────────────

ASSERTED = "P-Asserted-Identity: <sip:+442079460777@127.0.0.2>"


@pytest.mark.parametrize(("privacy", "known"), [((), True), (("Privacy: id",), False), (("Privacy: none",), True)])
async def test_who_hides_is_hidden(stage: Stage, privacy: tuple[str, ...], *, known: bool) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    trunk = stage.rings(number["number"], Calling.talks, ASSERTED, *privacy, caller=anonymous)
    [invite] = heard(stage.agent, trunk)
    assert ("442079460777" in invite.text) == known
    [(_, data)] = await stage.told(alice, trunk)
    assert data.get("from") == ("+442079460777" if known else None)


@pytest.mark.parametrize(
    ("caller", "understood"),
    [
        (r'"a \" b \\" <sip:+442079460999@127.0.0.2>', True),
        ('"},{" <sip:%22%7D%2C%7B%22@127.0.0.2>', True),
        ('"Zoë 漢字 \u202e" <sip:+442079460999@127.0.0.2>', True),
        ('<sip:"\\@127.0.0.2>', False),
        ('<sip:a","to":"+442079460998@127.0.0.2>', False),
        ("<sip:Zoë@127.0.0.2>", True),
        ("<sip:+442079460999@127.0.0.2;x=%00>", True),
        ("<tel:+44-20-7946-0999>", True),
        ("<sip:" + "9" * 900 + "@127.0.0.2>", True),
    ],
)
async def test_no_name_of_a_caller_breaks_what_we_are_asked(stage: Stage, caller: str, *, understood: bool) -> None:
    """It becomes JSON on its way to us: never more than one value of it."""
    alice = await stage.person()
    number = await stage.number(alice)
    if understood:
        trunk = stage.rings(number["number"], Calling.talks, caller=caller)
        [(event, data)] = await stage.told(alice, trunk)
        assert (event, data["to"]) == ("call.routed", number["number"])
    else:
        stage.rings(number["number"], lambda calling: calling.is_rejected(400), caller=caller)
    stage.rings(number["number"], Calling.talks)


def test_what_is_no_utf8_is_refused(stage: Stage) -> None:
    lines = [
        "INVITE sip:+442079460999@sip.example.com SIP/2.0",
        f"Via: SIP/2.0/UDP {TRUNK}:9;branch=z9hG4bKlatin;rport",
        "From: <sip:Zo\xeb@127.0.0.2>;tag=1",
        "To: <sip:+442079460999@sip.example.com>",
        "Call-ID: latin",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    answer = stage.proxy.ask("\r\n".join([*lines, "", ""]).encode("latin-1"), host=TRUNK, final=True)
    assert answer.startswith("SIP/2.0 400 Unreadable"), answer
