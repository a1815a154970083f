"""What do we announce? The one list of event names, each with what it says and what its data are."""

from enum import StrEnum
from typing import Self


class Event(StrEnum):
    meaning: str
    data: str

    def __new__(cls, name: str, meaning: str, data: str) -> Self:
        event = str.__new__(cls, name)
        event._value_ = name
        event.meaning = meaning
        event.data = data
        return event

    NUMBER_PURCHASED = (
        "phone_number.purchased",
        "A number was bought: it is active, its set-up and first month are paid.",
        "the phone number",
    )
    NUMBER_UPDATED = (
        "phone_number.updated",
        "A number was configured, or lost its endpoint because that was deleted.",
        "the phone number as it is now",
    )
    NUMBER_RELEASED = (
        "phone_number.released",
        "A number was given back; it is for sale again.",
        "the phone number as it ended",
    )
    ENDPOINT_CREATED = ("endpoint.created", "An endpoint was made.", "the endpoint")
    ENDPOINT_UPDATED = ("endpoint.updated", "An endpoint was changed.", "the endpoint as it is now")
    ENDPOINT_DELETED = (
        "endpoint.deleted",
        "An endpoint was deleted; each of its numbers was detached, with an event of its own.",
        "the endpoint as it was",
    )
    KYC_VERIFIED = ("kyc.verified", "An operator approved the KYC case: numbers can be bought.", "`kyc_status`")
    KYC_DECLINED = ("kyc.declined", "An operator declined the KYC case; it may be submitted again.", "`kyc_status`")
    PAYMENT_RECEIVED = (
        "payment.received",
        "Credits were added.",
        "`transaction_id`, `amount_cents`, `balance_cents` after it",
    )
