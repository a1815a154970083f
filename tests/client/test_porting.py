"""The client on documents, which are sent and come back as files, and on porting orders."""

import asyncio
from datetime import date
from pathlib import Path

import httpx2
import pytest
from tests.api.papers import PDF, PNG
from tests.api.porters import NUMBER, priced
from tests.api.serving import serving
from tests.api.test_requirements import require
from tests.cast import World
from tests.client.test_asking import client_of

from nambari.domain.access import Environment
from nambari.settings import Settings
from nambari_client import AsyncClient, Client, UnexpectedAnswer, errors


async def test_a_number_from_another_carrier(world: World) -> None:
    alice = await world.person()
    await priced(world)
    async with client_of(world, alice.api_key) as client:
        order = await client.create_porting_order(NUMBER, account_number="AC-1", authorized_on=date(2020, 1, 18))
        assert (order.status, order.authorized_on, order.foc_at) == ("draft", date(2020, 1, 18), None)
        with pytest.raises(errors.ValidationError) as wanting:
            await client.submit_porting_order(order.id)
        assert "current_carrier" in {each.field for each in wanting.value.fields}
        letter = await client.send_document(PDF, "application/pdf", type="letter_of_authorization", country="GB")
        bill = await client.send_document(PDF, "application/pdf", type="recent_bill", country="GB")
        identity = await client.send_document(PNG, "image/png", type="identity", country="GB")
        changed = await client.update_porting_order(
            order.id,
            current_carrier="Example Telecom",
            authorized_name="Ada Example",
            billing_name="Example Limited",
            billing_address="1 Example Street, London",
            letter_of_authorization_id=letter.id,
            recent_bill_id=bill.id,
            identity_id=identity.id,
        )
        assert (changed.account_number, changed.recent_bill_id) == ("AC-1", bill.id)
        submitted = await client.submit_porting_order(order.id)
        assert submitted.status == "submitted"
        assert (await client.get_phone_number(str(submitted.phone_number_id))).status == "porting"
        assert [each.id async for each in client.list_porting_orders(status="submitted")] == [order.id]
        assert (await client.cancel_porting_order(order.id)).ended_at is not None
        assert (await client.get_porting_order(order.id)).status == "cancelled"


async def test_a_document_comes_back_as_it_was_sent(world: World, settings: Settings, dsn: str) -> None:
    tester = await world.person(environment=Environment.TEST)

    def story(base_url: str) -> None:
        with Client(tester.api_key, base_url=base_url) as client:
            document = client.send_document(
                PDF, "application/pdf", type="identity", country="GB", expires_on=date(2098, 5, 31), idempotency_key="1"
            )
            assert (document.media_type, document.size_bytes, document.status) == (
                "application/pdf",
                len(PDF),
                "accepted",
            )
            assert document.expires_on == date(2098, 5, 31)
            again = client.send_document(
                PDF, "application/pdf", type="identity", country="GB", expires_on=date(2098, 5, 31), idempotency_key="1"
            )
            assert again == document == client.get_document(document.id)
            assert client.get_document_content(document.id) == PDF
            assert [each.id for each in client.list_documents()] == [document.id]
            with pytest.raises(errors.ValidationError):
                client.send_document(b"no picture", "image/png", type="identity", country="GB")
            with pytest.raises(errors.NotFound):
                client.get_document_content("doc_none")

    async with serving(settings, dsn) as port:
        await asyncio.to_thread(story, f"http://127.0.0.1:{port}")


async def test_a_page_of_a_proxy_is_no_document() -> None:
    def page(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, html="<h1>Sign in</h1>")

    async with AsyncClient("key", base_url="http://x", transport=httpx2.MockTransport(page)) as client:
        with pytest.raises(UnexpectedAnswer, match="no file"):
            await client.get_document_content("doc_1")


async def test_a_number_says_what_it_still_requires_and_what_is_under_review(world: World, tmp_path: Path) -> None:
    alice = await world.person()
    [item] = await world.stock()
    await require(world, tmp_path, "GB,local,individual,identity")
    async with client_of(world, alice.api_key) as client:
        with pytest.raises(errors.KycRequired) as wanting:
            await client.purchase_phone_number(item)
        assert wanting.value.missing_requirements == ["identity"]
        await client.send_document(PDF, "application/pdf", type="identity", country="GB")
        with pytest.raises(errors.KycPending) as waiting:
            await client.quote_phone_number(item)
        assert waiting.value.missing_requirements == ["identity"]
