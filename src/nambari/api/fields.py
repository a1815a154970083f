"""What may a single value be? The types that the fields of bodies and query parameters are made of."""

from enum import Enum
from typing import Annotated, Literal

from msgspec import Meta
from phonenumbers import SUPPORTED_REGIONS

from nambari.domain.events import MEANT, SUBSCRIPTIONS
from nambari.domain.money import MOST_CENTS


def _saying(sentence: str) -> dict[str, str]:
    """What to answer where a pattern does not match: people do not read regular expressions."""
    return {"says": sentence}


Country = Enum("Country", {region: region for region in sorted(SUPPORTED_REGIONS)}, type=str)  # type: ignore[misc]
Country.__doc__ = "ISO 3166-1 alpha-2, as far as libphonenumber knows numbers of it."

EventFilter = Enum("EventFilter", {name: name for name in MEANT}, type=str)  # type: ignore[misc]
EventFilter.__doc__ = "The name of an event, or of a group of them."

Subscription = Enum("Subscription", {name: name for name in SUBSCRIPTIONS}, type=str)  # type: ignore[misc]
Subscription.__doc__ = "The name of an event that webhooks are told of, of a group of them, or `*` for all."

NumberType = Literal["local", "mobile", "toll_free"]
Provider = Literal["elevenlabs", "vapi", "retell", "livekit", "custom"]
# Patterns end in \Z here, for $ lets a line break pass in Python; the OpenAPI document says $, which there does not.
Id = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,100}\Z",
        extra=_saying("must be 1 to 100 characters, none of them a control character"),
    ),
]
# Of these two spaces one is known as such to Python's expressions alone, the other to those of ECMA-262 alone.
WORDS = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f\x85\ufeff][^\x00-\x1f\x7f]*\Z"
WORDS_RULE = _saying("must have at least one visible character and no control characters")
Text = Annotated[str, Meta(min_length=1, max_length=100, pattern=WORDS, extra=WORDS_RULE)]
Label = Annotated[
    str,
    Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z", extra=_saying("must have no control characters")),
]
Tag = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,49}\Z",
        extra=_saying("must be 1 to 50 letters, digits or _ . : - and begin with a letter or digit"),
    ),
]
Tags = Annotated[list[Tag], Meta(max_length=20)]
Cents = Annotated[int, Meta(ge=0, le=MOST_CENTS)]
Digits = Annotated[
    str, Meta(pattern=r"^[0-9*]{1,15}\Z", extra=_saying("must be 1 to 15 digits, with * for any one digit"))
]
Day = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z",
        extra=_saying("must be a date, such as 2030-01-31"),
        extra_json_schema={"format": "date"},
    ),
]
E164 = Annotated[
    str,
    Meta(
        pattern=r"^\+[1-9][0-9]{1,14}\Z",
        extra=_saying("must be an E.164 number, such as +442079460123 (in a URL, + is written %2B)"),
    ),
]
AreaCode = Annotated[str, Meta(pattern=r"^[0-9]{1,10}\Z", extra=_saying("must be 1 to 10 digits"))]
