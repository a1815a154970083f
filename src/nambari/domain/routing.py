"""Where does a call go, or why is it rejected? Holder, status, permission and endpoint → a SIP URI or a cause.

The same steps decide a call and explain it to the owner. How a number is read is for dialled.py; no SIP is spoken here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from nambari.domain.endpoint import EndpointStatus, EndpointType
from nambari.domain.lifecycle import NumberStatus


class Cause(StrEnum):
    """Why a call is rejected. `sip_code` is the final response for the caller, `rfc` where its meaning is written.

    `sentence` is ASCII, as it may go into a Reason header.
    """

    sip_code: int
    rfc: str
    sentence: str

    def __new__(cls, name: str, sip_code: int, rfc: str, sentence: str) -> Self:
        cause = str.__new__(cls, name)
        cause._value_ = name
        cause.sip_code = sip_code
        cause.rfc = rfc
        cause.sentence = sentence
        return cause

    # To a number.
    NUMBER_UNREADABLE = (
        *("number_unreadable", 484, "RFC 3261 21.4.22; RFC 3398 7.2.4.1 for the ISUP cause 28"),
        "The number that was called is no phone number in any form that we read.",
    )
    NUMBER_UNKNOWN = (
        *("number_unknown", 404, "RFC 3261 21.4.5; RFC 3398 7.2.4.1 for the ISUP cause 1"),
        "The number that was called is none of ours.",
    )
    NUMBER_UNASSIGNED = (
        *("number_unassigned", 404, "RFC 3261 21.4.5; RFC 3398 7.2.4.1 for the ISUP cause 1"),
        "The number that was called is in our stock, and nobody has it.",
    )
    # Not 410, which says that it will be gone for good: somebody may buy it tomorrow.
    NUMBER_RELEASED = (
        *("number_released", 404, "RFC 3261 21.4.5"),
        "The number that was called was released, and nobody has it now.",
    )
    NUMBER_PENDING = (
        *("number_pending", 480, "RFC 3261 21.4.18"),
        "The number that was called is still being provisioned.",
    )
    NUMBER_PORTING = (
        *("number_porting", 480, "RFC 3261 21.4.18"),
        "The number that was called is still being ported.",
    )
    NUMBER_SUSPENDED = (
        *("number_suspended", 480, "RFC 3261 21.4.18"),
        "The number that was called is suspended.",
    )
    INBOUND_OFF = (
        *("inbound_off", 403, "RFC 3261 21.4.4"),
        "The number that was called takes no calls: allow_inbound is off.",
    )
    ENDPOINT_MISSING = (
        *("endpoint_missing", 480, "RFC 3261 21.4.18"),
        "The number that was called has no endpoint.",
    )
    ENDPOINT_INACTIVE = (
        *("endpoint_inactive", 480, "RFC 3261 21.4.18"),
        "The endpoint of the number that was called is inactive.",
    )
    ENDPOINT_WEBHOOK = (
        *("endpoint_webhook", 501, "RFC 3261 21.5.2"),
        "The endpoint of the number that was called is a webhook, and webhooks are not asked yet.",
    )
    # From a number.
    ACCOUNT_UNKNOWN = (
        *("account_unknown", 403, "RFC 3261 21.4.4"),
        "The account that the call is made with does not exist, or its number was released.",
    )
    ACCOUNT_INACTIVE = (
        *("account_inactive", 403, "RFC 3261 21.4.4"),
        "The number of the account that the call is made with is not active.",
    )
    ACCOUNT_WITHOUT_CREDENTIALS = (
        *("account_without_credentials", 403, "RFC 3261 21.4.4"),
        "The number of the account that the call is made with has no SIP credentials.",
    )
    CALLER_UNREADABLE = (
        *("caller_unreadable", 403, "RFC 3261 21.4.4"),
        "The caller id is no phone number in any form that we read.",
    )
    CALLER_NOT_YOURS = (
        *("caller_not_yours", 403, "RFC 3261 21.4.4"),
        "The caller id is no number of the organization that makes the call.",
    )
    CALLER_PENDING = (
        *("caller_pending", 403, "RFC 3261 21.4.4"),
        "The number that is the caller id is still being provisioned.",
    )
    CALLER_PORTING = (
        *("caller_porting", 403, "RFC 3261 21.4.4"),
        "The number that is the caller id is still being ported.",
    )
    CALLER_SUSPENDED = (
        *("caller_suspended", 403, "RFC 3261 21.4.4"),
        "The number that is the caller id is suspended.",
    )
    OUTBOUND_OFF = (
        *("outbound_off", 403, "RFC 3261 21.4.4"),
        "The number that is the caller id makes no calls: allow_outbound is off.",
    )
    DESTINATION_UNREADABLE = (
        *("destination_unreadable", 484, "RFC 3261 21.4.22; RFC 3398 7.2.4.1 for the ISUP cause 28"),
        "The number to call is no phone number that we read; emergency and short numbers are not carried.",
    )


class Vacancy(StrEnum):
    """What a number is that nobody holds."""

    UNKNOWN = "unknown"
    UNASSIGNED = "unassigned"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Target:
    """The endpoint of a number, as far as a call needs it."""

    id: str
    name: str
    type: EndpointType
    status: EndpointStatus
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A number in somebody's hands, as one moment has it."""

    organization_id: str
    phone_number_id: str
    number: str
    country: str
    status: NumberStatus
    allow_inbound: bool
    allow_outbound: bool
    target: Target | None


