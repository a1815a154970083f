"""What a number requires of its buyer: the search, a quote and a purchase say the same."""

from pathlib import Path

import pytest
from tests.api.asking import bought, refused
from tests.api.papers import accepted, sent
from tests.api.testers import tester_of
from tests.cast import Person, World, assert_invariants
from tests.moving import MovingWorld
from tests.operations.test_between_facts_and_write import Rival, buy, rival

from nambari.domain.kyc import Applicant, ApplicantKind
from nambari.domain.purchase import Order
from nambari.domain.refusals import KycRequired
from nambari.operations import documents, kyc, requirements
from nambari.operations.requirements import shipped

__all__ = ["rival"]  # a fixture
HEADER = "country,type,kind,requires,source\n"


async def require(world: World, tmp_path: Path, *lines: str) -> None:
    file = tmp_path / "requirements.csv"
    file.write_text(HEADER + "".join(f"{line},a test\n" for line in lines), encoding="utf-8")
    await requirements.import_file(world.services, file)


async def business(world: World) -> Person:
    person = await world.person(verified=False)
    attempt, now = world.operator(person.organization_id), world.services.clock()
    await kyc.submit(world.services, attempt, Applicant("Acme", "GB", ApplicantKind.BUSINESS), now)
    await kyc.approve(world.services, attempt, now)
    return person


async def lacking(person: Person, item: str) -> list[str]:
    """What the search says is missing; a quote and a purchase must say the same."""
    found = (await person.client.get("/v1/phone-numbers/available?country=GB")).json()["phone_numbers"]
    [told] = [each for each in found if each["inventory_id"] == item]
    assert told["purchasable"] is not bool(told["missing_requirements"])
    missing: list[str] = told["missing_requirements"]
    for body in ({"inventory_id": item, "validate_only": True}, *([{"inventory_id": item}] if missing else [])):
        answer = await person.client.post("/v1/phone-numbers", json=body)
        if not missing:
            assert answer.status_code == 200, answer.text
        elif "kyc" not in missing:
            assert answer.json()["code"] in {"KYC_REQUIRED", "KYC_PENDING"}, answer.text
            assert answer.json()["details"]["missing_requirements"] == missing
    return missing


async def refusal(person: Person, item: str) -> tuple[str, str]:
    answer = await person.client.post("/v1/phone-numbers", json={"inventory_id": item})
    assert answer.status_code == 400, answer.text
    return answer.json()["code"], answer.json()["error"]


