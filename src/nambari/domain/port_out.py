"""May another carrier have a number of ours? Who asks with the organization's PIN, of a number that may go.

Until it has left, the number is billed and called as if it stayed; then it is nobody's here, and never for sale.
"""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from nambari.domain.lifecycle import PHONE_NUMBER, Direction, NumberStatus, advance
from nambari.domain.phone_number import PhoneNumber
from nambari.domain.refusals import InvalidState, invalid, invalid_fields

PIN_PATTERN = r"^[0-9]{6,10}\Z"
PIN_RULE = "must be 6 to 10 digits"
LONGEST_CARRIER = 100
LONGEST_REASON = 500
FREE_ATTEMPTS = 5
BARRED = timedelta(hours=1)
"""After five wrong PINs in a row, one is looked at each hour: a million of them take a century."""

_PIN = re.compile(PIN_PATTERN)


class PortOutStatus(StrEnum):
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Refused(StrEnum):
    """Why a request came to nothing: its `reason`, and what the operator is told."""

    sentence: str

    def __new__(cls, name: str, sentence: str) -> Self:
        refused = str.__new__(cls, name)
        refused._value_ = name
        refused.sentence = sentence
        return refused

    NO_PIN = (
        "no_pin",
        "The organization has no port-out PIN. It sets one with POST /v1/port-out-pin, and tells the other carrier.",
    )
    WRONG_PIN = (
        "wrong_pin",
        "This is not the organization's port-out PIN. The other carrier gets it from its customer, and asks again.",
    )
    TOO_MANY_ATTEMPTS = (
        "too_many_attempts",
        "Too many wrong PINs: none is looked at for an hour after the last. The organization can set another one.",
    )


@dataclass(frozen=True, slots=True)
class Pin:
    """What is kept of a PIN: no more than checks it. `failures` are the wrong ones in a row."""

    hash: str
    set_at: datetime
    failures: int
    barred_until: datetime | None

    def is_barred(self, now: datetime) -> bool:
        return self.barred_until is not None and self.barred_until > now


@dataclass(frozen=True, slots=True, kw_only=True)
class PortOut:
    """A request of another carrier. `reason` is a `Refused`, or why it was cancelled."""

    id: str
    phone_number_id: str
    number: str
    gaining_carrier: str
    status: PortOutStatus
    reason: str | None
    leaves_at: datetime
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


FIELDS = tuple(each.name for each in fields(PortOut))


def check_pin(pin: str) -> None:
    """Raises ValidationError, which does not repeat it."""
    if not _PIN.fullmatch(pin):
        raise invalid("pin", PIN_RULE)
    if len(set(pin)) == 1:
        raise invalid("pin", "must not be one digit repeated")


def barred_until(failures: int, now: datetime) -> datetime | None:
    """Until when no PIN is looked at, after so many in a row that were not right."""
    return now + BARRED if failures >= FREE_ATTEMPTS else None


def check_request(gaining_carrier: str, leaves_at: datetime, now: datetime) -> None:
    """Raises ValidationError."""
    faults = []
    if not 1 <= len(gaining_carrier) <= LONGEST_CARRIER or not gaining_carrier.isprintable():
        faults.append(("carrier", f"must be 1 to {LONGEST_CARRIER} printable characters"))
    if leaves_at <= now:
        faults.append(("at", "has passed: a number leaves at a time to come"))
    if faults:
        raise invalid_fields(faults)


def check_may_leave(number: PhoneNumber) -> None:
    """Raises InvalidState for a number that is not here yet, or is leaving already."""
    if number.leaves:
        raise InvalidState(
            "This number is being ported out already. `nambari porting out list` shows the order.",
            status=number.status.value,
        )
    advance(PHONE_NUMBER, number.status, "port_out")


def requested(
    id_: str, number: PhoneNumber, gaining_carrier: str, leaves_at: datetime, now: datetime, refused: Refused | None
) -> PortOut:
    return PortOut(
        id=id_,
        phone_number_id=number.id,
        number=number.number,
        gaining_carrier=gaining_carrier,
        status=PortOutStatus.REFUSED if refused else PortOutStatus.SCHEDULED,
        reason=refused.value if refused else None,
        leaves_at=leaves_at,
        created_at=now,
        updated_at=now,
        ended_at=now if refused else None,
    )


def leaving(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """The number from now on. Its reason stays: it tells whether it is suspended. Raises InvalidState."""
    check_may_leave(number)
    status = advance(PHONE_NUMBER, number.status, "port_out")
    return replace(number, status=status, porting_direction=Direction.OUT, updated_at=now)


def left(number: PhoneNumber, now: datetime) -> PhoneNumber:
    """The number once another carrier has it: its tenure ends, and nothing here points to it or from it."""
    ends_at = max(now, number.created_at)
    return replace(
        number,
        status=advance(PHONE_NUMBER, number.status, "move_away"),
        status_reason=None,
        porting_direction=None,
        endpoint_id=None,
        fallback_endpoint_id=None,
        renews_at=None,
        releases_at=None,
        updated_at=ends_at,
        released_at=ends_at,
    )


def stayed(number: PhoneNumber, now: datetime) -> PhoneNumber:
    verb = "stay" if number.standing is NumberStatus.ACTIVE else "stay_suspended"
    status = advance(PHONE_NUMBER, number.status, verb)
    return replace(number, status=status, porting_direction=None, updated_at=now)


def _check_open(port_out: PortOut, participle: str) -> None:
    if port_out.status is not PortOutStatus.SCHEDULED:
        raise InvalidState(
            f"A port-out that is {port_out.status} cannot be {participle}.", status=port_out.status.value
        )


def schedule(port_out: PortOut, leaves_at: datetime, now: datetime) -> PortOut:
    """Raises InvalidState, ValidationError for a time that has passed."""
    _check_open(port_out, "scheduled")
    check_request(port_out.gaining_carrier, leaves_at, now)
    return replace(port_out, leaves_at=leaves_at, updated_at=now)


def complete(port_out: PortOut, now: datetime) -> PortOut:
    """Raises InvalidState."""
    _check_open(port_out, "completed")
    return replace(port_out, status=PortOutStatus.COMPLETED, updated_at=now, ended_at=now)


def cancel(port_out: PortOut, reason: str, now: datetime) -> PortOut:
    """Raises InvalidState, ValidationError."""
    _check_open(port_out, "cancelled")
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable() or not reason.strip():
        raise invalid("reason", f"must be 1 to {LONGEST_REASON} printable characters")
    return replace(port_out, status=PortOutStatus.CANCELLED, reason=reason, updated_at=now, ended_at=now)
