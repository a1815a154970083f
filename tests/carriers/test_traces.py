"""Is what a carrier is asked part of the trace of the purchase, also when a worker asks it later?"""

from tests.carriers.conftest import Shop
from tests.carriers.scripted import Lie
from tests.collector import collecting

from nambari import traces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
THEIRS = f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_an_order_goes_on_in_the_trace_of_its_purchase(shop: Shop) -> None:
    alice = await shop.world.person()
    with collecting() as collector:
        async with traces.exported(collector.url):
            bought = await shop.buy(alice, traceparent=THEIRS)
            shop.carrier.will("order", Lie.REFUSED)
            assert await shop.see_to_orders() == 1
        spans = collector.of(TRACE)
        paths = {tuple(collector.path(each)) for each in spans}
        asked = [path for path in paths if path[0] == "carrier order"]
        assert asked
        assert {(path[1], path[-1]) for path in asked} == {("see to an order", "purchasePhoneNumber")}
        [call] = [each for each in spans if each.name == "carrier order"]
        assert (call.kind, call.failed, call.attributes["error.type"]) == ("client", True, "Refused")
        assert not [each for each in collector.bodies if bought["number"].encode() in each]
    failed = await shop.world.value("SELECT traceparent FROM events WHERE event = 'phone_number.failed'")
    assert str(failed).startswith(f"00-{TRACE}-"), "and its end is told in the same"


async def test_without_traces_nothing_is_written(shop: Shop) -> None:
    alice = await shop.world.person()
    await shop.buy(alice, traceparent=THEIRS)
    assert await shop.world.value("SELECT count(*) FROM events WHERE traceparent IS NOT NULL") == 0
    assert not traces.are_on()
    assert traces.traceparent() is None
