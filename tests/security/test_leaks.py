"""Does anything secret or personal get to where it does not belong? Planted, and looked for in all that is written.

In the logs of service, worker, commands and PostgreSQL at their most talkative, in every refusal, in what is measured,
in process titles, in what webhooks are sent and other tenants see; as it is and as base64, hexadecimal digits and URL.
"""

import asyncio
import base64
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.api.papers import PDF
from tests.api.porters import GIVEN
from tests.cast import World
from tests.receiver import Receiver, receiving
from tests.security.canaries import forms, found_in
from tests.story.processes import (
    HOST,
    Service,
    command_line,
    database,
    environment,
    free_port,
    postmaster,
    processes_of,
    service,
)

from nambari.operations import operators

NAME, ADDRESS = "Zéphyrine Quillfeather", "17 Marmalade Crescent, Upper Thornybush"
PERSONAL = {
    "the applicant's name": NAME,
    "what stands in a document": "passport-of-zephyrine-93",
    "the account at a carrier": "ACCT-QUOKKA-55817",
    "the authorized name": "Barnaby Thistlewaite",
    "the billing name": "Thistlewaite & Quokka",
    "the billing address": ADDRESS,
}
PASSWORD, WRONG_PASSWORD = "correct-horse-marzipan-11", "wrong-horse-nougat-17"
DOCUMENT = PDF + PERSONAL["what stands in a document"].encode()
ORDER = {
    **GIVEN,
    "number": "+442079460456",
    "account_number": PERSONAL["the account at a carrier"],
    "authorized_name": PERSONAL["the authorized name"],
    "billing_name": PERSONAL["the billing name"],
    "billing_address": ADDRESS,
}


@dataclass
class Scene:
    """The service as it is run; what was planted, and all that was written where others may read it."""

    made: Service
    world: World
    receiver: Receiver
    organization_id: str
    secret: str
    planted: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def client(self, secret: str | None = None) -> httpx2.AsyncClient:
        headers = {"x-api-key": secret} if secret else {}
        return httpx2.AsyncClient(base_url=self.made.url, headers=headers, timeout=60)

    async def refused(self, what: str, answer: httpx2.Response, *statuses: int) -> None:
        assert answer.status_code in statuses, (what, answer.status_code, answer.text)
        self.written[f"the refusal: {what}"] = f"{answer.headers}{answer.text}"


