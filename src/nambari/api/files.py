"""How do files read in the OpenAPI document, as bodies that are sent and answers that are saved?"""

from typing import Any

from nambari.api.headers import of_answer
from nambari.domain.document import MOST_BYTES, MediaType

Schema = dict[str, Any]

_OF_FILES = ("Content-Disposition", "X-Content-Type-Options", "Content-Security-Policy")


def sent() -> Schema:
    return {
        "required": True,
        "description": f"The file itself, at most {MOST_BYTES // 1_000_000} MB; its type is checked by its content.",
        "content": _content(),
    }


def answered(*, asks_for_key: bool) -> Schema:
    return {
        "description": "The file itself, to be saved.",
        "headers": of_answer(is_write=False, asks_for_key=asks_for_key)
        | {name: {"$ref": f"#/components/headers/{name}"} for name in _OF_FILES},
        "content": _content(),
    }


def _content() -> Schema:
    return {each.value: {"schema": {"type": "string", "format": "binary"}} for each in MediaType}
