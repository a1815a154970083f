"""What does a webhook answer that was asked where a call goes, and what becomes of the call then?"""

import json
import re
from dataclasses import dataclass

from nambari.domain.providers import sip_uri_fault
from nambari.domain.routing import (
    Ask,
    Cause,
    Holding,
    Reject,
    Route,
    Vacancy,
    addressed,
    decide_inbound,
    stand_in,
    standby_of,
)

_REASON = re.compile(r"[ !#-\[\]-~]{1,200}")
"""Printable ASCII without quote and backslash: it may go into a quoted string of SIP as it stands."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back over HTTP; `body` is None where it was too long to read."""

    status: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Directed:
    """The webhook sends the call there."""

    sip_uri: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The webhook rejects the call, with a SIP code and a reason if it likes."""

    sip_code: int | None
    reason: str | None


def read_answer(heard: Heard) -> Directed | Declined | Cause:
    """What a webhook said, or the cause that it said nothing of use. Fields that are not known are passed over."""
    if not 200 <= heard.status < 300:
        return Cause.WEBHOOK_FAILED
    try:
        said = json.loads(heard.body or b"")
    except (ValueError, RecursionError):
        return Cause.WEBHOOK_UNREADABLE
    if not isinstance(said, dict):
        return Cause.WEBHOOK_UNREADABLE
    action, sip_uri = said.get("action"), said.get("sip_uri")
    if action == "route" and isinstance(sip_uri, str) and sip_uri_fault(sip_uri) is None:
        return Directed(sip_uri)
    sip_code, reason = said.get("sip_code"), said.get("reason")
    if action == "reject" and _may_end_a_call(sip_code) and _may_be_told(reason):
        return Declined(sip_code, reason)
    return Cause.WEBHOOK_UNREADABLE


def _may_end_a_call(sip_code: object) -> bool:
    return sip_code is None or (type(sip_code) is int and 400 <= sip_code < 700)


def _may_be_told(reason: object) -> bool:
    return reason is None or (isinstance(reason, str) and _REASON.fullmatch(reason) is not None)


def decide_answered(
    asked: Ask, answer: Directed | Declined | Cause, found: Holding | Vacancy, *, suspended_routes: bool
) -> Route | Reject:
    """What becomes of the call, as things are after the answer: `found` is who has the number by then.

    An answer holds only for the number's holder and for the endpoint that was asked. Raises nothing: a number that was
    released, sold or changed meanwhile is decided on anew.
    """
    now = decide_inbound(found, suspended_routes=suspended_routes)
    if not isinstance(now, Ask):
        return now
    if (now.holding.phone_number_id, now.target) != (asked.holding.phone_number_id, asked.target):
        return stand_in(now.holding, Cause.ENDPOINT_CHANGED)
    if isinstance(answer, Declined):
        return Reject(Cause.WEBHOOK_REJECTED, answer.sip_code, answer.reason)
    if isinstance(answer, Cause):
        return stand_in(now.holding, answer)
    uri = addressed(answer.sip_uri, now.holding.number)
    return Route(uri, now.holding, now.target.id, fallback=standby_of(now.holding))
