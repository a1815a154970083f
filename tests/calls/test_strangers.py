"""What does the proxy do for nobody? Relay: not for who has no trunk and no password, by whatever trick."""

import re

import pytest
from tests.calls import scenarios, sipp
from tests.calls.conftest import Stage
from tests.calls.proxy import DOMAIN, INSIDE, STRANGER, TRUNK, options
from tests.calls.scenarios import Calling
from tests.calls.test_failover import number_with
from tests.calls.test_inbound import heard, reason


def message(method: str, uri: str, *headers: str, host: str = STRANGER, to_tag: str = "", cseq: int = 1) -> str:
    named = {each.partition(":")[0] for each in headers}
    lines = {
        "Via": f"Via: SIP/2.0/UDP {host}:9;branch=z9hG4bK{abs(hash((method, uri, headers, host)))};rport",
        "From": f"From: <sip:+442079460999@{host}>;tag=stranger",
        "To": f"To: <{uri}>{to_tag}",
        "Call-ID": f"Call-ID: {abs(hash((method, uri, headers)))}@{host}",
        "CSeq": f"CSeq: {cseq} {method}",
        "Contact": f"Contact: <sip:stranger@{host}:9>",
        "Max-Forwards": "Max-Forwards: 70",
        "Content-Length": "Content-Length: 0",
    }
    kept = [line for name, line in lines.items() if name not in named]
    return "\n".join([f"{method} {uri} SIP/2.0", *headers, *kept]) + "\n\n"


