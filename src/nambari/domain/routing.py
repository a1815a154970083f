"""Where does a call go, or why is it rejected? Holder, status, permission and endpoint → a SIP URI or a cause.

The same steps decide a call and explain it to the owner. How a number is read is for dialled.py, what a webhook answers
for question.py; no SIP is spoken here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
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
    ENDPOINT_CHANGED = (
        *("endpoint_changed", 480, "RFC 3261 21.4.18"),
        "The webhook of the number that was called was changed while it was asked; the next call asks it as it is.",
    )
    WEBHOOK_TIMEOUT = (
        *("webhook_timeout", 504, "RFC 3261 21.5.5"),
        "The webhook of the number that was called did not answer in time.",
    )
    WEBHOOK_UNREACHABLE = (
        *("webhook_unreachable", 480, "RFC 3261 21.4.18"),
        "The webhook of the number that was called cannot be reached.",
    )
    WEBHOOK_FAILED = (
        *("webhook_failed", 502, "RFC 3261 21.5.3"),
        "The webhook of the number that was called answered with another status than 200 to 299.",
    )
    WEBHOOK_UNREADABLE = (
        *("webhook_unreadable", 502, "RFC 3261 21.5.3"),
        "The webhook of the number that was called gave an answer that is none.",
    )
    WEBHOOK_REJECTED = (
        *("webhook_rejected", 480, "RFC 3261 21.4.18"),
        "The webhook of the number that was called rejected the call.",
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
    """The endpoint of a number, as far as a call needs it. Two are equal if a call notices no difference."""

    id: str
    name: str = field(compare=False)
    type: EndpointType
    status: EndpointStatus
    url: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A number in somebody's hands, as one moment has it. `fallback` stands in for its `target`."""

    organization_id: str
    phone_number_id: str
    number: str
    country: str
    status: NumberStatus
    allow_inbound: bool
    allow_outbound: bool
    target: Target | None
    fallback: Target | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who makes a call; `status` is that of the number whose account it is, None where the organization is named."""

    organization_id: str
    status: NumberStatus | None


@dataclass(frozen=True, slots=True)
class Reject:
    """`told_code` and `told_reason` are what the owner's webhook said instead of the cause's own."""

    cause: Cause
    told_code: int | None = None
    told_reason: str | None = None

    @property
    def sip_code(self) -> int:
        return self.cause.sip_code if self.told_code is None else self.told_code

    @property
    def reason(self) -> str:
        return self.cause.sentence if self.told_reason is None else self.told_reason


@dataclass(frozen=True, slots=True)
class Standby:
    """The agent that stands in for an endpoint, and where it is."""

    endpoint_id: str
    sip_uri: str


@dataclass(frozen=True, slots=True)
class Route:
    """`sip_uri` is where the call goes, and `fallback` where next if nobody is there.

    `via_fallback` is why the first endpoint did not get the call, and the fallback did.
    """

    sip_uri: str
    holding: Holding
    endpoint_id: str
    fallback: Standby | None = None
    via_fallback: Cause | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """The webhook of the number decides: it has to be asked first."""

    holding: Holding
    target: Target


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


def decide_inbound(found: Holding | Vacancy, *, suspended_routes: bool) -> Route | Ask | Reject:
    """What becomes of a call to a number. `suspended_routes`: whether a suspended number still takes calls."""
    if isinstance(found, Vacancy):
        return Reject(_OF_VACANCY[found])
    for step in _number_steps(found, suspended_routes=suspended_routes):
        if step.cause is not None:
            return Reject(step.cause)
    for step in _endpoint_steps(found):
        if step.cause is not None:
            return stand_in(found, step.cause)
    target = found.target
    assert target is not None  # noqa: S101 - a step asks for it
    if target.type is EndpointType.WEBHOOK:
        return Ask(found, target)
    return Route(addressed(target.url, found.number), found, target.id, fallback=standby_of(found))


def stand_in(holding: Holding, cause: Cause) -> Route | Reject:
    """What becomes of a call that the first endpoint cannot get, for this cause."""
    standby = standby_of(holding)
    if standby is None:
        return Reject(cause)
    return Route(standby.sip_uri, holding, standby.endpoint_id, via_fallback=cause)


def standby_of(holding: Holding) -> Standby | None:
    """Only an active agent can stand in: by then a proxy has a call in hand, and asks no webhook."""
    fallback = holding.fallback
    if fallback is None or fallback.status is not EndpointStatus.ACTIVE or fallback.type is not EndpointType.AGENT:
        return None
    return Standby(fallback.id, addressed(fallback.url, holding.number))


def steps_of(holding: Holding, *, suspended_routes: bool) -> Iterator[Step]:
    """The way of a call to a number that is or was held, up to the step that ends it, or to its fallback."""
    for step in _number_steps(holding, suspended_routes=suspended_routes):
        yield step
        if step.cause is not None:
            return
    cause = None
    for step in _endpoint_steps(holding):
        yield step
        cause = step.cause
        if cause is not None:
            break
    if holding.fallback is not None:
        yield _fallback_step(holding, holding.fallback, cause)


def _number_steps(holding: Holding, *, suspended_routes: bool) -> Iterator[Step]:
    yield _status_step(holding.status, suspended_routes=suspended_routes)
    if holding.allow_inbound:
        yield Step("permission", "The number takes calls: allow_inbound is on.")
    else:
        yield Step("permission", "The number takes no calls: allow_inbound is off.", Cause.INBOUND_OFF)


def _endpoint_steps(holding: Holding) -> Iterator[Step]:
    target = holding.target
    if target is None:
        yield Step("endpoint", "No endpoint is attached to the number.", Cause.ENDPOINT_MISSING)
        return
    yield Step("endpoint", f"The number is attached to the endpoint {target.name} ({target.id}).")
    if target.status is EndpointStatus.ACTIVE:
        yield Step("endpoint_status", "The endpoint is active.")
    else:
        yield Step("endpoint_status", "The endpoint is inactive.", Cause.ENDPOINT_INACTIVE)
    if target.type is EndpointType.AGENT:
        yield Step("endpoint_type", f"It is an agent: the call goes to {addressed(target.url, holding.number)}")
    else:
        yield Step("endpoint_type", f"It is a webhook, which decides. With a call it would be asked at {target.url}")


def _fallback_step(holding: Holding, fallback: Target, cause: Cause | None) -> Step:
    """`cause` is why the first endpoint cannot get the call, if it cannot."""
    named, standby = f"the fallback endpoint {fallback.name} ({fallback.id})", standby_of(holding)
    if standby is None:
        why = "only agents stand in" if fallback.type is not EndpointType.AGENT else "it is inactive"
        return Step("fallback", f"No call goes to {named}: {why}.", cause)
    if cause is None:
        return Step("fallback", f"If that fails, the call goes to {named}: {standby.sip_uri}")
    return Step("fallback", f"The call goes to {named} instead: {standby.sip_uri}")


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
