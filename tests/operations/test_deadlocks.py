"""What if an organization restores a number and buys it at once? One of both is done, and none is answered 503.

Both lock the stock, then the balance: the other way round they would wait for each other, a second for each deadlock.
"""

from tests.api.asking import bought
from tests.cast import assert_invariants
from tests.operations.racing import Processes, at_once, codes


async def test_a_number_is_restored_or_bought_anew(processes: Processes) -> None:
    alice = await processes.world.person()
    [item] = await processes.world.stock()
    number = await bought(alice.client, item)
    for _ in range(5):
        await alice.client.delete(f"/v1/phone-numbers/{number['id']}")

        def restore(place: int, path: str = f"/v1/phone-numbers/{number['id']}/restore") -> object:
            return processes.client(alice, place).post(path)

        told = await at_once(
            restore(place) if place % 2 else processes.buy(alice, place, item)  # type: ignore[misc]
            for place in range(12)
        )

        outcomes = codes(told)
        assert outcomes["200"] + outcomes["201"] == 1, outcomes
        assert set(outcomes) <= {"200", "201", "NUMBER_NOT_AVAILABLE", "INVALID_STATE"}
        number = next(answer.json() for answer in told if answer.status_code < 300)
        await assert_invariants(processes.world)