async def test_from_nothing_on_file_to_a_number(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,identity local_address")
    alice = await world.person()
    [item, other] = await world.stock(2)
    assert await lacking(alice, item) == ["identity", "local_address"]
    assert await refusal(alice, item) == (
        "KYC_REQUIRED",
        (
            "For this number we need on file: a passport or other official identity document, a proof of an address in"
            " the country of the number. Send it with POST /v1/kyc/documents."
        ),
    )
    await accepted(world, alice.client, "proof_of_address", country="FR")
    assert await lacking(alice, item) == ["identity", "local_address"], "an address elsewhere is none here"
    await sent(alice.client, "identity")
    await sent(alice.client, "proof_of_address", country="GB")
    assert await refusal(alice, item) == (
        "KYC_PENDING",
        "Your documents for this number are under review. You can have it as soon as they are accepted.",
    )
    for each in await world.fetch("SELECT id FROM documents WHERE status = 'pending' ORDER BY type"):
        assert await lacking(alice, item)
        await documents.accept_document(world.services, each["id"], None, "req_test", world.services.clock())
    assert await lacking(alice, item) == []
    await bought(alice.client, item)
    mallory = await world.person()
    assert await lacking(mallory, other) == ["identity", "local_address"], "each has a file of its own"
    await assert_invariants(world)


async def test_what_is_rejected_or_of_another_kind_counts_for_nothing(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,identity", "GB,local,business,business_registration")
    alice, acme = await world.person(), await business(world)
    [item] = await world.stock()
    document = await sent(alice.client)
    await documents.reject_document(world.services, document["id"], "Unreadable", "req_test", world.services.clock())
    await accepted(world, alice.client, "recent_bill")
    assert await lacking(alice, item) == ["identity"]
    assert (await refusal(alice, item))[0] == "KYC_REQUIRED"
    await accepted(world, acme.client, "identity")
    assert await lacking(acme, item) == ["business_registration"]
    await accepted(world, acme.client, "business_registration")
    assert await lacking(acme, item) == []


async def test_numbers_for_businesses_only(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,business_customer identity", "GB,local,business,")
    alice, acme = await world.person(), await business(world)
    [item] = await world.stock()
    assert await lacking(alice, item) == ["business_customer", "identity"]
    assert (await refusal(alice, item))[1] == "Numbers like this one are for businesses only."
    assert await lacking(acme, item) == []


async def test_other_numbers_and_the_test_environment_are_as_before(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,mobile,individual,identity", "FR,local,individual,identity")
    alice, tester = await world.person(), await tester_of(world)
    [item], [free] = await world.stock(), await world.stock(environment="test")
    assert await lacking(alice, item) == []
    await require(world, tmp_path, "GB,local,individual,identity")
    assert await lacking(alice, item) == ["identity"]
    await bought(tester.client, free)
    details = refused(
        await tester.client.post("/v1/phone-numbers", json={"inventory_id": "inv_test_documents_required"}),
        400,
        "KYC_REQUIRED",
    )
    assert details == {"missing_requirements": ["identity"]}


async def test_kyc_itself_comes_first(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,identity")
    alice = await world.person(verified=False)
    [item] = await world.stock()
    assert await lacking(alice, item) == ["kyc", "identity"]
    details = refused(await alice.client.post("/v1/phone-numbers", json={"inventory_id": item}), 400, "KYC_REQUIRED")
    assert details == {"kyc_status": "not_submitted"}


async def test_the_number_comes_before_what_it_requires_and_the_endpoint_after(world: World, tmp_path: Path) -> None:
    await require(world, tmp_path, "GB,local,individual,identity")
    alice = await world.person()
    [item] = await world.stock()
    for body, status, code in (
        ({"inventory_id": "inv_none", "endpoint_id": "ep_none"}, 404, "NUMBER_NOT_AVAILABLE"),
        ({"inventory_id": item, "endpoint_id": "ep_none"}, 400, "KYC_REQUIRED"),
    ):
        refused(await alice.client.post("/v1/phone-numbers", json=body), status, code)


async def test_a_rule_between_facts_and_write_is_seen(world: World, rival: Rival) -> None:
    """The claim takes only what was decided on: a purchase that read the old rules looks again."""
    alice = await world.person()
    [item] = await world.stock()

    def a_rule() -> None:
        rival.execute("INSERT INTO requirements VALUES ('GB', 'local', 'individual', '{identity}', 'a test')")

    with pytest.raises(KycRequired) as refusal:
        await buy(world, alice, Order(inventory_id=item), a_rule)
    assert refusal.value.details == {"missing_requirements": ["identity"]}
    assert await world.value("SELECT status FROM inventory WHERE id = $1", item) == "available"
    await assert_invariants(world)


async def test_a_document_that_expires_is_told_of_and_counts_no_more(moving: MovingWorld, tmp_path: Path) -> None:
    await require(moving, tmp_path, "GB,local,individual,identity")
    alice = await moving.person()
    [item, other] = await moving.stock(2)
    expires_on = (moving.clock.now.date()).replace(year=2026, month=3, day=31)
    document = await accepted(moving, alice.client, expires_on=expires_on.isoformat())
    number = await bought(alice.client, item)

    async def told() -> list[str]:
        rows = await moving.fetch("SELECT event FROM events WHERE subject_id = $1 ORDER BY sequence", document)
        return [row["event"] for row in rows][2:]

    await moving.pass_days(29)
    assert await told() == []
    await moving.pass_days(2)
    assert await told() == ["document.expiring"]
    await moving.pass_days(27)
    assert await told() == ["document.expiring"]
    assert await lacking(alice, other) == []
    await moving.pass_days(3)
    assert await told() == ["document.expiring", "document.expired"]
    assert await lacking(alice, other) == ["identity"]
    await moving.pass_days(5)
    assert await told() == ["document.expiring", "document.expired"]
    seen = (await alice.client.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert seen["status"] == "active", "what is owned stays"


async def test_the_test_clock_brings_the_warning(world: World) -> None:
    tester = await tester_of(world)
    now = (await tester.client.get("/v1/test/clock")).json()["now"]
    year = int(now[:4]) + 1
    await sent(tester.client, expires_on=f"{year}-06-30")
    answer = await tester.client.post("/v1/test/clock", json={"advance_days": 400})
    assert answer.status_code == 200, answer.text
    answer = await tester.client.post("/v1/test/clock", json={"advance_days": 300})
    rows = await world.fetch(
        "SELECT event, created_at FROM events WHERE event LIKE 'document.expir%' ORDER BY sequence"
    )
    assert [row["event"] for row in rows] == ["document.expiring", "document.expired"]
    assert [row["created_at"].isoformat() for row in rows] == [
        f"{year}-06-01T00:00:00+00:00",
        f"{year}-07-01T00:00:00+00:00",
    ]


def test_the_shipped_catalogue_is_sound() -> None:
    checked = shipped()
    assert not checked.faults
    assert {rule.country for rule in checked.rules} <= {"NG", "KE", "ZA", "AE", "GB", "US"}
    assert all("http" in rule.source for rule in checked.rules)


async def test_the_shipped_catalogue_can_be_put_in_force(world: World) -> None:
    assert await requirements.import_file(world.services, None) == len(shipped().rules)
    assert len(await requirements.rules(world.services, None)) == len(shipped().rules)
