"""What does the public see of calls? What a SIP proxy asks and is told, and what an owner is told would happen."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from nambari.api.fields import Country, Id
from nambari.domain.credentials import Challenge
from nambari.domain.dialled import LONGEST
from nambari.domain.routing import Allow, Ask, Cause, Holding, Reject, Route, Standby, Step, standby_of
from nambari.operations.credentials import MadeCredentials

Written = Annotated[str, Meta(max_length=LONGEST)]
CallId = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,500}\Z",
        extra={"says": "must be 1 to 500 characters, none of them a control character"},
        description="The SIP Call-ID. Asked again with the same one, a call leaves no second event.",
    ),
]
Called = Annotated[
    Written,
    Meta(description="As it was dialled: `+…`, `00…`, national, `tel:…`, `sip:…`. What cannot be read is rejected."),
]


class InboundCall(Struct, kw_only=True, forbid_unknown_fields=True):
    """A call that a carrier's trunk brings. `country` is the trunk's, in which it writes national numbers."""

    to: Called
    from_: Annotated[Written, Meta(description="Who calls, in any form; a name that hides it, too.")] = field(
        name="from"
    )
    call_id: CallId
    country: Annotated[
        Country | None,
        Meta(description="The trunk's country. None for a trunk that always sends the calling code, with + or not."),
    ] = None


class OutboundCall(Struct, kw_only=True, forbid_unknown_fields=True):
    """A call that a customer makes. Who it is, `organization_id` or `username` says; if both do, they must agree."""

    from_: Annotated[Written, Meta(description="The caller id, in any form: a number of that organization.")] = field(
        name="from"
    )
    to: Annotated[
        Written, Meta(description="The number to call, in any form; a national one is of the caller id's country.")
    ]
    call_id: CallId
    organization_id: Annotated[Id, Meta(description="The organization that makes the call.")] | UnsetType = UNSET
    username: Annotated[Id, Meta(description="The user of the SIP account that makes the call.")] | UnsetType = UNSET


class Fallback(Struct, kw_only=True):
    """The agent that stands in."""

    endpoint_id: str
    sip_uri: str


class RoutedCall(Struct, kw_only=True, tag_field="action", tag="route"):
    """The call goes to `sip_uri`; if nobody is there (408, 5xx, no connection), once more to the fallback's."""

    sip_uri: str
    number: str
    phone_number_id: str
    organization_id: str
    endpoint_id: str
    fallback: Fallback | None
    via_fallback: Cause | None


class AskedWebhook(Struct, kw_only=True, tag_field="action", tag="ask"):
    """The webhook at `url` would be asked, and decide. It was not asked now."""

    url: str
    number: str
    phone_number_id: str
    organization_id: str
    endpoint_id: str
    fallback: Fallback | None


class AllowedCall(Struct, kw_only=True, tag_field="action", tag="allow"):
    """The call may be made, with `caller_id` and no other."""

    caller_id: str
    to: Annotated[str, Meta(description="The number to call, E.164.")]
    phone_number_id: str
    organization_id: str


class RejectedCall(Struct, kw_only=True, tag_field="action", tag="reject"):
    """The call ends with `sip_code`. `cause` is for programs, `reason` for people."""

    sip_code: int
    cause: Cause
    reason: Annotated[str, Meta(description="The cause in a sentence, in ASCII.")]


class TestCall(Struct, kw_only=True, forbid_unknown_fields=True):
    """The call to think of. Who calls changes nothing yet of where it goes."""

    from_: Annotated[Written | None, Meta(description="Who would call, in any form.")] = field(
        name="from", default=None
    )


class RouteStep(Struct, kw_only=True):
    """`found` is a sentence; where `ok` is false, the call ends there, or goes on to the fallback."""

    step: Annotated[
        str,
        Meta(
            description="`status`, `permission`, `endpoint`, `endpoint_status`, `endpoint_type`, `fallback`,"
            " in this order."
        ),
    ]
    found: str
    ok: bool


