"""Compare a carrier's account with our books, and repair what can be repaired without taking anything from anybody."""

from collections.abc import Sequence
from datetime import datetime

from nambari.carriers.base import Carrier
from nambari.db import carrier_books, carrier_orders, measures
from nambari.db.engine import Conflict
from nambari.domain.access import Environment
from nambari.domain.carrier_order import OrderStatus, is_told, legible
from nambari.domain.dialled import dialled
from nambari.domain.lifecycle import StockStatus
from nambari.domain.reconcile import Booked, Difference, Finding, There, compare
from nambari.domain.refusals import NotFound
from nambari.wiring import Services


def carriers_asked(services: Services, name: str | None) -> list[Carrier]:
    """The one of this name, or all. Raises NotFound."""
    if not services.carriers:
        raise NotFound("No carrier is set up: there is nothing to compare. `nambari doctor` lists the settings.")
    if name is None:
        return list(services.carriers.values())
    if name not in services.carriers:
        raise NotFound(f"No carrier of this name is set up; there are: {', '.join(services.carriers)}.")
    return [services.carriers[name]]


async def differences(services: Services, carrier: Carrier) -> list[Finding]:
    """What the account and the books do not agree on. Raises CarrierFailure.

    The books are read after the account: what was settled meanwhile counts as under way.
    """
    began = services.clock()
    there = [There(dialled(each.number) or legible(each.number), each.order_id) for each in await carrier.list_owned()]
    async with services.database.reading() as connection:
        books = await carrier_books.books_of_all(connection, Environment.LIVE, carrier.name)
        ids = [each.order_id for each in there if each.order_id is not None]
        orders = await carrier_books.statuses_of_all(connection, carrier.name, ids)
    booked = []
    for each in books:
        status = OrderStatus(each["order_status"]) if each["order_status"] else None
        if status is not None and each["changed_at"] >= began:
            status = OrderStatus.OPEN
        booked.append(Booked(each["number"], StockStatus(each["stock"]), status))
    findings = compare(booked, there, {id_: OrderStatus(status) for id_, status in orders.items()})
    async with services.database.writing() as connection:
        await measures.write_comparison_of_all(connection, carrier.name, len(findings), services.clock())
    return findings


async def repair(services: Services, carrier: Carrier, findings: Sequence[Finding], now: datetime) -> list[Finding]:
    """Do what can be done about these; which of them that was. What has changed meanwhile is left alone.

    A number goes back to its carrier by the worker, as every other.
    """
    done = []
    for each in findings:
        try:
            async with services.database.writing() as connection:
                if each.difference is Difference.LEFT_THERE and each.order_id is not None:
                    repaired = await carrier_books.send_back_of_all(
                        connection, carrier.name, each.order_id, each.number, now
                    )
                elif each.difference is Difference.MISSING_STOCK:
                    repaired = await carrier_books.lose_of_all(
                        connection, Environment.LIVE, carrier.name, each.number, now
                    )
                else:
                    continue
        except Conflict:
            continue  # the number is being ordered anew just now
        if repaired:
            done.append(each)
    return done


async def unsettled(services: Services, now: datetime) -> list[dict[str, object]]:
    """The orders under way, the oldest first; `late` are those that an operator should look at."""
    async with services.database.reading() as connection:
        rows = await carrier_orders.unsettled_of_all(connection)
    return [row | {"late": is_told(row["created_at"], now)} for row in rows]
