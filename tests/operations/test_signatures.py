"""Do the receivers' own libraries take what we send, and nothing else? Python's and npm's, and openssl."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from tests.api.asking import made
from tests.cast import World
from tests.delivering import delivered, hook
from tests.moving import MovingWorld
from tests.receiver import Received, Receiver, receiving

from nambari.settings import Settings

NPM = Path(__file__).parents[1] / "npm" / "webhooks"


@pytest.fixture
def settings() -> Settings:
    return Settings(data_dir=Path("/nonexistent"), database_connections=10, webhook_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@dataclass(frozen=True)
class Case:
    secret: str
    headers: Mapping[str, str]
    body: bytes

    def but(self, **headers: str) -> "Case":
        return replace(
            self, headers={**self.headers, **{name.replace("_", "-"): each for name, each in headers.items()}}
        )


async def sent(world: World, receiver: Receiver) -> tuple[Received, str]:
    """A real delivery, with letters of more than one byte in it; and its secret."""
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    await made(alice.client, name="Empfang für Zoë 👋")
    assert await delivered(world) == 1
    return receiver.received[-1], webhook["secret"]


def by_python(case: Case) -> Any:
    """The event, or None if it is refused."""
    try:
        return Webhook(case.secret).verify(case.body, dict(case.headers))
    except WebhookVerificationError:
        return None


async def by_npm(*cases: Case) -> list[Any]:
    assert (NPM / "node_modules").exists(), (
        f"`make test` installs what this needs; or: npm ci in {NPM.relative_to(Path.cwd())}"
    )
    lines = [
        json.dumps({"secret": each.secret, "headers": dict(each.headers), "body": base64.b64encode(each.body).decode()})
        for each in cases
    ]
    done = await asyncio.to_thread(
        subprocess.run, ["node", NPM / "verify.mjs"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases)
    for each in answers:
        assert each.get("refused", "WebhookVerificationError").startswith("WebhookVerificationError"), each
    return [each.get("taken") for each in answers]


async def test_both_libraries_take_what_was_sent_and_nothing_else(world: World, receiver: Receiver) -> None:
    received, secret = await sent(world, receiver)
    right = Case(secret, received.headers, received.body)
    at = int(received.headers["webhook-timestamp"])
    signature = received.headers["webhook-signature"]
    wrong = [
        replace(right, body=received.body.replace("Zoë".encode(), b"Zoe")),
        replace(right, body=received.body + b" "),
        replace(right, body=b"{}"),
        replace(right, secret="whsec_" + base64.b64encode(bytes(32)).decode()),
        right.but(webhook_id="evt_other"),
        right.but(webhook_timestamp=str(at + 1)),
        right.but(webhook_timestamp=str(at - 301)),
        right.but(webhook_timestamp="soon"),
        right.but(webhook_signature=signature.replace("v1,", "v2,")),
        right.but(webhook_signature=signature[:-6] + "AAAAA="),
        right.but(webhook_signature=""),
    ]
    assert by_python(right) == received.event
    assert [by_python(each) for each in wrong] == [None] * len(wrong)
    assert await by_npm(right, *wrong) == [received.event, *[None] * len(wrong)]


async def test_what_was_rightly_signed_long_ago_is_refused(moving: MovingWorld, receiver: Receiver) -> None:
    """As somebody might send it again who saw it then: this world's clock is months behind."""
    received, secret = await sent(moving, receiver)
    old = Case(secret, received.headers, received.body)
    assert by_python(old) is None
    assert await by_npm(old) == [None]


async def test_while_a_secret_is_rotated_both_are_good(world: World, receiver: Receiver) -> None:
    alice = await world.person()
    webhook = await hook(alice, receiver.url(), ["endpoint.*"])
    secrets = [webhook["secret"]]
    for _ in range(2):
        told = await alice.client.post(f"/v1/webhooks/{webhook['id']}/rotate-secret")
        secrets.append(told.json()["secret"])
    await made(alice.client)
    assert await delivered(world) == 1
    [received] = receiver.received
    cases = [Case(secret, received.headers, received.body) for secret in secrets]
    taken = [None, received.event, received.event]
    assert [by_python(each) for each in cases] == taken, "the oldest is gone: it was on its way out"
    assert await by_npm(*cases) == taken
    assert received.headers["x-webhook-signature"] == f"sha256={by_openssl(cases[-1])}"


def by_openssl(case: Case) -> str:
    """As docs/events.md has it."""
    script = """
        key=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key"
    """
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        input=case.body,
        env={"SECRET": case.secret, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split()[-1]


async def test_the_old_header_by_openssl(world: World, receiver: Receiver) -> None:
    received, secret = await sent(world, receiver)
    right = Case(secret, received.headers, received.body)
    assert received.headers["x-webhook-signature"] == f"sha256={by_openssl(right)}"
    for wrong in (replace(right, body=received.body[:-1]), replace(right, secret=secret[:-5] + "AAAA=")):
        assert received.headers["x-webhook-signature"] != f"sha256={by_openssl(wrong)}"