class TestedRoute(Struct, kw_only=True):
    """What would become of a call to the number now, and each step on the way there."""

    number: str
    steps: list[RouteStep]
    outcome: RoutedCall | AskedWebhook | RejectedCall


class SipCredentials(Struct, kw_only=True):
    """What a SIP user agent needs to make calls from the number. The password is told once, and kept nowhere."""

    username: str
    password: Annotated[str | None, Meta(description="Null in a replay: it is not kept.")]
    realm: str
    domain: str
    uri: Annotated[str, Meta(description="The address of the account, as it is in From.")]


class DeletedCredentials(Struct, kw_only=True):
    username: str
    deleted: bool


class AskedCredentials(Struct, kw_only=True, forbid_unknown_fields=True):
    """As it came in the call's Proxy-Authorization or Authorization."""

    username: Annotated[Written, Meta(description="The user of the SIP account; one that cannot be is rejected.")]


class ChallengedAccount(Struct, kw_only=True, tag_field="action", tag="challenge"):
    """The digest of the call must be one for `realm` that `ha1` checks (MD5; RFC 2617 3.2.2.2, RFC 7616)."""

    username: str
    realm: str
    ha1: str
    organization_id: str
    phone_number_id: str


def sip_credentials(made: MadeCredentials, password: str | None, sip_domain: str) -> SipCredentials:
    return SipCredentials(
        username=made.username,
        password=password,
        realm=made.realm,
        domain=sip_domain,
        uri=f"sip:{made.username}@{sip_domain}",
    )


def challenged_account(decided: Challenge | Reject) -> ChallengedAccount | RejectedCall:
    if isinstance(decided, Reject):
        return _rejected(decided)
    return ChallengedAccount(
        username=decided.account.phone_number_id,
        realm=decided.credentials.realm,
        ha1=decided.credentials.ha1,
        organization_id=decided.account.organization_id,
        phone_number_id=decided.account.phone_number_id,
    )


def routed_call(decided: Route | Reject) -> RoutedCall | RejectedCall:
    if isinstance(decided, Reject):
        return _rejected(decided)
    holding = decided.holding
    return RoutedCall(
        sip_uri=decided.sip_uri,
        number=holding.number,
        phone_number_id=holding.phone_number_id,
        organization_id=holding.organization_id,
        endpoint_id=decided.endpoint_id,
        fallback=_fallback(decided.fallback),
        via_fallback=decided.via_fallback,
    )


def _fallback(standby: Standby | None) -> Fallback | None:
    return Fallback(endpoint_id=standby.endpoint_id, sip_uri=standby.sip_uri) if standby else None


def allowed_call(decided: Allow | Reject) -> AllowedCall | RejectedCall:
    if isinstance(decided, Reject):
        return _rejected(decided)
    holding = decided.holding
    return AllowedCall(
        caller_id=holding.number,
        to=decided.to,
        phone_number_id=holding.phone_number_id,
        organization_id=holding.organization_id,
    )


def _rejected(decided: Reject) -> RejectedCall:
    return RejectedCall(sip_code=decided.sip_code, cause=decided.cause, reason=decided.reason)


def asked_webhook(decided: Ask) -> AskedWebhook:
    holding = decided.holding
    return AskedWebhook(
        url=decided.target.url,
        number=holding.number,
        phone_number_id=holding.phone_number_id,
        organization_id=holding.organization_id,
        endpoint_id=decided.target.id,
        fallback=_fallback(standby_of(holding)),
    )


def tested_route(holding: Holding, steps: Sequence[Step], decided: Route | Ask | Reject) -> TestedRoute:
    outcome = asked_webhook(decided) if isinstance(decided, Ask) else routed_call(decided)
    told = [RouteStep(step=step.name, found=step.found, ok=step.cause is None) for step in steps]
    return TestedRoute(number=holding.number, steps=told, outcome=outcome)
