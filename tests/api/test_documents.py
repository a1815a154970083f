"""Documents of a KYC file: what is taken, how it is given back, and who sees it."""

import asyncio

import pytest
from tests.api.asking import but_for_the_id, faults, refused
from tests.api.papers import JPEG, PDF, PNG, accepted, send, sent
from tests.cast import World

from nambari.domain.access import Environment
from nambari.domain.document import COUNTED_AT_LEAST_BYTES, MOST_BYTES, MOST_KEPT_BYTES, MOST_PENDING
from nambari.operations import documents


async def test_a_document_as_it_is_told(world: World) -> None:
    alice = await world.person()
    document = await sent(alice.client, expires_on="2099-05-31")
    assert document.pop("id").startswith("doc_")
    assert document.pop("created_at").endswith("Z")
    assert document == {
        "type": "identity",
        "country": "GB",
        "media_type": "application/pdf",
        "size_bytes": len(PDF),
        "status": "pending",
        "reason": None,
        "expires_on": "2099-05-31",
        "decided_at": None,
        "erased_at": None,
    }
    second = await sent(alice.client, "proof_of_address", content=PNG, media_type="image/png")
    assert second["expires_on"] is None
    third = await sent(alice.client, "recent_bill", content=JPEG, media_type="Image/JPEG")
    page = (await alice.client.get("/v1/kyc/documents?limit=2")).json()
    assert [each["id"] for each in page.pop("documents")] == [third["id"], second["id"]]
    assert page == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    rest = (await alice.client.get(f"/v1/kyc/documents?starting_after={second['id']}")).json()
    assert [each["type"] for each in rest["documents"]] == ["identity"]
    assert (await alice.client.get(f"/v1/kyc/documents/{third['id']}")).json() == third
    assert faults(await alice.client.get("/v1/kyc/documents?starting_after=doc_none")) == {
        "starting_after": "is not the id of an item in this list"
    }


async def test_a_file_is_saved_and_never_shown(world: World) -> None:
    alice = await world.person()
    content = PDF + b"<html><script>alert(1)</script>" + bytes(range(256)) * 100
    document = await sent(alice.client, content=content)
    answer = await alice.client.get(f"/v1/kyc/documents/{document['id']}/content")
    assert answer.content == content
    told = {name: answer.headers[name] for name in ("content-type", "content-disposition", "x-content-type-options")}
    assert told == {
        "content-type": "application/pdf",
        "content-disposition": f'attachment; filename="{document["id"]}.pdf"',
        "x-content-type-options": "nosniff",
    }
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("content", "media_type", "message"),
    [
        (b"", "application/pdf", "is required: send the file itself"),
        (b"<html></html>", "application/pdf", "is no PDF, PNG or JPEG file"),
        (b" " + PDF, "application/pdf", "is no PDF, PNG or JPEG file"),
        (b"%PDF-", "application/pdf", "is no PDF, PNG or JPEG file"),
        (b"GIF89a", "image/png", "is no PDF, PNG or JPEG file"),
        (PNG[:8], "image/png", "is no PDF, PNG or JPEG file"),
        (b"\xff\xd8\xff", "image/jpeg", "is no PDF, PNG or JPEG file"),
        (PNG, "image/jpeg", "is image/png, and Content-Type says image/jpeg"),
        (JPEG, "application/pdf", "is image/jpeg, and Content-Type says application/pdf"),
    ],
)
async def test_what_the_bytes_must_be(world: World, content: bytes, media_type: str, message: str) -> None:
    alice = await world.person()
    assert faults(await send(alice.client, content=content, media_type=media_type)) == {"body": message}
    assert await world.value("SELECT count(*) FROM documents") == 0


async def test_what_is_said_of_it_must_be_right(world: World) -> None:
    client = (await world.person()).client
    told = "Send the file itself as the body, with its type in the header Content-Type: one of application/pdf,"
    for wrong in ("text/html", "application/json", "multipart/form-data; boundary=x", "image/svg+xml", ""):
        answer = await send(client, media_type=wrong)
        refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert answer.json()["error"].startswith(told)
    assert set(faults(await send(client, "passport"))) == {"type"}
    assert set(faults(await send(client, country="XX"))) == {"country"}
    assert faults(await client.post("/v1/kyc/documents", content=PDF)) == {
        "type": "is required",
        "country": "is required",
    }
    for day in ("2030-02-30", "2030-1-1", "tomorrow", "", "\u0661999-01-01", "2030-01-31T00:00:00Z", "0000-01-01"):
        assert faults(await send(client, expires_on=day)) == {"expires_on": "must be a date, such as 2030-01-31"}, day
    assert faults(await send(client, expires_on="2020-01-31")) == {
        "expires_on": "is over: send a document that is still good"
    }
    assert faults(await send(client, expires_on="2030-01-31\0")) == {"expires_on": "must have no NUL character"}
    assert (await sent(client, expires_on="9999-12-31"))["expires_on"] == "9999-12-31"


async def test_ten_megabytes_and_no_more(world: World) -> None:
    client = (await world.person()).client
    largest = PDF + b" " * (MOST_BYTES - len(PDF))
    document = await sent(client, content=largest)
    assert document["size_bytes"] == MOST_BYTES
    assert (await client.get(f"/v1/kyc/documents/{document['id']}/content")).content == largest

    async def in_chunks() -> object:
        for _ in range(102):
            yield b" " * 100_000

    for content in (largest + b" ", in_chunks()):
        answer = await client.post(
            "/v1/kyc/documents?type=identity&country=GB",
            content=content,  # type: ignore[arg-type]
            headers={"content-type": "application/pdf"},
        )
        refused(answer, 413, "PAYLOAD_TOO_LARGE")
        assert answer.json()["error"] == "The body is too large: at most 10 MB is taken."


