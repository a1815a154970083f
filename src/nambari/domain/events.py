"""What do we announce? The one list of event names."""

from enum import StrEnum


class Event(StrEnum):
    NUMBER_PURCHASED = "phone_number.purchased"
    NUMBER_UPDATED = "phone_number.updated"
    NUMBER_RELEASED = "phone_number.released"
    ENDPOINT_CREATED = "endpoint.created"
    ENDPOINT_UPDATED = "endpoint.updated"
    ENDPOINT_DELETED = "endpoint.deleted"
    KYC_VERIFIED = "kyc.verified"
    KYC_DECLINED = "kyc.declined"
    PAYMENT_RECEIVED = "payment.received"
