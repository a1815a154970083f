"""The loops of the background: a few bounded sweeps in a fixed order, and beside them deliveries. They decide nothing.

Any number of processes may run it at once.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from nambari.carriers.base import Carrier
from nambari.db.deliveries import Claimed
from nambari.db.engine import DatabaseUnavailable
from nambari.domain.e164 import load_place_names
from nambari.logs import places
from nambari.operations import documents, fill, forget, renew, stock
from nambari.operations.deliver import Sent, claim, place, send, settle
from nambari.operations.sweep import pass_over
from nambari.sending import Sender
from nambari.wiring import Services, open_sender

Sweep = Callable[[Services, datetime, int], Awaitable[int]]
"""Does what is due at an instant, at most so many; how many it did."""

SWEEPS: tuple[Sweep, ...] = (
    *(renew.due, renew.forecasts, documents.due, stock.come_of_age, fill.give_back),
    *(forget.answers, forget.holds, forget.offers, forget.deliveries, forget.sessions),
)
BATCH = 500
PAUSE_SECONDS = 10.0

_log = structlog.get_logger("nambari.worker")


AT_ONCE = 256
"""How many deliveries one process has under way."""
MOST_OF_ONE = 8
"""How many of them are of one webhook that takes what it is sent; of any other it is one."""
DELIVERY_PAUSE_SECONDS = 0.5
ORDERS_AT_ONCE = 16
"""How many orders at one carrier one process has under way."""
ORDER_PAUSE_SECONDS = 0.5


async def work(services: Services) -> None:
    """Sweep, deliver and see to orders until cancelled. A database that is away is waited for."""
    if services.carriers:
        load_place_names()  # else the first order that is looked at would, with its lease running
    async with open_sender(services) as sender, asyncio.TaskGroup() as tasks:
        tasks.create_task(_forever(partial(_sweep_each, services), "sweep", PAUSE_SECONDS))
        tasks.create_task(deliver(services, sender))
        for carrier in services.carriers.values():  # each in a loop of its own: a slow one holds up no other
            tasks.create_task(
                _forever(partial(see_to_orders, services, carrier), "look at orders", ORDER_PAUSE_SECONDS)
            )


async def _forever(do: Callable[[], Awaitable[object]], what: str, pause_seconds: float) -> None:
    while True:
        done = await _guarded(do, what)
        await asyncio.sleep(pause_seconds if done else PAUSE_SECONDS)


async def _guarded(do: Callable[[], Awaitable[object]], what: str) -> bool:
    """Whether it was done."""
    try:
        await do()
    except DatabaseUnavailable as error:
        _log.warning("the worker waits for the database", at=what, reason=str(error))
    except Exception as error:  # noqa: BLE001 - a bug must not end all that is to come
        _log.error(f"a {what} failed", kind=type(error).__name__, places=places(error))
    else:
        return True
    return False


async def sweep_all(services: Services) -> int:
    """All that is due now; how much it was. Raises what a sweep fails at."""
    return sum([await _all_of(services, sweep) for sweep in SWEEPS])


async def _sweep_each(services: Services) -> None:
    """The same, where one sweep fails the others all the same. Raises DatabaseUnavailable."""
    for sweep in SWEEPS:
        try:
            await _all_of(services, sweep)
        except Exception as error:  # noqa: BLE001 - a bug in one of them
            await pass_over(services, error, "a sweep failed")


async def _all_of(services: Services, sweep: Sweep) -> int:
    """Batch by batch, until nothing is left that it can do."""
    done = 0
    while count := await sweep(services, services.clock(), BATCH):
        done += count
    return done


async def see_to_orders(services: Services, carrier: Carrier) -> int:
    """All that is due at a carrier now; how much it was."""
    done = 0
    while count := await fill.of_carrier(services, carrier, services.clock(), ORDERS_AT_ONCE):
        done += count
    return done


# ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────


class Deliveries:
    """What one process sends: so many at once, and of one webhook no more than its share.

    What was sent is settled together with all that came back by then, before more is claimed.
    """

    def __init__(self, services: Services, sender: Sender) -> None:
        self._services = services
        self._sender = sender
        self._tasks: set[asyncio.Task[None]] = set()
        self._of_webhook: Counter[str] = Counter()
        self._taking: set[str] = set()
        self._sent: list[Sent] = []
        self._something_to_do = asyncio.Event()

    async def place_all(self) -> int:
        """Fan out what is new; how many events."""
        done = 0
        while placed := await place(self._services, self._services.clock(), BATCH):
            done += placed
            self._something_to_do.set()
        return done

    async def go_on(self) -> int:
        """Settle what came back and start what is due, as far as there is room; how many."""
        services = self._services
        self._something_to_do.clear()
        if sent := self._sent:
            self._sent = []  # if this fails, their leases end, and they are sent again
            await settle(services, sent)
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return 0
        claimed = await claim(services, services.clock(), room, self._allowance())
        for each in claimed:
            self._of_webhook[each.webhook_id] += 1
            task = asyncio.create_task(self._send(each))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claimed)

    def _allowance(self) -> dict[str, int]:
        """A receiver that hangs, or never took anything, holds one place and not all of them."""
        known = self._taking | (+self._of_webhook).keys()
        return {
            webhook_id: max((MOST_OF_ONE if webhook_id in self._taking else 1) - self._of_webhook[webhook_id], 0)
            for webhook_id in known
        }

    async def _send(self, delivery: Claimed) -> None:
        async def sent() -> None:
            done = await send(self._services, self._sender, delivery)
            self._sent.append(done)
            if done.outcome.error is None:
                self._taking.add(delivery.webhook_id)
            else:
                self._taking.discard(delivery.webhook_id)

        try:
            await _guarded(sent, "delivery")
        finally:
            self._of_webhook[delivery.webhook_id] -= 1
            self._something_to_do.set()

    async def something_to_do(self) -> None:
        await self._something_to_do.wait()

    @property
    def under_way(self) -> int:
        """Those that are being sent, and those that are still to be settled."""
        return len(self._tasks) + len(self._sent)

    async def stop(self) -> None:
        """What is under way is left: its leases end, and it is sent again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def deliver(services: Services, sender: Sender) -> None:
    """Until cancelled. What is new is fanned out beside it: where one of the two fails, the other goes on."""
    deliveries = Deliveries(services, sender)
    placing = asyncio.create_task(_forever(deliveries.place_all, "fan-out", DELIVERY_PAUSE_SECONDS))
    try:
        while True:
            if not await _guarded(deliveries.go_on, "delivery"):
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DELIVERY_PAUSE_SECONDS):
                        await deliveries.something_to_do()
    finally:
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        await deliveries.stop()


async def deliver_all(services: Services, sender: Sender) -> int:
    """All that is due now, each with one attempt, and what is due by that; how many attempts."""
    deliveries = Deliveries(services, sender)
    done = 0
    try:
        while (begun := await deliveries.go_on()) + await deliveries.place_all() or deliveries.under_way:
            done += begun
            await deliveries.something_to_do()
    finally:
        await deliveries.stop()
    return done
