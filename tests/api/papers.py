"""Documents as tests send them."""

from typing import Any

import httpx2
from tests.cast import World

from nambari.operations import documents

PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


async def send(
    client: httpx2.AsyncClient,
    type_: str = "identity",
    *,
    country: str = "GB",
    content: bytes = PDF,
    media_type: str = "application/pdf",
    key: str | None = None,
    **query: str,
) -> httpx2.Response:
    headers = {"content-type": media_type, **({"Idempotency-Key": key} if key else {})}
    params = {"type": type_, "country": country, **query}
    return await client.post("/v1/kyc/documents", params=params, content=content, headers=headers)


async def sent(client: httpx2.AsyncClient, type_: str = "identity", **wanted: Any) -> dict[str, Any]:
    answer = await send(client, type_, **wanted)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def accepted(world: World, client: httpx2.AsyncClient, type_: str = "identity", **wanted: Any) -> str:
    """The id of a document that the operator has accepted."""
    document = await sent(client, type_, **wanted)
    await documents.accept_document(world.services, document["id"], None, "req_test", world.services.clock())
    return str(document["id"])
