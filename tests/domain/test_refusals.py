"""The catalogue of refusals: whole, without doubles, each with its status and its meaning."""

import re

import pytest

from nambari.api.errors import STATUS
from nambari.domain import refusals
from nambari.domain.refusals import CATALOGUE, Refusal, invalid, invalid_fields

OURS = {"COUNTRY_NOT_ALLOWED", "SPENDING_CAP_EXCEEDED"}
"""Not in the contract: docs/decisions/0055."""

CONTRACT = {
    400: {"KYC_REQUIRED", "KYC_PENDING", "INSUFFICIENT_BALANCE", "VALIDATION_ERROR", "INVALID_JSON"},
    401: {"MISSING_API_KEY", "INVALID_API_KEY", "API_KEY_EXPIRED"},
    403: {"INSUFFICIENT_SCOPE", "IP_NOT_ALLOWED", *OURS},
    404: {"NUMBER_NOT_AVAILABLE", "NUMBER_NOT_FOUND", "ENDPOINT_NOT_FOUND", "NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    409: {"IDEMPOTENCY_CONFLICT", "PRICE_CHANGED", "INVALID_STATE", "DELETION_LOCKED"},
    413: {"PAYLOAD_TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    429: {"RATE_LIMIT_EXCEEDED"},
    500: {"INTERNAL_ERROR"},
    503: {"SERVICE_UNAVAILABLE"},
}


def test_every_refusal_there_is_is_in_the_catalogue_once() -> None:
    there_are = {each for each in vars(refusals).values() if isinstance(each, type) and issubclass(each, Refusal)}
    assert set(CATALOGUE) == there_are - {Refusal}
    assert len(CATALOGUE) == len(set(CATALOGUE))


def test_codes_are_unique() -> None:
    codes = [each.code for each in CATALOGUE]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code) for code in codes)


def test_each_has_the_status_of_the_contract() -> None:
    assert set(STATUS) == set(CATALOGUE)
    by_status: dict[int, set[str]] = {}
    for refusal, status in STATUS.items():
        by_status.setdefault(status, set()).add(refusal.code)
    assert by_status == CONTRACT


@pytest.mark.parametrize("refusal", CATALOGUE)
def test_each_is_named_by_its_code_and_explained(refusal: type[Refusal]) -> None:
    assert re.sub(r"(?<!^)(?=[A-Z])", "_", refusal.__name__).upper() == refusal.code
    assert refusal.meaning.endswith(".")


def test_invalid_fields_are_told_all_at_once() -> None:
    refusal = invalid_fields([("a", "is required"), ("b", "must be a number")])
    assert refusal.sentence == "Check the request: a is required; b must be a number."
    told = [{"field": "a", "message": "is required"}, {"field": "b", "message": "must be a number"}]
    assert refusal.details == {"fields": told}
    assert invalid("a", "is required").details == {"fields": told[:1]}
