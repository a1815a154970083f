"""Why did it not work? One class for each code that the API answers, and what can go wrong on the way there."""

from typing import Any, Generic, TypeVar, overload

from msgspec import Struct

Value = TypeVar("Value")


class NambariError(Exception):
    """Whatever this client raises of itself."""


class InvalidArgument(NambariError, ValueError):
    """What was given cannot be sent: no id, no key, no address, no text. Nothing was asked."""


class NoApiKey(NambariError):
    """There is no API key: neither given nor in the environment."""


class ConnectionFailed(NambariError):
    """The server was not reached, or the answer did not arrive.

    `outcome_unknown`: the request may have been done. Sent again with the same `idempotency_key`, it is not done twice.
    """

    def __init__(self, sentence: str, *, outcome_unknown: bool, idempotency_key: str | None) -> None:
        super().__init__(sentence)
        self.outcome_unknown = outcome_unknown
        self.idempotency_key = idempotency_key


class UnexpectedAnswer(NambariError):
    """What came back is none of the API's answers: something else is at that address, or in between."""

    def __init__(self, sentence: str, *, status: int, request_id: str | None) -> None:
        super().__init__(sentence)
        self.status = status
        self.request_id = request_id


class ApiError(NambariError):
    """The API refused: `sentence` is for people, `code` for programs, `request_id` for the server's operator.

    A code that this client does not know yet is an ApiError of no narrower class.
    """

    code: str = ""

    def __init__(
        self,
        sentence: str,
        *,
        status: int,
        code: str | None = None,
        details: dict[str, Any] | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.code = code or type(self).code
        self.details = details or {}
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.sentence} ({self.code}{request})"


class Detail(Generic[Value]):
    """One of `details` by its name; None where the server left it out."""

    def __set_name__(self, owner: type[ApiError], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, error: None, owner: type[ApiError]) -> "Detail[Value]": ...
    @overload
    def __get__(self, error: ApiError, owner: type[ApiError]) -> Value | None: ...
    def __get__(self, error: ApiError | None, owner: type[ApiError]) -> "Detail[Value] | Value | None":
        if error is None:
            return self
        return error.details.get(self._name)


class FieldFault(Struct):
    """One field that breaks the schema, and how: `message` continues the sentence that the field's name begins."""

    field: str
    message: str


class KycRequired(ApiError):
    """`missing_requirements`: what the number requires and is not on file, where that is why."""

    code = "KYC_REQUIRED"
    kyc_status = Detail[str]()
    missing_requirements = Detail[list[str]]()


class KycPending(ApiError):
    code = "KYC_PENDING"
    missing_requirements = Detail[list[str]]()


class InsufficientBalance(ApiError):
    code = "INSUFFICIENT_BALANCE"
    required_cents = Detail[int]()
    available_cents = Detail[int]()
    shortfall_cents = Detail[int]()


class NumberNotAvailable(ApiError):
    code = "NUMBER_NOT_AVAILABLE"


class ValidationError(ApiError):
    code = "VALIDATION_ERROR"

    @property
    def fields(self) -> list[FieldFault]:
        """Every fault at once."""
        faults = self.details.get("fields", ())
        return [FieldFault(str(each.get("field")), str(each.get("message"))) for each in faults]


class InvalidJson(ApiError):
    code = "INVALID_JSON"


class MissingApiKey(ApiError):
    code = "MISSING_API_KEY"


class InvalidApiKey(ApiError):
    code = "INVALID_API_KEY"


class ApiKeyExpired(ApiError):
    code = "API_KEY_EXPIRED"


class InsufficientScope(ApiError):
    code = "INSUFFICIENT_SCOPE"
    required = Detail[str]()


class IpNotAllowed(ApiError):
    code = "IP_NOT_ALLOWED"


class CountryNotAllowed(ApiError):
    code = "COUNTRY_NOT_ALLOWED"
    country = Detail[str]()
    countries = Detail[list[str]]()


class SpendingCapExceeded(ApiError):
    """`resets_at` is RFC 3339, as the server told it."""

    code = "SPENDING_CAP_EXCEEDED"
    required_cents = Detail[int]()
    cap_cents = Detail[int]()
    spent_cents = Detail[int]()
    resets_at = Detail[str]()


class NumberNotFound(ApiError):
    code = "NUMBER_NOT_FOUND"


class EndpointNotFound(ApiError):
    code = "ENDPOINT_NOT_FOUND"


class NotFound(ApiError):
    code = "NOT_FOUND"


class MethodNotAllowed(ApiError):
    code = "METHOD_NOT_ALLOWED"


class IdempotencyConflict(ApiError):
    code = "IDEMPOTENCY_CONFLICT"


class PriceChanged(ApiError):
    code = "PRICE_CHANGED"
    total_cents = Detail[int]()
    max_total_cents = Detail[int]()


class InvalidState(ApiError):
    """`live_holds`: how many numbers you hold, where it is too many."""

    code = "INVALID_STATE"
    live_holds = Detail[int]()

    @property
    def object_status(self) -> str | None:
        """The status of the object, which does not allow this. (`status` is the HTTP status.)"""
        return self.details.get("status")


class DeletionLocked(ApiError):
    code = "DELETION_LOCKED"


class PayloadTooLarge(ApiError):
    code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaType(ApiError):
    code = "UNSUPPORTED_MEDIA_TYPE"


class RateLimitExceeded(ApiError):
    code = "RATE_LIMIT_EXCEEDED"
    exceeded = Detail[str]()
    allowed = Detail[int]()


class InternalError(ApiError):
    code = "INTERNAL_ERROR"


class ServiceUnavailable(ApiError):
    code = "SERVICE_UNAVAILABLE"


BY_CODE: dict[str, type[ApiError]] = {each.code: each for each in ApiError.__subclasses__()}