async def test_who_has_no_trunk_and_no_password_is_refused(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    for uri in (stage.address(number["number"]), stage.agent.uri, stage.carrier.uri, "sip:+12025550143@198.51.100.9"):
        scenario = Calling(uri, "<sip:+442079460999@127.0.0.5>").is_rejected(407)
        stranger = sipp.call(stage.folder, STRANGER, stage.proxy.target, scenario)
        assert (heard(stage.agent, stranger), heard(stage.carrier, stranger)) == ([], [])
        assert reason(stranger) is None


@pytest.mark.parametrize("method", ["INVITE", "BYE", "ACK", "INFO", "UPDATE", "MESSAGE", "REFER", "NOTIFY", "OPTIONS"])
async def test_nobody_gets_through_with_a_route_and_a_tag(stage: Stage, method: str) -> None:
    """As if it belonged to a call: by a Route of ours that is made up, taken from another call, or left out."""
    before = len(stage.agent.messages), len(stage.carrier.messages)
    alice = await stage.person()
    number = await stage.number(alice)
    trunk = stage.rings(number["number"], Calling.talks)
    taken = trunk.received("SIP/2.0 200")[0].header("Record-Route")
    before = len(stage.agent.messages), len(stage.carrier.messages)
    ours = f"<sip:{stage.proxy.target};lr"
    for route in (f"{ours}>", f"{ours};call={'0' * 64}>", f"{ours};call=>", taken, f"<{stage.agent.uri};lr>", None):
        for uri in (stage.agent.uri, f"sip:+12025550143@{stage.carrier.host}:{stage.carrier.port}"):
            headers = [f"Route: {route}"] if route else []
            answer = stage.proxy.ask(message(method, uri, *headers, to_tag=";tag=x"), 0.02 if method == "ACK" else 5)
            assert answer.startswith("" if method == "ACK" else "SIP/2.0 481"), (route, answer)
    assert (len(stage.agent.messages), len(stage.carrier.messages)) == before


async def test_a_party_to_one_call_cannot_begin_another_with_it(stage: Stage) -> None:
    """The trunk knows the Route of its call, and changes the tags and the address."""
    number = await stage.number(await stage.person())
    trunk = stage.rings(number["number"], Calling.talks)
    answered = trunk.received("SIP/2.0 200")[0]
    route = f"Route: {answered.header('Record-Route')}"
    own = [f"{name}: {answered.header(name)}" for name in ("From", "Call-ID")]
    before = len(stage.carrier.messages)
    for method in ("INVITE", "UPDATE", "REFER", "INFO"):
        carrier = f"sip:+12025550143@{stage.carrier.host}:{stage.carrier.port}"
        answer = stage.proxy.ask(message(method, carrier, route, *own, to_tag=";tag=x", cseq=9))
        assert answer.startswith("SIP/2.0 481"), answer
    assert len(stage.carrier.messages) == before


async def test_a_route_of_the_callers_own_choice_is_ignored(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    trunk = stage.rings(number["number"], Calling.talks, f"Route: <sip:{stage.carrier.host}:{stage.carrier.port};lr>")
    [invite] = heard(stage.agent, trunk)
    assert (invite.header("Route"), heard(stage.carrier, trunk)) == (None, [])


async def test_no_agent_is_at_a_trunk_or_in_our_own_network(stage: Stage) -> None:
    """What a customer wrote into an endpoint: calls to a carrier at our expense, or a look around in our network."""
    alice = await stage.person()
    carrier, port = stage.carrier.host, stage.carrier.port
    before = len(stage.carrier.messages)
    for url in (
        f"sip:+12025550143@{carrier}:{port}",
        f"sip:x@{INSIDE}:{port}",
        f"sip:x@{carrier}:{port};transport=tcp",
    ):
        number = await stage.number(alice, url)
        trunk = stage.rings(number["number"], lambda calling: calling.is_rejected(480))
        assert (reason(trunk) or "").startswith('SIP;cause=480;text="agent_unavailable')
    assert len(stage.carrier.messages) == before


async def test_no_fallback_is_there_either(stage: Stage) -> None:
    with stage.another(scenarios.refuses("503 Service Unavailable")) as agent:
        for fallback in (f"sip:+12025550143@{stage.carrier.host}:{stage.carrier.port}", f"sip:x@{INSIDE}"):
            number = await number_with(stage, agent.uri, fallback)
            trunk = stage.rings(number["number"], lambda calling: calling.is_rejected(480))
            assert (len(heard(agent, trunk)), heard(stage.carrier, trunk)) == (1, [])


async def test_a_trunk_is_one_as_soon_as_it_is_named(stage: Stage) -> None:
    """As operators do it: a line more, and no restart."""
    number = await stage.number(await stage.person())
    scenario = Calling(stage.address(number["number"]), "<sip:+442079460999@127.0.0.8>")
    stage.call(scenario.is_rejected(407), host="127.0.0.8")
    with (stage.proxy.home / "addresses.list").open("a", encoding="utf-8") as addresses:
        addresses.write("1 127.0.0.8 32 0\n")
    stage.proxy.tells("permissions.addressReload")
    stage.call(Calling(stage.address(number["number"]), "<sip:+442079460999@127.0.0.8>").talks(), host="127.0.0.8")


async def test_an_agent_that_points_at_us_makes_no_loop(stage: Stage) -> None:
    number = await stage.number(await stage.person(), f"sip:loop@{stage.proxy.target}")
    stage.rings(number["number"], lambda calling: calling.is_rejected(502))


# ── What is no call ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "code"),
    [
        *((each, 405) for each in ("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "INFO", "UPDATE", "REFER")),
        ("PRACK", 405),
        ("BYE", 481),
        ("OPTIONS", 200),
        ("NEWMETHOD", 501),
    ],
)
def test_each_method_has_its_answer(stage: Stage, method: str, code: int) -> None:
    answer = stage.proxy.ask(message(method, f"sip:{DOMAIN}"))
    assert answer.startswith(f"SIP/2.0 {code} "), answer
    assert code == 481 or "\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS" in answer


def test_a_stray_ack_or_cancel_goes_nowhere(stage: Stage) -> None:
    for method in ("ACK", "CANCEL"):
        assert stage.proxy.ask(message(method, stage.agent.uri), 0.05) == ""


def test_hops_end(stage: Stage) -> None:
    for hops in (0, 1):
        answer = stage.proxy.ask(message("INVITE", stage.agent.uri, f"Max-Forwards: {hops}"))
        assert answer.startswith("SIP/2.0 483" if hops == 0 else "SIP/2.0 407"), answer
    assert stage.proxy.ask(message("OPTIONS", f"sip:{DOMAIN}", "Max-Forwards: 0")).startswith("SIP/2.0 200")


def test_a_proxy_that_can_what_we_cannot_is_not_us(stage: Stage) -> None:
    """RFC 3261 16.3: what Proxy-Require names must be understood."""
    answer = stage.proxy.ask(message("INVITE", stage.agent.uri, "Proxy-Require: foo"))
    assert answer.startswith("SIP/2.0 420"), answer
    assert "Unsupported: foo" in answer


def test_what_is_too_long_is_refused(stage: Stage) -> None:
    for header in (f"Call-ID: {'x' * 600}", f"From: <sip:{'9' * 1100}@x.example>;tag=1"):
        assert stage.proxy.ask(message("INVITE", stage.agent.uri, header)).startswith("SIP/2.0 400"), header


# ── Floods ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flood_is_dropped_and_calls_go_on(stage: Stage) -> None:
    number = await stage.number(await stage.person())
    host = "127.0.0.11"
    asked = options(stage.proxy.target)
    answered = [bool(stage.proxy.ask(asked, 5 if place < 40 else 0.02, host)) for place in range(200)]
    assert all(answered[:40])
    assert not any(answered[-10:])
    assert stage.proxy.ask(message("INVITE", stage.agent.uri), 0.1, host) == ""
    stage.rings(number["number"], Calling.talks)
    assert re.search(rf"flood: requests of {host} are dropped", stage.proxy.output)


async def test_a_trunk_is_no_flood(stage: Stage) -> None:
    asked = options(stage.proxy.target)
    assert all(stage.proxy.ask(asked, 5, TRUNK) for _ in range(150))
