"""Write down what happened, in the transaction in which it happens: who asked, and what changed."""

from datetime import datetime

from nambari.db import outbox
from nambari.db.engine import Connection
from nambari.domain.events import Event
from nambari.domain.phone_number import Change
from nambari.operations.idempotency import Attempt
from nambari.wiring import Services


async def announce(
    services: Services,
    connection: Connection,
    attempt: Attempt,
    event: Event,
    subject_id: str,
    data: object,
    now: datetime,
    changes: list[Change] | None = None,
) -> None:
    caller = attempt.caller
    await outbox.announce(
        connection,
        caller.organization_id,
        caller.environment,
        event_id=services.new_id("evt"),
        event=event,
        subject_id=subject_id,
        data=data,
        changes=changes or [],
        key_id=caller.key_id,
        request_id=attempt.request_id,
        now=now,
    )
