"""How are numbers found, bought, configured, released and taken back? And holds, which keep one for a while."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from nambari_client.objects import (
    AvailableNumber,
    AvailableNumberPage,
    DeletedCredentials,
    DeletedHold,
    HistoryPage,
    HistoryRecord,
    Hold,
    HoldPage,
    PhoneNumber,
    PhoneNumberDetail,
    PhoneNumberPage,
    Quote,
    ReleaseForeseen,
    SipCredentials,
    TestedRoute,
)
from nambari_client.request import PagedRequest, Request, ask, changed, given, pages, read, write

NumberType = Literal["local", "mobile", "toll_free"]
NumberStatus = Literal["active", "pending", "porting", "released", "suspended"]
NUMBERS = ("v1", "phone-numbers")


def list_phone_numbers(
    *,
    status: NumberStatus | None = None,
    country: str | None = None,
    type: NumberType | None = None,
    endpoint_id: str | None = None,
    number: str | None = None,
    contains: str | None = None,
    tag: str | None = None,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[PhoneNumber, PhoneNumberPage]:
    """The numbers that you own, newest first; released ones only by `status="released"`.

    `number` is E.164 and exact, `contains` are digits in it. `limit` is the size of a page, at most 100.
    """
    return pages(
        PhoneNumberPage,
        "phone_numbers",
        *NUMBERS,
        status=status,
        country=country,
        type=type,
        endpoint_id=endpoint_id,
        number=number,
        contains=contains,
        tag=tag,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def search_available_numbers(
    *,
    country: str,
    type: NumberType | None = None,
    area_code: str | None = None,
    contains: str | None = None,
    locality: str | None = None,
    max_monthly_cost_cents: int | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> PagedRequest[AvailableNumber, AvailableNumberPage]:
    """Numbers that are for sale in a country (ISO 3166-1 alpha-2). `contains` are digits, `*` is any one.

    Its pages are by offset: what is bought or held while they are walked, by you or others, moves up what follows, and
    as many numbers are passed over at the next page. To buy several, take a `list` of what you need first.
    """
    return pages(
        AvailableNumberPage,
        "phone_numbers",
        *NUMBERS,
        "available",
        country=country,
        type=type,
        area_code=area_code,
        contains=contains,
        locality=locality,
        max_monthly_cost_cents=max_monthly_cost_cents,
        limit=limit,
        offset=offset,
    )


def get_phone_number(number_id: str) -> Request[PhoneNumberDetail]:
    """One number, with its endpoint and its SIP address. Also one that you released."""
    return read(PhoneNumberDetail, *NUMBERS, number_id)


def purchase_phone_number(
    inventory_id: str,
    *,
    endpoint_id: str | None = None,
    fallback_endpoint_id: str | None = None,
    allow_inbound: bool = True,
    allow_outbound: bool = True,
    label: str | None = None,
    tags: Sequence[str] = (),
    max_total_cents: int | None = None,
    wait_seconds: int | None = None,
    idempotency_key: str | None = None,
) -> Request[PhoneNumber]:
    """Buy a number that the search has shown. `max_total_cents` caps set-up and first month together.

    A carrier's number may be answered as `pending`: `wait_seconds`, at most 20, are waited for what the carrier says.
    """
    body = given(
        inventory_id=inventory_id,
        endpoint_id=endpoint_id,
        fallback_endpoint_id=fallback_endpoint_id,
        allow_inbound=allow_inbound,
        allow_outbound=allow_outbound,
        label=label,
        tags=tuple(tags),
        max_total_cents=max_total_cents,
    )
    return write("POST", PhoneNumber, *NUMBERS, body=body, wait_seconds=wait_seconds, key=idempotency_key)


def quote_phone_number(
    inventory_id: str,
    *,
    endpoint_id: str | None = None,
    fallback_endpoint_id: str | None = None,
    label: str | None = None,
    tags: Sequence[str] = (),
    max_total_cents: int | None = None,
) -> Request[Quote]:
    """What the purchase would cost now, or the refusal that it would get. Nothing is bought."""
    body = given(
        inventory_id=inventory_id,
        endpoint_id=endpoint_id,
        fallback_endpoint_id=fallback_endpoint_id,
        label=label,
        tags=tuple(tags),
        max_total_cents=max_total_cents,
        validate_only=True,
    )
    return ask(Quote, *NUMBERS, body=body)


def update_phone_number(
    number_id: str,
    *,
    endpoint_id: str | UnsetType | None = UNSET,
    fallback_endpoint_id: str | UnsetType | None = UNSET,
    allow_inbound: bool | UnsetType = UNSET,
    allow_outbound: bool | UnsetType = UNSET,
    label: str | UnsetType | None = UNSET,
    tags: Sequence[str] | UnsetType = UNSET,
    deletion_lock: bool | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Request[PhoneNumber]:
    """Configure a number. What is left out stays; `endpoint_id=None` detaches, `label=None` clears."""
    body = changed(
        endpoint_id=endpoint_id,
        fallback_endpoint_id=fallback_endpoint_id,
        allow_inbound=allow_inbound,
        allow_outbound=allow_outbound,
        label=label,
        tags=tags if isinstance(tags, UnsetType) else tuple(tags),
        deletion_lock=deletion_lock,
    )
    return write("PATCH", PhoneNumber, *NUMBERS, number_id, body=body, key=idempotency_key)


def release_phone_number(number_id: str, *, idempotency_key: str | None = None) -> Request[PhoneNumber]:
    """Give a number back to the pool. `foresee_release` tells beforehand what would be lost."""
    return write("DELETE", PhoneNumber, *NUMBERS, number_id, key=idempotency_key)


def foresee_release(number_id: str) -> Request[ReleaseForeseen]:
    """What a release would take from you, or the refusal that it would get. Nothing is released."""
    return write("DELETE", ReleaseForeseen, *NUMBERS, number_id, key=None, dry_run=True)


def restore_phone_number(
    number_id: str, *, max_total_cents: int | None = None, idempotency_key: str | None = None
) -> Request[PhoneNumber]:
    """Take a released number back, while nobody else has it and within 10 days.

    `max_total_cents` caps what it takes: a month, where the one that was paid is over, or nothing.
    """
    body = given(max_total_cents=max_total_cents)
    return write("POST", PhoneNumber, *NUMBERS, number_id, "restore", body=body, key=idempotency_key)


def get_phone_number_history(
    number_id: str,
    *,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[HistoryRecord, HistoryPage]:
    """Every change of a number: what, from, to, when, by which key."""
    return pages(
        HistoryPage,
        "history",
        *NUMBERS,
        number_id,
        "history",
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def test_route(number_id: str, *, from_: str | None = None) -> Request[TestedRoute]:
    """What would become of a call to the number now, step by step."""
    return ask(TestedRoute, *NUMBERS, number_id, "test-route", body=given(from_=from_))


def make_sip_credentials(number_id: str, *, idempotency_key: str | None = None) -> Request[SipCredentials]:
    """A new password for calls from the number, told in this answer alone; the one before works no more."""
    return write("POST", SipCredentials, *NUMBERS, number_id, "sip-credentials", key=idempotency_key)


def delete_sip_credentials(number_id: str, *, idempotency_key: str | None = None) -> Request[DeletedCredentials]:
    """From the next call on nobody makes calls with them."""
    return write("DELETE", DeletedCredentials, *NUMBERS, number_id, "sip-credentials", key=idempotency_key)


# ── Holds ────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_holds(
    *, limit: int | None = None, offset: int | None = None, starting_after: str | None = None
) -> PagedRequest[Hold, HoldPage]:
    """The numbers that are held for you, newest first."""
    return pages(HoldPage, "holds", "v1", "holds", limit=limit, offset=offset, starting_after=starting_after)


def create_hold(inventory_id: str, *, minutes: int = 15, idempotency_key: str | None = None) -> Request[Hold]:
    """Keep a number back for so many minutes, at most 60. Buying it uses the hold up."""
    body = given(inventory_id=inventory_id, minutes=minutes)
    return write("POST", Hold, "v1", "holds", body=body, key=idempotency_key)


def delete_hold(hold_id: str, *, idempotency_key: str | None = None) -> Request[DeletedHold]:
    """Let a held number go."""
    return write("DELETE", DeletedHold, "v1", "holds", hold_id, key=idempotency_key)
