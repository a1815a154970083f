"""What carriers answer when they say no, which no mock of a document can show: each with where it is told.

Bodies are in the carrier's published form, with its published code and words; the rest of the words is ours.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True)
class Recorded:
    """An answer instead of the deed: nothing was done."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _twilio(status: int, code: int, message: str, **headers: str) -> Recorded:
    """The form: https://www.twilio.com/docs/usage/twilios-response."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return Recorded(status, msgspec.json.encode(body), headers)


def _telnyx(status: int, code: str, title: str, detail: str, **headers: str) -> Recorded:
    """The form: schema `numbers_Error` of documents/telnyx.json.gz."""
    meta = {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"}
    error: dict[str, Any] = {"code": code, "title": title, "detail": detail, "meta": meta}
    return Recorded(status, msgspec.json.encode({"errors": [error]}), headers)


PROXYS_PAGE = Recorded(502, b"<html><head><title>502 Bad Gateway</title></head></html>", {"content-type": "text/html"})
PROXYS_NO = Recorded(403, b"<html><body>Blocked by policy</body></html>", {"content-type": "text/html"})
"""Of no carrier's: what answers in the way, as nginx does."""

# https://www.twilio.com/docs/api/errors/21422: not owned by Twilio, or reserved for another account.
TWILIO_TAKEN = _twilio(400, 21422, "PhoneNumber is not available")
# https://www.twilio.com/docs/api/errors/21631, as of the changelog of 2019-09-10.
TWILIO_ADDRESS = _twilio(400, 21631, "Phone Number Requires an Address")
# https://www.twilio.com/docs/api/errors/21613
TWILIO_CERTIFIED = _twilio(400, 21613, "PhoneNumber Requires an Address")
# Reported in public: "Bundle [BUxxx] status is not twilio-approved" with code 21649; "Bundle required and not provided"
# with status 400 (hail-hq/hail#45).
TWILIO_BUNDLE = _twilio(400, 21649, "Bundle status is not twilio-approved")
# https://www.twilio.com/docs/api/errors/20005: "potentially because you ran out of funds".
TWILIO_FUNDS = _twilio(400, 20005, "Account not active")
# https://www.twilio.com/docs/api/errors/20003
TWILIO_STRANGER = _twilio(401, 20003, "Authenticate")
# https://www.twilio.com/docs/api/errors/20429
TWILIO_THROTTLED = _twilio(429, 20429, "Too Many Requests", **{"retry-after": "1"})
# OrchardCMS/OrchardCore#18484 quotes the answer. It says nothing of what was done.
TWILIO_AWAY = _twilio(503, 20503, "Service is unavailable, please try again")
TWILIO_LATER = _twilio(503, 20503, "Service is unavailable, please try again", **{"retry-after": "30"})
TWILIO_BROKEN = _twilio(500, 20500, "Internal Server Error")

# Sold between search and order. The code is as a public integration reads it; status and words are supposed.
TELNYX_TAKEN = _telnyx(400, "85001", "Phone number unavailable", "The phone number is not available any more.")
# As above: somebody has reserved it.
TELNYX_RESERVED = _telnyx(422, "85006", "Phone number reserved", "The phone number is reserved.")
# As above: the account is out of money.
TELNYX_FUNDS = _telnyx(403, "20100", "Insufficient Funds", "You do not have enough money.")
TELNYX_FUNDS_422 = _telnyx(422, "20100", "Insufficient Funds", "You do not have enough money.")
# https://developers.telnyx.com/development/api-fundamentals/api-errors: 10015, and 10009 with the key in its words.
TELNYX_MALFORMED = _telnyx(400, "10015", "Bad Request", "The request failed because it was not well-formed.")
TELNYX_STRANGER = _telnyx(401, "10009", "Authentication failed", "No key found matching the ID 'KEY-telnyx-secret'")
# https://developers.telnyx.com/development/api-fundamentals/reliability/rate-limiting: without Retry-After.
TELNYX_THROTTLED = _telnyx(
    429,
    "10011",
    "Too many requests",
    "You have exceeded the maximum number of allowed requests.",
    **{"x-ratelimit-limit": "40, 40;w=60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "17"},
)
# As above: 10007.
TELNYX_BROKEN = _telnyx(500, "10007", "Unexpected error", "An unexpected error occured.")
