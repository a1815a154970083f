"""What does a form say? It is read as the body that an API client would have sent, by the same shapes."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from msgspec import Struct

from nambari.api.reading import query_of, read_body
from nambari.domain.money import MOST_CENTS
from nambari.domain.refusals import UnsupportedMediaType, invalid

MOST_FIELDS = 100
DONE = "done"
"""The parameter by which a form tells the page that it leads to what was done."""
_AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")

Asked = Request[Any, Any, Any]
Shape = TypeVar("Shape", bound=Struct)


class Form:
    """Fields by name, in the order given. A field that is not there is empty."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)

    def text(self, name: str) -> str:
        """The first of this name, without spaces around it."""
        return next((value.strip() for given, value in self._pairs if given == name), "")

    def exact(self, name: str) -> str:
        """The first of this name as it is: for passwords."""
        return next((value for given, value in self._pairs if given == name), "")

    def texts(self, name: str) -> list[str]:
        return [value for given, value in self._pairs if given == name]

    def words(self, name: str) -> list[str]:
        """What stands between commas."""
        return [word for part in self.text(name).split(",") if (word := part.strip())]

    def ticked(self, name: str) -> bool:
        return bool(self.text(name))

    def values(self) -> dict[str, str]:
        """Those that are not empty, to fill the form in again."""
        return {name: value for name, _ in self._pairs if (value := self.text(name))}

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(msgspec.json.encode(self._pairs)).digest()


def form_of(pairs: bytes) -> Form:
    """Raises ValidationError for what no browser sends."""
    try:
        found = parse_qsl(pairs.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise invalid("form", "must be UTF-8, percent-encoded") from None
    except ValueError:
        raise invalid("form", f"must have at most {MOST_FIELDS} fields") from None
    return Form(found)


async def read_form(request: Asked) -> Form:
    """Raises UnsupportedMediaType, ValidationError."""
    if request.content_type[0] != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as a browser does.")
    return form_of(await request.body())


def as_body(values: dict[str, Any], shape: type[Shape]) -> Shape:
    """Raises ValidationError with every field that is at fault."""
    return read_body(msgspec.json.encode(values), shape)


def as_query(request: Asked, shape: type[Shape]) -> Shape:
    """The parameters of a page, of which empty ones ask nothing, nor what a form said of it. Raises ValidationError."""
    values = form_of(request.scope["query_string"]).values()
    values.pop(DONE, None)
    return query_of(values, shape)


def price_of(form: Form) -> int:
    """The price that the page showed, beyond which nothing may be taken. Every shape refuses what is none."""
    price = form.text("max_total_cents")
    return int(price) if price.isascii() and price.isdigit() and len(price) < 15 else -1


def cents_of(text: str, field: str = "amount") -> int:
    """`12.50` → 1250. Raises ValidationError."""
    found = _AMOUNT.fullmatch(text)
    cents = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else 0
    if not 0 < cents <= MOST_CENTS:
        raise invalid(field, "must be an amount above zero, such as 50 or 12.50")
    return cents
