"""Make, list and remove the accounts with which operators sign in to the console."""

import asyncio
from datetime import datetime

from nambari.db import operators
from nambari.db.engine import Conflict
from nambari.domain.operator import OperatorAccount, check_account
from nambari.domain.refusals import InvalidState, NotFound
from nambari.wiring import Services, hash_password


async def create(services: Services, name: str, password: str, now: datetime) -> OperatorAccount:
    """Raises ValidationError, and InvalidState for a name that is taken."""
    fault = check_account(name, password)
    if fault is not None:
        raise fault
    account = OperatorAccount(services.new_id("opr"), name, now)
    password_hash = await asyncio.to_thread(hash_password, password)
    try:
        async with services.database.writing() as connection:
            await operators.insert(connection, account, password_hash)
    except Conflict:
        raise InvalidState(f"There is an operator {name!r} already. Take another name, or remove that one.") from None
    return account


async def listing(services: Services) -> list[OperatorAccount]:
    """The oldest first."""
    async with services.database.reading() as connection:
        return await operators.listing(connection)


async def remove(services: Services, name: str) -> None:
    """Whoever is signed in with it is so no more. Raises NotFound."""
    async with services.database.writing() as connection:
        if not await operators.remove(connection, name):
            raise NotFound(f"There is no operator {name!r}. `nambari operator list` shows those there are.")
