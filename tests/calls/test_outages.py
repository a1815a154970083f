"""What if Nambari does not answer? Each call has a 503 that says so, soon; and the next one after that goes through."""

from concurrent.futures import ThreadPoolExecutor

import psutil  # type: ignore[import-untyped,unused-ignore]
from tests.calls.conftest import QUICK, Stage
from tests.calls.proxy import proxy
from tests.calls.scenarios import Calling
from tests.calls.test_outbound import Customer, credentials
from tests.story.processes import until

IN_A_ROW = 3
"""So many time-outs, and it is not asked for a while: TIMEOUTS_TO_PAUSE in `QUICK`."""


def unavailable(stage: Stage, number: str) -> None:
    trunk = stage.rings(number, lambda calling: calling.is_rejected(503))
    [said] = trunk.received("SIP/2.0 503")
    assert said.header("Retry-After") == "5"
    assert said.header("Reason") == 'SIP;cause=503;text="routing_unavailable"'


def goes_through(stage: Stage, number: str) -> bool:
    try:
        stage.rings(number, Calling.talks)
    except AssertionError:
        return False
    return True


async def test_a_service_that_is_killed(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    customer = Customer(stage, await credentials(alice, number), number["number"], "outage")
    nonce = customer.nonce()
    stage.service.kill()
    try:
        before = len(stage.agent.messages)
        unavailable(stage, number["number"])
        unavailable(stage, number["number"])
        assert customer.asks(customer.digest(nonce)).startswith("SIP/2.0 503")
        assert len(stage.agent.messages) == before
        assert "gave 7" in stage.proxy.output, "refused, and so at once"
    finally:
        stage.service.start()
    assert goes_through(stage, number["number"])
    assert customer.asks(customer.digest(customer.nonce())).startswith("SIP/2.0 484")


async def test_a_service_that_is_stopped(stage: Stage) -> None:
    """The first calls wait as long as they may; then none does, until it answers again."""
    number = await stage.number(await stage.person())
    service = psutil.Process(stage.service.process.pid)
    service.suspend()
    try:
        with ThreadPoolExecutor(IN_A_ROW) as pool:
            list(pool.map(lambda _: unavailable(stage, number["number"]), range(IN_A_ROW)))
        unavailable(stage, number["number"])
        assert stage.proxy.output.count("gave 28") == IN_A_ROW, "it is not asked for a while"
    finally:
        service.resume()
    until(lambda: goes_through(stage, number["number"]), 20, "a call")


async def test_a_key_that_is_none(stage: Stage) -> None:
    """401 is no answer to a call either; and the key is not in the log."""
    number = await stage.number(await stage.person())
    key = "kros_live_" + "x" * 32
    with proxy(stage.folder / "keyless", stage.service.url, key, "carrier.invalid", *QUICK) as other:
        calling = Calling(stage.address(number["number"]), "<sip:+442079460999@127.0.0.2>")
        stage.call(calling.is_rejected(503), target=other.target)
        assert "gave 401" in other.output
        assert key not in other.output


async def test_the_log_names_the_call_and_no_secret(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    login = await credentials(alice, number)
    customer = Customer(stage, login, number["number"], "the-log")
    asked = customer.digest(customer.nonce())
    customer.asks(asked)
    trunk = stage.rings(number["number"], Calling.talks)
    call_id = trunk.messages[0].header("Call-ID")
    log = stage.proxy.output
    assert f"{call_id}}} <script>: routed: to {stage.agent.uri}" in log
    assert "the-log} <script>: rejected: 484 destination_unreadable" in log
    [ha1] = await stage.world.fetch("SELECT sip_ha1 FROM phone_numbers WHERE id = $1", number["id"])
    response = asked.partition('response="')[2].partition('"')[0]
    for secret in (stage.operator_key, login[1], ha1["sip_ha1"], response, "a secret of the tests"):
        assert secret not in log
