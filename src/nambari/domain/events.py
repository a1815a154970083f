"""What do we write down, and what of it do we announce? The one list of event names, with what each says.

Every event is in the audit trail. Those that are `announced` are for customers' webhooks too; no other ever is.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from nambari.domain.endpoint import Endpoint
from nambari.domain.payloads import (
    BalanceLow,
    CallRejected,
    CallRouted,
    DocumentFacts,
    KeyFacts,
    KycDecision,
    OrganizationFacts,
    PaymentReceived,
    PinFacts,
    PortingFacts,
    PortOutFacts,
    SipAccountName,
)
from nambari.domain.phone_number import Change, PhoneNumber
from nambari.domain.subscriber import Webhook

_OF_A_CALL = "`call_id`, `direction`, `from`, `to`, `phone_number_id`"


class Event(StrEnum):
    meaning: str
    data: str
    payload: type
    announced: bool

    def __new__(cls, name: str, meaning: str, data: str, payload: type, announced: bool = True) -> Self:  # noqa: FBT001, FBT002
        """`data` says in words what `payload` is the type of."""
        event = str.__new__(cls, name)
        event._value_ = name
        event.meaning = meaning
        event.data = data
        event.payload = payload
        event.announced = announced
        return event

    NUMBER_PURCHASED = (
        "phone_number.purchased",
        "A number was bought: it is active and paid; or pending, and paid for once its carrier has delivered it.",
        "the phone number",
        PhoneNumber,
    )
    NUMBER_ACTIVATED = (
        "phone_number.activated",
        "A number that was pending at a carrier, or porting from one, has come: it is active.",
        "the phone number",
        PhoneNumber,
    )
    NUMBER_FAILED = (
        "phone_number.failed",
        "A number that was pending cannot be had: nothing was taken, what was held is free again.",
        "the phone number as it ended; `status_reason` says why",
        PhoneNumber,
    )
    NUMBER_UPDATED = (
        "phone_number.updated",
        "A number was configured, lost its endpoint because that was deleted, or stays as a port-out was cancelled.",
        "the phone number as it is now",
        PhoneNumber,
    )
    NUMBER_RENEWED = (
        "phone_number.renewed",
        "One or more months of a number were paid.",
        "the phone number; `changes` has the next renewal",
        PhoneNumber,
        False,
    )
    NUMBER_SUSPENDED = (
        "phone_number.suspended",
        "Credits did not suffice for a month: no calls are made from the number until they do.",
        "the phone number; `releases_at` is when it will be released",
        PhoneNumber,
    )
    NUMBER_RESUMED = (
        "phone_number.resumed",
        "The credits sufficed again: what was due is paid, and the number is active.",
        "the phone number",
        PhoneNumber,
    )
    NUMBER_RELEASED = (
        "phone_number.released",
        "A number was given back, or taken as it stayed unpaid, and is for sale again; or it moved to another carrier.",
        "the phone number as it ended",
        PhoneNumber,
    )
    NUMBER_RESTORED = (
        "phone_number.restored",
        "Its former owner took a released number back.",
        "the phone number",
        PhoneNumber,
    )
    ENDPOINT_CREATED = (
        "endpoint.created",
        "An endpoint was made.",
        "the endpoint",
        Endpoint,
    )
    ENDPOINT_UPDATED = (
        "endpoint.updated",
        "An endpoint was changed.",
        "the endpoint as it is now",
        Endpoint,
    )
    CREDENTIALS_CREATED = (
        "sip_credentials.created",
        "SIP credentials were made for a number; recorded in its history.",
        "`phone_number_id`, `username`; nothing secret",
        SipAccountName,
        False,
    )
    CREDENTIALS_ROTATED = (
        "sip_credentials.rotated",
        "The SIP credentials of a number were given another password.",
        "`phone_number_id`, `username`; nothing secret",
        SipAccountName,
        False,
    )
    CREDENTIALS_DELETED = (
        "sip_credentials.deleted",
        "The SIP credentials of a number were deleted. A release deletes them too, with no event of their own.",
        "`phone_number_id`, `username`; nothing secret",
        SipAccountName,
        False,
    )
    NUMBER_PORTING = (
        "phone_number.porting",
        "A number is on its way to us, and routes and costs nothing yet; or from us, and works until it has left.",
        "the phone number; `porting_direction` tells which",
        PhoneNumber,
    )
    ENDPOINT_DELETED = (
        "endpoint.deleted",
        "An endpoint was deleted; each of its numbers was detached, with an event of its own.",
        "the endpoint as it was",
        Endpoint,
    )
    CALL_ROUTED = (
        "call.routed",
        "A call to a number was sent to an agent (to a fallback: for which cause), or one from it was let through.",
        f"{_OF_A_CALL}; `endpoint_id`, `sip_uri` and, from a fallback, `via_fallback`; or `caller_id`",
        CallRouted,
    )
    CALL_REJECTED = (
        "call.rejected",
        "A call to a number, or from one, was rejected.",
        f"{_OF_A_CALL}; `cause`, `sip_code`, `reason`",
        CallRejected,
    )
    KYC_SUBMITTED = (
        "kyc.submitted",
        "KYC was submitted, and is to be decided.",
        "`kyc_status`",
        KycDecision,
        False,
    )
    KYC_VERIFIED = (
        "kyc.verified",
        "An operator approved the KYC case: numbers can be bought.",
        "`kyc_status`",
        KycDecision,
    )
    KYC_DECLINED = (
        "kyc.declined",
        "An operator declined the KYC case; it may be submitted again.",
        "`kyc_status`",
        KycDecision,
    )
    DOCUMENT_SUBMITTED = (
        "document.submitted",
        "A document was sent, and is to be reviewed.",
        "the document",
        DocumentFacts,
        False,
    )
    DOCUMENT_ACCEPTED = (
        "document.accepted",
        "An operator accepted a document: it counts for what numbers require.",
        "the document, without what is in it",
        DocumentFacts,
    )
    DOCUMENT_REJECTED = (
        "document.rejected",
        "An operator rejected a document; the document tells why, and another can be sent.",
        "the document, without what is in it",
        DocumentFacts,
    )
    DOCUMENT_EXPIRING = (
        "document.expiring",
        "A document expires within 30 days: send another in time.",
        "the document, without what is in it",
        DocumentFacts,
    )
    DOCUMENT_EXPIRED = (
        "document.expired",
        "A document has expired: it counts no more for numbers that are bought from now on.",
        "the document, without what is in it",
        DocumentFacts,
    )
    DOCUMENT_ERASED = (
        "document.erased",
        "An operator erased the file of a document; what was decided of it stays.",
        "the document, without what is in it",
        DocumentFacts,
    )
    PORTING_CREATED = (
        "porting.created",
        "A porting order was made, as a draft.",
        "the order, without names and addresses",
        PortingFacts,
        False,
    )
    PORTING_UPDATED = (
        "porting.updated",
        "A porting order was changed.",
        "the order, without names and addresses",
        PortingFacts,
        False,
    )
    PORTING_SUBMITTED = (
        "porting.submitted",
        "A porting order was submitted, for the first time or again.",
        "the order",
        PortingFacts,
    )
    PORTING_IN_REVIEW = (
        "porting.in_review",
        "A porting order is being looked at.",
        "the order, without names and addresses",
        PortingFacts,
    )
    PORTING_EXCEPTION = (
        "porting.exception",
        "Something is missing or wrong in a porting order; `missing` names the fields. Change it and submit it again.",
        "the order, without names and addresses",
        PortingFacts,
    )
    PORTING_SCHEDULED = (
        "porting.foc_scheduled",
        "The current carrier has confirmed when the number moves, or has moved that date.",
        "the order; `foc_at` is when",
        PortingFacts,
    )
    PORTING_COMPLETED = (
        "porting.completed",
        "The number has moved: it is active, and its first month begins.",
        "the order, without names and addresses",
        PortingFacts,
    )
    PORTING_CANCELLED = (
        "porting.cancelled",
        "A porting order was cancelled, by you or by the operator: the number stays where it was.",
        "the order, without names and addresses",
        PortingFacts,
    )
    PIN_SET = (
        "port_out.pin_set",
        "The port-out PIN was set, or set anew: whoever knows it can have numbers moved to another carrier.",
        "`set_at`; never the PIN",
        PinFacts,
    )
    PORT_OUT_REFUSED = (
        "port_out.refused",
        "Another carrier asked for a number without the right PIN: nothing was changed.",
        "the port-out; `reason` says why",
        PortOutFacts,
    )
    PORT_OUT_SCHEDULED = (
        "port_out.scheduled",
        "Another carrier asked for a number with the PIN: it leaves; or the date of that was moved.",
        "the port-out; `leaves_at` is when",
        PortOutFacts,
    )
    PORT_OUT_COMPLETED = (
        "port_out.completed",
        "A number has moved to another carrier: it is released, and nobody can buy it here.",
        "the port-out",
        PortOutFacts,
    )
    PORT_OUT_CANCELLED = (
        "port_out.cancelled",
        "A port-out was cancelled: the number stays, active or suspended as it is.",
        "the port-out; it tells the reason",
        PortOutFacts,
    )
    BALANCE_LOW = (
        "balance.low",
        "The credits will not last for the renewals of the next 7 days.",
        "`available_cents`, `required_cents`, `shortfall_cents`; `short`: the numbers concerned and their dates",
        BalanceLow,
    )
    PAYMENT_RECEIVED = (
        "payment.received",
        "Credits were added.",
        "`transaction_id`, `amount_cents`, `balance_cents` after it; `currency`",
        PaymentReceived,
    )
    ORGANIZATION_CREATED = (
        "organization.created",
        "The organization was taken in; one line in each environment, where its trail begins.",
        "`plan`",
        OrganizationFacts,
        False,
    )
    ORGANIZATION_UPDATED = (
        "organization.updated",
        "An operator put the organization on another plan; one line in each environment.",
        "`plan`",
        OrganizationFacts,
        False,
    )
    KEY_CREATED = (
        "api_key.created",
        "An API key was made; recorded in the environment that it is for.",
        "the key as a list shows it, with nothing secret",
        KeyFacts,
        False,
    )
    KEY_REVOKED = (
        "api_key.revoked",
        "An API key was revoked: it works nowhere any more.",
        "the key as a list shows it, with nothing secret",
        KeyFacts,
        False,
    )
    WEBHOOK_CREATED = (
        "webhook.created",
        "A webhook was made.",
        "the webhook, without its secret",
        Webhook,
        False,
    )
    WEBHOOK_UPDATED = (
        "webhook.updated",
        "A webhook was changed, or given another secret.",
        "the webhook as it is now, without its secret",
        Webhook,
        False,
    )
    WEBHOOK_DISABLED = (
        "webhook.disabled",
        "Nothing had arrived at a webhook for a week: it is told no more until somebody activates it.",
        "the webhook as it is now, without its secret",
        Webhook,
    )
    WEBHOOK_DELETED = (
        "webhook.deleted",
        "A webhook was deleted.",
        "the webhook as it was, without its secret",
        Webhook,
        False,
    )


OF_CALLS = (Event.CALL_ROUTED, Event.CALL_REJECTED)
"""What comes with every call, and changes nothing: a trail of all else leaves it out."""

OF_CHANGES = tuple(event for event in Event if event not in OF_CALLS)

MEANT: dict[str, tuple[Event, ...]] = {event.value: (event,) for event in Event}
"""What a list of events can be asked for, and which those are: one by its name, or a group, such as `api_key.*`."""
for _event in Event:
    _group = f"{_event.rpartition('.')[0]}.*"
    MEANT[_group] = (*MEANT.get(_group, ()), _event)

SUBSCRIPTIONS: dict[str, tuple[Event, ...]] = {
    "*": tuple(event for event in Event if event.announced),
    **{name: told for name, events in MEANT.items() if (told := tuple(event for event in events if event.announced))},
}
"""What a webhook can ask for, and which events those are: `*` for all that are announced, one name, or a group."""


def from_nothing(values: Mapping[str, object]) -> list[Change]:
    """The changes by which something begins. What is null goes unsaid: it was so before."""
    return [Change(name, None, value) for name, value in values.items() if value is not None]


def to_nothing(values: Mapping[str, object]) -> list[Change]:
    """The changes by which something ends."""
    return [Change(name, value, None) for name, value in values.items() if value is not None]
