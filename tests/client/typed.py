"""What do editors and type checkers see of the client? Never run: `make check` reads it, and each line must hold."""

from typing import assert_type

from nambari_client import UNSET, AsyncClient, AsyncPages, Client, Pages, errors
from nambari_client.objects import (
    ChallengedAccount,
    Event,
    PhoneNumber,
    PhoneNumberDetail,
    PhoneNumberPage,
    RejectedCall,
    RoutedCall,
)


def synchronously(client: Client) -> None:
    assert_type(client.get_phone_number("pn_1"), PhoneNumberDetail)
    assert_type(client.list_phone_numbers(country="NG"), Pages[PhoneNumber, PhoneNumberPage])
    for number in client.list_phone_numbers(status="active", limit=10):
        assert_type(number, PhoneNumber)
    assert_type(client.list_phone_numbers().page().total, int)
    client.update_phone_number("pn_1", endpoint_id=None, label=UNSET)
    routed = client.route_inbound(to="+442079460123", from_="+442079460999", call_id="1")
    assert_type(routed, RoutedCall | RejectedCall)
    assert_type(client.get_document_content("doc_1"), bytes)
    assert_type(client.find_credentials("pn_1"), ChallengedAccount | RejectedCall)
    client.send_document(b"", "image/gif", type="identity", country="NG")  # type: ignore[arg-type]
    client.list_phone_numbers(county="NG")  # type: ignore[call-arg]
    client.list_phone_numbers(status="sleeping")  # type: ignore[arg-type]
    client.purchase_phone_number()  # type: ignore[call-arg]


async def asynchronously(client: AsyncClient) -> None:
    assert_type(await client.get_phone_number("pn_1"), PhoneNumberDetail)
    assert_type(client.list_phone_numbers(country="NG"), AsyncPages[PhoneNumber, PhoneNumberPage])
    async for event in client.list_events(type="phone_number.*"):
        assert_type(event, Event)
    assert_type((await client.list_phone_numbers().page()).total, int)
    await client.purchase_phone_number(1)  # type: ignore[arg-type]


def refused(error: errors.InsufficientBalance) -> None:
    assert_type(error.shortfall_cents, int | None)
    assert_type(error.code, str)
