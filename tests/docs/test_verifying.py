"""Do the samples that verify a webhook take what we have signed, and refuse what we have not? Each as it stands."""

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError
from tests.docs.blocks import Block
from tests.docs.test_samples import of_kind

from nambari.sending import Message, signed
from nambari_client import verify

NPM = Path(__file__).parents[1] / "npm" / "webhooks"
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
EVENT = {"id": "evt_1", "event": "phone_number.updated", "timestamp": "2026-09-23T09:42:00Z", "data": {"id": "pn_1"}}
BODY = json.dumps(EVENT).encode()
SIGNATURES = of_kind("signature")


def headers_of(body: bytes) -> dict[str, str]:
    return dict(signed(Message("https://example.com/events", "evt_1", datetime.now(UTC), body, (SECRET,))))


def in_language(name: str) -> list[Block]:
    return [each for each in SIGNATURES if each.language == name]


def by_python(block: Block, body: bytes, headers: dict[str, str]) -> bool:
    """Whether the sample takes it: a `receive` that answers 204, or a line that raises nothing."""
    given: dict[str, Any] = {"raw_body": body, "headers": headers}
    code = compile(block.text.replace("whsec_…", SECRET), str(block), "exec")
    try:
        exec(code, given)
    except WebhookVerificationError:
        return False
    receive: Callable[..., int] | None = given.get("receive")
    return receive is None or receive(body, headers, SECRET) == 204


def by_node(block: Block, body: bytes, headers: dict[str, str]) -> bool:
    assert (NPM / "node_modules").exists(), "`make test` installs what this needs; or: npm ci in tests/npm/webhooks"
    text = block.text.replace("whsec_…", SECRET).replace("export ", "")
    told = "console.log = () => {};\n" + (
        f"{text}\nprocess.exit(receive(rawBody, headers, {json.dumps(SECRET)}) === 204 ? 0 : 9);\n"
        if "function receive" in text
        else f"try {{\n{text.partition(';')[2]}\n}} catch (error) {{ process.exit(9); }}\n"
    )
    given = f"const rawBody = {json.dumps(body.decode())}, headers = {json.dumps(headers)};\n"
    imports = 'import { Webhook } from "standardwebhooks";\n'
    assert imports.strip() in block.text
    script = imports + given + told.replace(imports.strip(), "")
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=NPM, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in {0, 9}, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("block", in_language("python"), ids=str)
def test_python_takes_what_is_signed_and_nothing_else(block: Block) -> None:
    assert by_python(block, BODY, headers_of(BODY))
    assert not by_python(block, BODY + b" ", headers_of(BODY))


@pytest.mark.parametrize("block", in_language("js"), ids=str)
async def test_javascript_takes_what_is_signed_and_nothing_else(block: Block) -> None:
    right, wrong = await asyncio.gather(
        asyncio.to_thread(by_node, block, BODY, headers_of(BODY)),
        asyncio.to_thread(by_node, block, BODY + b" ", headers_of(BODY)),
    )
    assert (right, wrong) == (True, False)


def test_openssl_makes_the_old_header(tmp_path: Path) -> None:
    [block] = in_language("sh")
    (tmp_path / "raw_body").write_bytes(BODY)
    done = subprocess.run(
        ["bash", "-e", "-c", block.text],
        cwd=tmp_path,
        env={"SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert headers_of(BODY)["x-webhook-signature"] == f"sha256={done.stdout.split()[-1]}"


def test_the_delivery_that_is_shown_is_genuine() -> None:
    """By the secret that the page tells, at the time at which it was sent."""
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    [block] = [each for each in of_kind("catalogue") if (each.page, each.language) == ("docs/events.md", "http")]
    [secret] = re.findall(r"`(whsec_[\w=+/]+)`", page)
    head, _, body = block.text.partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert verify(body.rstrip("\n"), headers, secret, now=sent_at).event == "phone_number.updated"


def test_every_language_is_shown() -> None:
    assert {each.language for each in SIGNATURES} == {"python", "js", "sh"}
