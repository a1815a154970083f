"""How is a write done once, however often it is asked for? With the answer kept in the transaction that acted.

The same key and request get the same answer, success or refusal, for as long as it is kept: by the world's time, in the
test environment too.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from nambari import traces
from nambari.db import kept_answers
from nambari.db.engine import Connection, Deadlock
from nambari.db.kept_answers import KeptAnswer
from nambari.domain.access import Caller, Environment
from nambari.domain.refusals import CATALOGUE, IdempotencyConflict, Refusal
from nambari.wiring import Services

Result = TypeVar("Result")

BEGUN_ANEW = 3
"""How often a request tries again that the database undid: a purchase locks the stock and then the balance, what takes
months the balance and then the stock, and one organization may do both to a number at once."""

_BY_CODE = {refusal.code: refusal for refusal in CATALOGUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to change something: whose, which, and under which idempotency key, if any.

    `fingerprint` tells requests apart: the same key with another one is a conflict.
    """

    caller: Caller
    request_id: str
    idempotency_key: str | None = None
    fingerprint: bytes = b""


def by_nobody(services: Services, organization_id: str, environment: Environment) -> Attempt:
    """The worker's own doing: nobody's key."""
    return Attempt(caller=Caller(None, organization_id, environment), request_id=services.new_id("sweep"))


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What was done, and whether it was done by an earlier request of the same idempotency key."""

    result: Result
    replayed: bool = False


class KeptRefusal(msgspec.Struct):
    code: str
    sentence: str
    details: dict[str, Any]
    request_id: str


class ReplayedRefusal(Exception):
    """The refusal that an earlier request of this idempotency key was given."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


async def once(
    services: Services,
    attempt: Attempt,
    kind: type[Result],
    act: Callable[[Connection], Awaitable[Result]],
) -> Done[Result]:
    """Do `act` in a transaction, or replay what it answered before. It is begun anew after a deadlock.

    Raises the Refusal of `act`, having written nothing but that refusal; ReplayedRefusal for an earlier one;
    IdempotencyConflict if the key's first request is still running or was another request.
    """
    with traces.span(act.__module__.rpartition(".")[2]):  # as `release`: the verbs have modules of their own
        return await begun_anew(lambda: _once(services, attempt, kind, act), Deadlock)


async def begun_anew(do: Callable[[], Awaitable[Result]], *undone: type[Exception]) -> Result:
    """What a transaction gives, begun anew a few times where it was undone: nothing of it is written then."""
    for _ in range(BEGUN_ANEW):
        with contextlib.suppress(*undone):
            return await do()
    return await do()


async def _once(
    services: Services,
    attempt: Attempt,
    kind: type[Result],
    act: Callable[[Connection], Awaitable[Result]],
) -> Done[Result]:
    key = attempt.idempotency_key
    if key is None:
        async with services.database.writing() as connection:
            return Done(await act(connection))
    caller = attempt.caller
    tenant = caller.tenant
    refusal: Refusal | None = None
    async with services.database.writing() as connection:
        if not await kept_answers.take_turn(connection, *tenant, key):
            raise still_running()
        kept = await kept_answers.find(connection, *tenant, key)
        if kept is not None:
            await kept_answers.confirm(connection)
            return replay(kept, attempt, kind)
        try:
            async with connection.transaction():  # a savepoint: a refusal undoes the act, and is itself kept
                result = await act(connection)
        except Refusal as reason:
            refusal = reason
            answer = keep_refusal(attempt, reason)
        else:
            answer = keep_result(attempt, result)
        await kept_answers.keep(connection, *tenant, key, answer, services.clock())
    if refusal is not None:
        raise refusal
    return Done(result)


async def refuse(services: Services, attempt: Attempt, refusal: Refusal) -> None:
    """Keep this refusal if the attempt has a key.

    Raises IdempotencyConflict if a request of the key is running, Conflict if one was answered meanwhile.
    """
    if attempt.idempotency_key is None:
        return
    caller = attempt.caller
    async with services.database.reading() as connection:
        kept = await kept_answers.keep(
            connection,
            *caller.tenant,
            attempt.idempotency_key,
            keep_refusal(attempt, refusal),
            services.clock(),
        )
    if not kept:
        raise still_running()


def keep_result(attempt: Attempt, result: object) -> KeptAnswer:
    return KeptAnswer(attempt.fingerprint, refused=False, answer=msgspec.json.encode(result))


def keep_refusal(attempt: Attempt, refusal: Refusal) -> KeptAnswer:
    kept = KeptRefusal(refusal.code, refusal.sentence, refusal.details, attempt.request_id)
    return KeptAnswer(attempt.fingerprint, refused=True, answer=msgspec.json.encode(kept))


def replay(kept: KeptAnswer, attempt: Attempt, kind: type[Result]) -> Done[Result]:
    """The kept answer again. Raises ReplayedRefusal, or IdempotencyConflict if it answered another request."""
    if kept.fingerprint != attempt.fingerprint:
        raise IdempotencyConflict(
            "This Idempotency-Key was used for another request. Take a new key for a new request."
        )
    if not kept.refused:
        return Done(msgspec.json.decode(kept.answer, type=kind), replayed=True)
    was = msgspec.json.decode(kept.answer, type=KeptRefusal)
    refusal = _BY_CODE[was.code](was.sentence, **was.details)
    refusal.request_id = was.request_id
    raise ReplayedRefusal(refusal)


def still_running() -> IdempotencyConflict:
    return IdempotencyConflict(
        "The first request with this Idempotency-Key is still running. Wait a moment and send it again."
    )
