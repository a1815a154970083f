"""How is a number brought from another carrier? By a porting order: drafted, submitted, and moved on its day."""

from datetime import date
from typing import Literal

from msgspec import UNSET, UnsetType

from nambari_client.objects import PortingOrder, PortingOrderPage
from nambari_client.request import PagedRequest, Request, changed, given, pages, read, write

OrderStatus = Literal["cancelled", "completed", "draft", "exception", "foc_scheduled", "in_review", "submitted"]
ORDERS = ("v1", "porting-orders")


def list_porting_orders(
    *,
    status: OrderStatus | None = None,
    limit: int | None = None,
    offset: int | None = None,
    starting_after: str | None = None,
) -> PagedRequest[PortingOrder, PortingOrderPage]:
    """Newest first."""
    return pages(
        PortingOrderPage,
        "porting_orders",
        *ORDERS,
        status=status,
        limit=limit,
        offset=offset,
        starting_after=starting_after,
    )


def get_porting_order(order_id: str) -> Request[PortingOrder]:
    return read(PortingOrder, *ORDERS, order_id)


def create_porting_order(
    number: str,
    *,
    current_carrier: str | None = None,
    account_number: str | None = None,
    authorized_name: str | None = None,
    authorized_on: date | None = None,
    billing_name: str | None = None,
    billing_address: str | None = None,
    letter_of_authorization_id: str | None = None,
    recent_bill_id: str | None = None,
    identity_id: str | None = None,
    idempotency_key: str | None = None,
) -> Request[PortingOrder]:
    """A draft for a number in E.164: nothing happens until it is submitted, and all else may be given later.

    Documents are sent with `send_document` before.
    """
    body = given(
        number=number,
        current_carrier=current_carrier,
        account_number=account_number,
        authorized_name=authorized_name,
        authorized_on=authorized_on,
        billing_name=billing_name,
        billing_address=billing_address,
        letter_of_authorization_id=letter_of_authorization_id,
        recent_bill_id=recent_bill_id,
        identity_id=identity_id,
    )
    return write("POST", PortingOrder, *ORDERS, body=body, key=idempotency_key)


def update_porting_order(
    order_id: str,
    *,
    current_carrier: str | UnsetType = UNSET,
    account_number: str | UnsetType = UNSET,
    authorized_name: str | UnsetType = UNSET,
    authorized_on: date | UnsetType = UNSET,
    billing_name: str | UnsetType = UNSET,
    billing_address: str | UnsetType = UNSET,
    letter_of_authorization_id: str | UnsetType = UNSET,
    recent_bill_id: str | UnsetType = UNSET,
    identity_id: str | UnsetType = UNSET,
    idempotency_key: str | None = None,
) -> Request[PortingOrder]:
    """While it is a draft, or an exception. What is left out stays as it is."""
    body = changed(
        current_carrier=current_carrier,
        account_number=account_number,
        authorized_name=authorized_name,
        authorized_on=authorized_on,
        billing_name=billing_name,
        billing_address=billing_address,
        letter_of_authorization_id=letter_of_authorization_id,
        recent_bill_id=recent_bill_id,
        identity_id=identity_id,
    )
    return write("PATCH", PortingOrder, *ORDERS, order_id, body=body, key=idempotency_key)


def submit_porting_order(order_id: str, *, idempotency_key: str | None = None) -> Request[PortingOrder]:
    """The number is yours as `porting`: it can be configured, and routes and costs nothing until it has moved."""
    return write("POST", PortingOrder, *ORDERS, order_id, "submit", key=idempotency_key)


def cancel_porting_order(order_id: str, *, idempotency_key: str | None = None) -> Request[PortingOrder]:
    """Until there is a date; after that, ask the operator."""
    return write("POST", PortingOrder, *ORDERS, order_id, "cancel", key=idempotency_key)