@dataclass(frozen=True, slots=True)
class Account:
    """Who makes a call; `status` is that of the number whose account it is, None where the organization is named."""

    organization_id: str
    status: NumberStatus | None


@dataclass(frozen=True, slots=True)
class Reject:
    cause: Cause


@dataclass(frozen=True, slots=True)
class Route:
    """`sip_uri` is where the call goes."""

    sip_uri: str
    holding: Holding
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Allow:
    """`to` is the number to call, E.164."""

    to: str
    holding: Holding


@dataclass(frozen=True, slots=True)
class Step:
    """One question on the way of a call, what was found, and the cause if the call ends there."""

    name: str
    found: str
    cause: Cause | None = None


_OF_VACANCY = {
    Vacancy.UNKNOWN: Cause.NUMBER_UNKNOWN,
    Vacancy.UNASSIGNED: Cause.NUMBER_UNASSIGNED,
    Vacancy.RELEASED: Cause.NUMBER_RELEASED,
}
_OF_STATUS = {
    NumberStatus.SUSPENDED: Cause.NUMBER_SUSPENDED,
    NumberStatus.PENDING: Cause.NUMBER_PENDING,
    NumberStatus.PORTING: Cause.NUMBER_PORTING,
    NumberStatus.RELEASED: Cause.NUMBER_RELEASED,
}
_OF_CALLER = {
    NumberStatus.SUSPENDED: Cause.CALLER_SUSPENDED,
    NumberStatus.PENDING: Cause.CALLER_PENDING,
    NumberStatus.PORTING: Cause.CALLER_PORTING,
    NumberStatus.RELEASED: Cause.CALLER_NOT_YOURS,
}


def decide_inbound(found: Holding | Vacancy, *, suspended_routes: bool) -> Route | Reject:
    """What becomes of a call to a number. `suspended_routes`: whether a suspended number still takes calls."""
    if isinstance(found, Vacancy):
        return Reject(_OF_VACANCY[found])
    for step in steps_of(found, suspended_routes=suspended_routes):
        if step.cause is not None:
            return Reject(step.cause)
    assert found.target is not None  # noqa: S101 - a step asks for it
    return Route(addressed(found.target.url, found.number), found, found.target.id)


def steps_of(holding: Holding, *, suspended_routes: bool) -> Iterator[Step]:
    """The way of a call to a number that is or was held, up to the step that ends it."""
    for step in _steps(holding, suspended_routes=suspended_routes):
        yield step
        if step.cause is not None:
            return


def _steps(holding: Holding, *, suspended_routes: bool) -> Iterator[Step]:
    yield _status_step(holding.status, suspended_routes=suspended_routes)
    if holding.allow_inbound:
        yield Step("permission", "The number takes calls: allow_inbound is on.")
    else:
        yield Step("permission", "The number takes no calls: allow_inbound is off.", Cause.INBOUND_OFF)
    target = holding.target
    if target is None:
        yield Step("endpoint", "No endpoint is attached to the number.", Cause.ENDPOINT_MISSING)
        return
    named = f"{target.name} ({target.id})"
    yield Step("endpoint", f"The number is attached to the endpoint {named}.")
    if target.status is EndpointStatus.ACTIVE:
        yield Step("endpoint_status", "The endpoint is active.")
    else:
        yield Step("endpoint_status", "The endpoint is inactive.", Cause.ENDPOINT_INACTIVE)
    if target.type is EndpointType.AGENT:
        yield Step("endpoint_type", f"It is an agent: the call goes to {addressed(target.url, holding.number)}")
    else:
        found = "It is a webhook. Webhooks are not asked yet where a call goes: attach an agent."
        yield Step("endpoint_type", found, Cause.ENDPOINT_WEBHOOK)


def _status_step(status: NumberStatus, *, suspended_routes: bool) -> Step:
    if status is NumberStatus.SUSPENDED and suspended_routes:
        return Step("status", "The number is suspended; here such a number still takes calls, and makes none.")
    if status is NumberStatus.RELEASED:
        return Step("status", "The number was released: no call to it reaches you.", Cause.NUMBER_RELEASED)
    return Step("status", f"The number is {status}.", _OF_STATUS.get(status))


def addressed(url: str, number: str) -> str:
    """The agent's SIP URI; the dialled number is the user of one that names none, as platforms find agents by it."""
    scheme, _, rest = url.partition(":")
    return url if "@" in rest else f"{scheme}:{number}@{rest}"


def decide_outbound(
    account: Account | None, caller: str | None, found: Holding | None, to: str | None
) -> Allow | Reject:
    """What becomes of a call from a number.

    `found` is who holds the number `caller`, which may be anybody; None for `caller` and `to` is a number that cannot
    be read. What is another organization's is as what does not exist.
    """
    if account is None:
        cause = Cause.ACCOUNT_UNKNOWN
    elif account.status not in {None, NumberStatus.ACTIVE}:
        cause = Cause.ACCOUNT_INACTIVE
    elif caller is None:
        cause = Cause.CALLER_UNREADABLE
    elif found is None or found.organization_id != account.organization_id:
        cause = Cause.CALLER_NOT_YOURS
    elif found.status is not NumberStatus.ACTIVE:
        cause = _OF_CALLER[found.status]
    elif not found.allow_outbound:
        cause = Cause.OUTBOUND_OFF
    elif to is None:
        cause = Cause.DESTINATION_UNREADABLE
    else:
        return Allow(to, found)
    return Reject(cause)
