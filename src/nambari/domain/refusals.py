"""Why did the caller get this code? Every reason to say no: one class per public code.

A refusal's `meaning` is what the reference says of it; its message is the sentence for the person at hand.
HTTP statuses are not known here: api/errors.py gives each code its own.
"""

from typing import Any, ClassVar

from nambari.domain.money import display


class Refusal(Exception):
    code: ClassVar[str]
    meaning: ClassVar[str]

    def __init__(self, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details
        self.request_id: str | None = None  # set on a replayed refusal: the request that was first refused
        self.retry_after_seconds: float | None = None  # where it is known when the same request may be served


class KycRequired(Refusal):
    code = "KYC_REQUIRED"
    meaning = (
        "KYC is not completed: not submitted, or declined (`details.kyc_status` says which); or the number requires"
        " what is not on file (`details.missing_requirements`)."
    )


class KycPending(Refusal):
    code = "KYC_PENDING"
    meaning = (
        "KYC is submitted and not decided yet; or all that the number still requires is under review"
        " (`details.missing_requirements`)."
    )


class InsufficientBalance(Refusal):
    code = "INSUFFICIENT_BALANCE"
    meaning = "Not enough credits; `details` has `required_cents`, `available_cents` and `shortfall_cents`."


class NumberNotAvailable(Refusal):
    code = "NUMBER_NOT_AVAILABLE"
    meaning = "The inventory number is gone, held by another, or never was."


class ValidationError(Refusal):
    code = "VALIDATION_ERROR"
    meaning = "A field, query parameter or body breaks the schema; `details.fields` lists each with a message."


class InvalidJson(Refusal):
    code = "INVALID_JSON"
    meaning = "The body is not JSON."


class MissingApiKey(Refusal):
    code = "MISSING_API_KEY"
    meaning = "The request carries no API key."


class InvalidApiKey(Refusal):
    code = "INVALID_API_KEY"
    meaning = "The API key is not known, or was revoked."


class ApiKeyExpired(Refusal):
    code = "API_KEY_EXPIRED"
    meaning = "The API key was valid until its expiry, which has passed."


class InsufficientScope(Refusal):
    code = "INSUFFICIENT_SCOPE"
    meaning = "The API key lacks the scope that this operation needs; `details.required` names it."


class IpNotAllowed(Refusal):
    code = "IP_NOT_ALLOWED"
    meaning = "The API key has a list of addresses, and the request comes from another."


class CountryNotAllowed(Refusal):
    code = "COUNTRY_NOT_ALLOWED"
    meaning = (
        "The API key takes numbers of some countries only (`details.countries`), and `details.country` is none of them."
    )


class SpendingCapExceeded(Refusal):
    code = "SPENDING_CAP_EXCEEDED"
    meaning = (
        "The API key would spend more in this calendar month (UTC) than its cap; `details` has `required_cents`,"
        " `cap_cents`, `spent_cents` and `resets_at`. Purchases, restores and porting orders count, renewals do not."
    )


class NumberNotFound(Refusal):
    code = "NUMBER_NOT_FOUND"
    meaning = "The organization has no phone number of this id in this environment."


class EndpointNotFound(Refusal):
    code = "ENDPOINT_NOT_FOUND"
    meaning = "The organization has no endpoint of this id in this environment."


class NotFound(Refusal):
    code = "NOT_FOUND"
    meaning = "There is no such path, or no such object of any other kind."


class MethodNotAllowed(Refusal):
    code = "METHOD_NOT_ALLOWED"
    meaning = "The path exists, and does not take this method; the `Allow` header lists those it takes."


class IdempotencyConflict(Refusal):
    code = "IDEMPOTENCY_CONFLICT"
    meaning = "The Idempotency-Key was used for another request, or its first request is still running."


class PriceChanged(Refusal):
    code = "PRICE_CHANGED"
    meaning = "`max_total_cents` was given and the price is higher; nothing was bought."


class InvalidState(Refusal):
    code = "INVALID_STATE"
    meaning = "The status of the object does not allow this; `details.status` tells it."


class DeletionLocked(Refusal):
    code = "DELETION_LOCKED"
    meaning = "The phone number's `deletion_lock` is on: switch it off before the release."


class PayloadTooLarge(Refusal):
    code = "PAYLOAD_TOO_LARGE"
    meaning = "The body is larger than the service takes."


class UnsupportedMediaType(Refusal):
    code = "UNSUPPORTED_MEDIA_TYPE"
    meaning = "The body is of another type than the operation takes: application/json, or a file of a document."


class RateLimitExceeded(Refusal):
    code = "RATE_LIMIT_EXCEEDED"
    meaning = (
        "More requests than the organization's plan allows; `details.exceeded` names the limit, and `retry_after`"
        " tells in how many seconds to come again."
    )


class InternalError(Refusal):
    code = "INTERNAL_ERROR"
    meaning = "A bug of ours; give us the `request_id`."


class ServiceUnavailable(Refusal):
    code = "SERVICE_UNAVAILABLE"
    meaning = "The database or a carrier cannot be reached; try again as `Retry-After` says."


CATALOGUE: tuple[type[Refusal], ...] = (
    KycRequired,
    KycPending,
    InsufficientBalance,
    NumberNotAvailable,
    ValidationError,
    InvalidJson,
    MissingApiKey,
    InvalidApiKey,
    ApiKeyExpired,
    InsufficientScope,
    IpNotAllowed,
    CountryNotAllowed,
    SpendingCapExceeded,
    NumberNotFound,
    EndpointNotFound,
    NotFound,
    MethodNotAllowed,
    IdempotencyConflict,
    PriceChanged,
    InvalidState,
    DeletionLocked,
    PayloadTooLarge,
    UnsupportedMediaType,
    RateLimitExceeded,
    InternalError,
    ServiceUnavailable,
)


MOST_FAULTS_TOLD = 20
"""A body of a hundred thousand unknown fields gets no answer of as many sentences."""


def insufficient_balance(purpose: str, required_cents: int, available_cents: int, currency: str) -> InsufficientBalance:
    """`purpose` says what the credits are needed for, as `for this number`."""
    shortfall = required_cents - available_cents
    return InsufficientBalance(
        f"You need {display(required_cents, currency)} of credits {purpose} and have"
        f" {display(available_cents, currency)}. Add {display(shortfall, currency)} and try again.",
        required_cents=required_cents,
        available_cents=available_cents,
        shortfall_cents=shortfall,
    )


def invalid(field: str, message: str) -> ValidationError:
    """The refusal of one field; `message` continues the sentence that the field's name begins."""
    return invalid_fields([(field, message)])


def invalid_fields(faults: list[tuple[str, str]]) -> ValidationError:
    """The refusal of all the fields that break the schema, told at once."""
    faults = faults[:MOST_FAULTS_TOLD]
    sentence = "; ".join(f"{field} {message}" for field, message in faults)
    return ValidationError(
        f"Check the request: {sentence}.",
        fields=[{"field": field, "message": message} for field, message in faults],
    )