async def test_sent_again_with_one_key_it_is_one(world: World) -> None:
    client = (await world.person()).client
    answers = await asyncio.gather(*(send(client, key="a") for _ in range(8)))
    assert {each.status_code for each in answers} <= {201, 409}
    first, again = next(each for each in answers if each.status_code == 201), await send(client, key="a")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    refused(await send(client, key="a", content=PDF + b" "), 409, "IDEMPOTENCY_CONFLICT")
    refused(await send(client, "recent_bill", key="a"), 409, "IDEMPOTENCY_CONFLICT")
    assert await world.value("SELECT count(*) FROM documents") == 1


async def test_only_so_many_wait_at_once(world: World) -> None:
    client = (await world.person()).client
    answers = await asyncio.gather(*(send(client) for _ in range(MOST_PENDING + 5)))
    assert [each.status_code for each in answers].count(201) == MOST_PENDING
    assert await world.value("SELECT count(*) FROM documents") == MOST_PENDING
    told = "20 documents wait to be reviewed, which is the most. Wait until some are decided."
    assert {each.json()["error"] for each in answers if each.status_code != 201} == {told}
    some = await world.value("SELECT min(id) FROM documents")
    await documents.reject_document(world.services, some, "Unreadable", "req_test", world.services.clock())
    await sent(client)


@pytest.mark.parametrize("environment", Environment)
async def test_no_more_is_kept_than_so_much(world: World, environment: Environment) -> None:
    """In the test environment nothing waits for anybody; in the live one, what was decided is kept as well."""
    alice = await world.person(environment=environment)
    other = next(each for each in Environment if each is not environment)
    elsewhere = await world.person(alice.organization_id, environment=other)
    await world.fetch(
        """
        INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes, sha256,
                               content, status, created_at, decided_at)
        SELECT 'doc_' || n, $1, $2, 'identity', 'GB', 'application/pdf', 1, '', 'x', 'accepted', now(), now()
        FROM generate_series(1, $3::int) AS n RETURNING 1
        """,
        alice.organization_id,
        environment,
        MOST_KEPT_BYTES // COUNTED_AT_LEAST_BYTES - 4,
    )
    answers = await asyncio.gather(*(send(alice.client) for _ in range(8)))
    assert [each.status_code for each in answers].count(201) == 4
    told = (
        "This document would be more than is kept for one organization, 1 GB. Use one that you have sent before (list"
        " them with GET /v1/kyc/documents), or ask the operator. Nothing was changed."
    )
    for each in answers:
        if each.status_code != 201:
            refused(each, 409, "INVALID_STATE")
            assert each.json()["error"] == told
    await sent(elsewhere.client)


async def test_what_is_anothers_is_as_what_is_not(world: World) -> None:
    alice = await world.person()
    mine = await sent(alice.client)
    others = [
        await world.person(),
        await world.person(alice.organization_id, environment=Environment.TEST),
    ]
    for other in others:
        for path in ("/v1/kyc/documents/{}", "/v1/kyc/documents/{}/content"):
            anothers = await other.client.get(path.format(mine["id"]))
            nobodys = await other.client.get(path.format("doc_" + "0" * 26))
            formless = await other.client.get(path.format("X"))
            refused(anothers, 404, "NOT_FOUND")
            assert but_for_the_id(anothers) == but_for_the_id(nobodys) == but_for_the_id(formless)
        assert (await other.client.get("/v1/kyc/documents")).json()["total"] == 0
    reader = await world.person(alice.organization_id, scopes=("kyc:read",))
    refused(await send(reader.client), 403, "INSUFFICIENT_SCOPE")
    stranger = await world.person(alice.organization_id, scopes=("numbers:read",))
    refused(await stranger.client.get(f"/v1/kyc/documents/{mine['id']}/content"), 403, "INSUFFICIENT_SCOPE")


async def test_the_operators_word_is_told_and_stands_in_the_trail(world: World) -> None:
    alice = await world.person()
    good = await accepted(world, alice.client, expires_on="2099-05-31")
    bad = await sent(alice.client)
    secret = "Ada Example, born 1815, cannot be read."
    await documents.reject_document(world.services, bad["id"], secret, "req_test", world.services.clock())
    seen = (await alice.client.get(f"/v1/kyc/documents/{bad['id']}")).json()
    assert (seen["status"], seen["reason"]) == ("rejected", secret)
    events = await world.fetch(
        "SELECT event, subject_id, data::text, changes::text FROM events WHERE event LIKE 'document.%'"
        " ORDER BY sequence"
    )
    assert [(each["event"], each["subject_id"]) for each in events] == [
        ("document.submitted", good),
        ("document.accepted", good),
        ("document.submitted", bad["id"]),
        ("document.rejected", bad["id"]),
    ]
    assert not [each for each in events if "Ada" in each["data"] + each["changes"]]


async def test_in_the_test_environment_it_is_accepted_at_once(world: World) -> None:
    organization_id = await world.organization()
    tester = await world.person(organization_id, environment=Environment.TEST)
    assert (await sent(tester.client))["status"] == "accepted"