@asynccontextmanager
async def scene(home: Path, port: int) -> AsyncIterator[Scene]:
    settings = {"NAMBARI_LOG_LEVEL": "debug", "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with service(home, "--metrics", f"{HOST}:{port}") as made:
        made.settings = settings
        made.start()
        async with database(home) as world, receiving() as receiver:
            organization_id = await world.organization("Acme")
            await world.fund(organization_id, 10_000)
            await world.stock(3)
            await operators.create(world.services, "ada", PASSWORD, world.services.clock())
            _, secret = await world.key(organization_id)
            yield Scene(made, world, receiver, organization_id, secret)


async def sent(client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> Any:
    answer = await client.request(method, path, **more)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def lives(at: Scene, client: httpx2.AsyncClient) -> None:
    """All that a customer does that is secret or personal, and that goes well."""
    at.planted["the first key"] = at.secret
    hook = await sent(client, "POST", "/v1/webhooks", json={"url": at.receiver.url(), "events": ["*"]})
    at.planted["the webhook's secret"] = hook["secret"].removeprefix("whsec_")
    applicant = {"legal_name": NAME, "country": "GB", "kind": "individual"}
    await sent(client, "POST", "/v1/kyc", json=applicant, headers={"Idempotency-Key": "kyc-once"})
    files = {"content-type": "application/pdf", "Idempotency-Key": "paper-once"}
    for type_ in ("identity", "letter_of_authorization", "recent_bill"):
        query = {"type": type_, "country": "GB"}
        files["Idempotency-Key"] = type_
        paper = await sent(client, "POST", "/v1/kyc/documents", params=query, content=DOCUMENT, headers=files)
        ORDER[f"{type_}_id"] = paper["id"]
    command(at, "kyc", "approve", "--org", at.organization_id)
    [stock] = await at.world.fetch("SELECT id FROM inventory ORDER BY id LIMIT 1")
    number = await sent(client, "POST", "/v1/phone-numbers", json={"inventory_id": stock["id"], "label": "Desk"})
    sip = await sent(client, "POST", f"/v1/phone-numbers/{number['id']}/sip-credentials")
    at.planted["the SIP password"] = sip["password"]
    order = await sent(client, "POST", "/v1/porting-orders", json=ORDER, headers={"Idempotency-Key": "port-once"})
    key = {"scopes": ["numbers:read"], "name": "reader"}
    made = await sent(client, "POST", "/v1/api-keys", json=key, headers={"Idempotency-Key": "key-once"})
    at.planted["the second key"] = made["api_key"] if "api_key" in made else made["secret"]
    turned = await sent(client, "POST", f"/v1/webhooks/{hook['id']}/rotate-secret")
    at.planted["the webhook's second secret"] = turned["secret"].removeprefix("whsec_")
    asking = {"name": "Own logic", "type": "webhook", "url": "https://example.com/calls"}
    endpoint = await sent(client, "POST", "/v1/endpoints", json=asking)
    at.planted["the endpoint's secret"] = endpoint["secret"].removeprefix("whsec_")
    await sent(client, "PATCH", f"/v1/porting-orders/{order['id']}", json={"account_number": "ACCT-WOMBAT-33402"})
    at.planted["another account at a carrier"] = "ACCT-WOMBAT-33402"


async def fails(at: Scene, client: httpx2.AsyncClient) -> None:
    """Everything that can be refused, with something secret or personal in the request."""
    name, wrong = NAME, "kros_live_" + "Wr0ngKeyOfNobody" * 2
    at.planted["a wrong key"] = wrong
    async with at.client() as nobody:
        for headers in ({"x-api-key": wrong}, {"authorization": f"Bearer {wrong}"}):
            await at.refused(f"a wrong key {[*headers]}", await nobody.get("/v1/kyc", headers=headers), 401)
    post = client.post
    await at.refused("no JSON", await post("/v1/kyc", content=f'{{"legal_name": "{name}'.encode()), 400)
    await at.refused("a wrong type", await post("/v1/kyc", json={"legal_name": [name], "country": name}), 400)
    await at.refused("too long", await post("/v1/kyc", json={"legal_name": name * 20, "country": "GB"}), 400)
    await at.refused("twice", await post("/v1/kyc", json={"legal_name": name, "country": "GB"}), 409)
    await at.refused("another media type", await post("/v1/kyc/documents?type=identity&country=GB", content=name), 415)
    pdf = {"content-type": "application/pdf"}
    text = PERSONAL["what stands in a document"].encode()
    await at.refused("no PDF", await post("/v1/kyc/documents?type=identity&country=GB", content=text, headers=pdf), 400)
    await at.refused("a wrong porting order", await post("/v1/porting-orders", json={**ORDER, "number": ADDRESS}), 400)
    conflict = {"legal_name": name + "x", "country": "GB"}
    await at.refused(
        "a key for another", await post("/v1/kyc", json=conflict, headers={"Idempotency-Key": "kyc-once"}), 409
    )
    await at.refused("a path", await client.get(f"/v1/phone-numbers/{at.secret}"), 404)
    hook = {"url": f"http://user:{at.planted['the SIP password']}@10.0.0.1/", "events": ["*"]}
    await at.refused("a webhook's address", await post("/v1/webhooks", json=hook), 400)


async def at_the_console(at: Scene) -> None:
    """An operator and a customer sign in, rightly and wrongly."""
    at.planted |= {"the operator's password": PASSWORD, "a wrong password": WRONG_PASSWORD}
    for door, fields in (
        ("operator/sign-in", {"name": "ada", "password": WRONG_PASSWORD}),
        ("operator/sign-in", {"name": NAME, "password": WRONG_PASSWORD}),
        ("operator/sign-in", {"name": "ada", "password": PASSWORD}),
        ("sign-in", {"api_key": at.planted["a wrong key"]}),
        ("sign-in", {"api_key": at.secret}),
    ):
        async with at.client() as visitor:
            page = await visitor.get(f"/console/{door}")
            token = re.search(r'name="form_token" value="(\w+)"', page.text)
            assert token
            answer = await visitor.post(f"/console/{door}", data={**fields, "form_token": token[1]})
            if answer.status_code == 303:
                for name, cookie in visitor.cookies.items():
                    at.planted[f"the cookie {name} of {fields.keys()}"] = cookie
                lost = await visitor.post("/console/sign-out", data={"form_token": at.secret})
                await at.refused("a foreign form", lost, 403, 303)
            else:
                text = answer.text.replace(NAME, "")  # what somebody has typed is theirs to see
                at.written[f"the page of {door} {[*fields]}"] = text


async def breaks(at: Scene, client: httpx2.AsyncClient) -> None:
    """The database refuses what it never should: rows fail a check, and a table is gone."""
    async with at.world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE porting_orders ADD CONSTRAINT broken CHECK (id = '') NOT VALID")
        await connection.execute("ALTER TABLE documents ADD CONSTRAINT broken CHECK (id = '') NOT VALID")
        await connection.execute("ALTER TABLE api_keys ADD CONSTRAINT broken CHECK (id = '') NOT VALID")
        await connection.execute("CREATE UNIQUE INDEX broken ON porting_orders (billing_name)")
        await connection.execute("ALTER TABLE kyc ADD CONSTRAINT broken CHECK (status <> 'pending') NOT VALID")
    other = await at.world.organization("Other")
    command(at, "kyc", "submit", "--org", other, "--legal-name", NAME, "--country", "GB", code=1)
    assert "Conflict" in at.written["nambari kyc submit"], "the row got as far as the table"
    async with at.world.services.database.writing() as connection:
        await connection.execute("ALTER TABLE kyc RENAME COLUMN legal_name TO other_name")
    post = client.post
    await at.refused("an order fails a check", await post("/v1/porting-orders", json=ORDER), 500)
    query, pdf = "type=identity&country=GB", {"content-type": "application/pdf"}
    paper = await post(f"/v1/kyc/documents?{query}", content=DOCUMENT, headers=pdf)
    await at.refused("a document fails a check", paper, 500)
    await at.refused("a key fails a check", await post("/v1/api-keys", json={"scopes": ["kyc:read"]}), 500)
    await at.refused("a column is gone", await client.get("/v1/kyc"), 500)


def command(at: Scene, *arguments: str, code: int | None = 0) -> None:
    """What it writes to standard error, and to standard output where that is kept as a log is."""
    done = subprocess.run(
        [sys.executable, "-m", "nambari", *arguments],
        env=environment(at.made.home) | {"NAMBARI_LOG_LEVEL": "debug", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert code is None or done.returncode == code, done.stderr
    at.written[f"nambari {' '.join(arguments[:2])}"] = done.stderr + (done.stdout if arguments[0] == "doctor" else "")


async def gather(at: Scene, port: int) -> None:
    """All that is written by now, where others may read it."""
    command(at, "doctor", code=None)
    at.written["the log of the service"] = at.made.output
    at.written["PostgreSQL's log"] = "".join(
        path.read_text(errors="replace") for path in (at.made.home / "data").glob("*.log*")
    )
    assert "ERROR" in at.written["PostgreSQL's log"], "it was looked for in the wrong place"
    async with at.client() as nobody:
        at.written["what is measured"] = (await nobody.get(f"http://{HOST}:{port}/metrics")).text
    backends = postmaster(at.made.home).children(recursive=True)
    titles = [command_line(each) for each in (*processes_of(at.made.home), *backends)]
    assert len([title for title in titles if title]) > 5
    at.written["process titles"] = "\n".join(titles)
    statements = await at.world.fetch("SELECT query FROM pg_stat_activity")
    at.written["statements under way"] = "\n".join(str(row[0]) for row in statements)


async def test_nothing_secret_or_personal_is_written_where_it_does_not_belong(tmp_path: Path) -> None:
    port = free_port()
    async with scene(tmp_path / "home", port) as at, at.client(at.secret) as client:
        at.planted |= PERSONAL
        await lives(at, client)
        await fails(at, client)
        await at_the_console(at)
        await told_to_webhooks(at)
        await nothing_is_kept_that_opens_a_door(at)
        await seen_by_another(at)
        await breaks(at, client)
        await gather(at, port)
        found = {where: told for where, text in at.written.items() if (told := found_in(text, at.planted))}
        assert not found, "\n".join(f"{where}: {told}" for where, told in found.items())
        assert len(at.written) > 25


async def told_to_webhooks(at: Scene) -> None:
    """All events so far, as they are sent to whoever the webhook is."""
    wanted = {"kyc.verified", "phone_number.purchased", "endpoint.created"}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(90):
            while not wanted <= {*at.receiver.names}:
                await at.receiver.asked.wait()
                at.receiver.asked.clear()
    assert wanted <= {*at.receiver.names}, at.receiver.names
    text = "\n".join(f"{each.headers}{each.body.decode()}" for each in at.receiver.received)
    at.written["what a webhook is sent"] = text


async def nothing_is_kept_that_opens_a_door(at: Scene) -> None:
    """Who reads the database, or a copy of it, can sign in nowhere; only webhooks' secrets must be there to sign."""
    opens = {what: word for what, word in at.planted.items() if "key" in what or "password" in what or "cookie" in what}
    assert len(opens) > 6
    tables = await at.world.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = []
    for table in tables:
        rows += [row[0] for row in await at.world.fetch(f"SELECT row_to_json(t)::text FROM {table[0]} AS t")]
    assert found_in("\n".join(rows), opens) == []


async def seen_by_another(at: Scene) -> None:
    mallory = await at.world.person()
    async with at.client(mallory.api_key) as client:
        for path in ("audit", "events", "kyc", "kyc/documents", "porting-orders", "api-keys", "webhooks", "endpoints"):
            at.written[f"Mallory's {path}"] = (await client.get(f"/v1/{path}")).text


def test_what_is_looked_for_would_be_found() -> None:
    """In each of its forms, wherever it stands."""
    word = PERSONAL["the account at a carrier"]
    for prefix in ("", "x", "xy", "xyz"):
        text = f"{prefix}{word}yz"
        for hidden in (text, text.encode().hex(), base64.b64encode(text.encode()).decode()):
            assert found_in(hidden, {"it": word}), hidden
    assert len(forms(NAME)) > 5
    assert not found_in("nothing of the kind", {"it": word})
