"""What do the generated pages say? Errors, settings, events and operations, from the catalogues in the code."""

import base64
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from devtools import refused
from devtools.markdown import NOTE, code, table, wrapped
from nambari.api import document
from nambari.api.app import application
from nambari.api.described import EXAMPLES
from nambari.api.errors import EVERYWHERE, STATUS
from nambari.api.payload_schemas import name_of, payload_schemas
from nambari.api.schemas import Schema
from nambari.domain.events import Event
from nambari.domain.phone_number import FIELDS, PhoneNumber, changes_between, configure
from nambari.domain.refusals import CATALOGUE, MethodNotAllowed, NotFound, Refusal
from nambari.domain.webhook import WAITS
from nambari.sending import Message, signed
from nambari.settings import Settings, variable

METHODS = ["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def scope(self) -> str | None:
        return self.handler.opt.get("scope")

    def refusals(self) -> set[type[Refusal]]:
        return {*(EVERYWHERE if self.scope else ()), *self.handler.opt["refusals"]}

    def __str__(self) -> str:
        return f"`{self.method} {self.path}`"


def operations() -> list[Operation]:
    routes = application(Settings(), "postgresql://nowhere").routes
    found = [
        Operation(next(iter(handler.http_methods)), route.path_format, handler)
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.operation_id is not None
    ]
    places = [each.path for each in found]
    return sorted(found, key=lambda each: (places.index(each.path), METHODS.index(each.method)))


# ── Operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def operations_table() -> str:
    return table(
        ["operation", "does", "scope"],
        ([each, each.handler.summary, f"`{each.scope}`" if each.scope else "no key"] for each in operations()),
    )


def openapi() -> str:
    """As the service gives it, laid out for reading."""
    routes = application(Settings(), "postgresql://nowhere").routes
    return msgspec.json.format(document.encoded(routes, Settings().currency), indent=2).decode() + "\n"


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

_ELSEWHERE: dict[type[Refusal], str] = {
    NotFound: "Any path at which there is nothing.",
    MethodNotAllowed: "Any path, asked by a method that it does not take.",
}


def errors_table() -> str:
    return table(["status", "code", "when"], ([STATUS[each], _linked(each), each.meaning] for each in CATALOGUE))


def _linked(reason: type[Refusal]) -> str:
    return f"[`{reason.code}`](docs/errors.md#{reason.code.lower()})"


def errors() -> str:
    known, examples = operations(), refused.examples()
    missing = examples["MISSING_API_KEY"]
    overview = errors_table().replace("docs/errors.md#", "#")
    return "\n".join(
        [
            "# Errors\n",
            NOTE,
            code("curl -i http://127.0.0.1:8000/v1/phone-numbers", "sh"),
            code(f"HTTP/1.1 {missing.status} Unauthorized\nwww-authenticate: Bearer\n\n{missing.text}", "http"),
            wrapped(
                """
                Every refusal looks like this. `error` is a sentence for a person and may change; `code` is for
                programs and does not. `details` is there where it helps. `request_id` names the request in the
                service's log; it is in the header `X-Request-Id` too. A refused request has changed nothing: no
                number, no money, no event.
                """
            ),
            wrapped(
                """
                What was refused for KYC, a number, a country, an endpoint, a price, a cap, the balance or a
                status is kept under the request's `Idempotency-Key`, and answered alike when it is sent
                again. What breaks the schema, comes without a good key, comes too often, or fails on our side
                is not kept: correct it, and send it with the same key.
                """
            ),
            overview,
            *(_error(reason, known, examples) for reason in CATALOGUE),
        ]
    )


def _error(reason: type[Refusal], known: list[Operation], examples: dict[str, refused.Answer]) -> str:
    answering = [each for each in known if reason in each.refusals()]
    if reason in _ELSEWHERE:
        where = _ELSEWHERE[reason]
    elif not answering:
        where = "No operation answers it yet."
    elif len(answering) == len(known):
        where = "Every operation."
    elif all((each in answering) == bool(each.scope) for each in known):
        where = "Every operation that asks for a key."
    else:
        where = "Answered by " + ", ".join(map(str, answering)) + "."
    example = examples.get(reason.code)
    assert example is not None or not answering, f"{reason.code} has no example: give it one in devtools/refused.py"
    parts = [f"## {reason.code}\n", wrapped(f"{STATUS[reason]}. {reason.meaning} {where}")]
    if example is not None:
        parts.append(code(example.text, "json"))
    return "\n".join(parts)


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

_TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    Path: "path",
    tuple[str, ...]: "list, by commas",
}
_DEFAULTS = {"data_dir": "`~/.local/share/nambari` (Linux), `~/Library/Application Support/nambari` (macOS)"}
"""The user's data folder is another on every machine: told as it is told to people."""


def settings_table() -> str:
    hints = get_type_hints(Settings)
    return table(
        ["variable", "holds", "default", "meaning"],
        (
            [f"`{variable(each.name)}`", _TYPES[hints[each.name]], _default(each), each.metadata["meaning"]]
            for each in fields(Settings)
        ),
    )


def _default(each: Field[Any]) -> str:
    assert each.default is not MISSING
    if each.name in _DEFAULTS:
        return _DEFAULTS[each.name]
    return f"`{each.default}`" if each.default not in ("", ()) else "none"


def settings() -> str:
    return "\n".join(
        [
            "# Settings\n",
            NOTE,
            "<!-- run by: tests/story/test_pages.py -->",
            code("NAMBARI_LOG_LEVEL=warning NAMBARI_SIP_DOMAIN=sip.example.com nambari serve", "sh"),
            wrapped(
                """
                Settings are read from the environment, once, when a command starts; there is no file. An empty
                variable counts as not set. A variable that begins with `NAMBARI_` and is no setting is refused, and
                so is a value of the wrong form: the command ends with code 2 and one line that says which and why.
                `nambari doctor` shows what is set. `NAMBARI_API_KEY` and `NAMBARI_BASE_URL` are for customers: the
                Python client and the commands that ask a server read them, and the service does not.
                """
            ),
            settings_table(),
        ]
    )


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────


def events() -> str:
    rows = ([f"`{each.value}`", each.meaning, each.data, "yes" if each.announced else "no"] for each in Event)
    return "\n".join(
        [
            "# Events\n",
            NOTE,
            "A label put on a number leaves this behind:\n",
            code(msgspec.json.format(msgspec.json.encode(_event()), indent=2).decode(), "json"),
            wrapped(
                """
                An event is written in the transaction that made it true: what was undone has none. It is
                never changed. `sequence` counts up over all organizations; the events of one object follow
                each other in it as they happened. `data` is the object as the event left it; `changes` is what
                was other before, and for what begins or ends what it was made with. `key_id` tells who asked
                (null for the operator, and for what time brings), `request_id` in which request. A request that
                changes nothing is no event; nor is what an operator does to the inventory and the rate card.
                Personal data of a KYC case is in none of them.
                """
            ),
            wrapped(
                """
                The events are the table `events`, one row each, which the database lets nobody change. One
                number's are its history, `GET /v1/phone-numbers/{id}/history`; those of an organization in one
                environment are its audit trail, `GET /v1/audit`; neither shows `data`. An operator reads them with
                `nambari audit`, and with `--operator` what became of the keys that belong to no organization.
                Those that are announced are listed with their `data` by `GET /v1/events`, and delivered to webhooks.
                The others are for the audit trail alone.
                """
            ),
            table(["event", "when", "data", "announced"], rows),
            *_payloads(),
            *_delivered(),
        ]
    )


def _payloads() -> list[str]:
    """What `data` holds, from the schemas that the OpenAPI document has of it."""
    found = payload_schemas(Event)
    parts = [
        "\n## Data\n",
        wrapped(
            """
            What `data` holds, by event. The JSON Schema of what is announced is in the OpenAPI document, under
            `webhooks`. Fields may be added.
            """
        ),
    ]
    by_payload: dict[str, list[Event]] = {}
    for event in Event:
        by_payload.setdefault(name_of(event), []).append(event)
    for name, events in by_payload.items():
        parts += [", ".join(f"`{each}`" for each in events) + ":\n", _fields_of(found[name], found)]
    return parts


def _fields_of(schema: Schema, components: Schema) -> str:
    rows = (
        [f"`{field}`", _kind(each, components), each.get("description", "")]
        for field, each in schema["properties"].items()
    )
    return table(["field", "holds", "meaning"], rows) + "\n"


def _kind(schema: Schema, components: Schema) -> str:
    """A type in words: `string or null`, `one of …`, `list of …`."""
    if "$ref" in schema:
        return _kind(components[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return " or ".join(_kind(each, components) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'], components)}"
    if "properties" in schema:
        return "{" + ", ".join(f"`{field}`" for field in schema["properties"]) + "}"
    return "instant" if schema.get("format") == "date-time" else str(schema["type"])


def _delivered() -> list[str]:
    """How an event comes to a receiver, and how it is verified: by the library that made the example's signatures."""
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    event = EXAMPLES["EventPage"]["events"][0]
    now = datetime.fromisoformat(EXAMPLES["Delivery"]["last_attempt_at"])
    body = msgspec.json.encode(event)
    headers = signed(Message("https://example.com/events", event["id"], now, body, (secret,)))
    shown = {name: value for name, value in headers.items() if name != "user-agent"}
    request = "\n".join([f"{name}: {value}" for name, value in shown.items()]) + "\n\n" + body.decode()
    waits = ", ".join(str(int(each.total_seconds())) for each in WAITS)
    return [
        "\n## Deliveries\n",
        wrapped(
            f"""
            A webhook (`POST /v1/webhooks`) names an address and what it wants to be told: names of the table, groups
            such as `phone_number.*`, or `*`. Each event is posted to it at least once, those of one object in their
            order: the next waits for the one before. Any answer of 200 to 299 within 15 s means that it arrived;
            redirects are not followed. Else it is tried again, the waits being {waits} seconds and up to a tenth more,
            then given up; `GET /v1/webhooks/{{id}}/deliveries` tells what came of it, `…/deliveries/{{id}}/attempts`
            of each attempt, and a `replay` sends it again, or a range of events: `POST /v1/webhooks/{{id}}/replay`.
            A webhook at which nothing arrived for a week is disabled when the next of its deliveries is given up:
            `webhook.disabled` is in `GET /v1/events` then, and posted to the other webhooks. `webhook-id` is the
            event's id and the same at every attempt: who has seen it before need not act again. With the secret
            `{secret}` this is sent:
            """
        ),
        code(request, "http"),
        wrapped(
            """
            The signatures are those of [Standard Webhooks](https://www.standardwebhooks.com), over the id, the time
            and the raw body; while a secret is being rotated there are two. Its libraries verify them, the time too.
            `X-Webhook-Signature` is for receivers that know no other: an HMAC-SHA256 of the raw body by the bytes that
            the secret is the base64 of.
            """
        ),
        code(
            "from standardwebhooks import Webhook\n\n"
            'event = Webhook("whsec_…").verify(raw_body, headers)  # raises WebhookVerificationError',
            "python",
        ),
        code(
            'import { Webhook } from "standardwebhooks";\n\n'
            'const event = new Webhook("whsec_…").verify(rawBody, headers); // throws WebhookVerificationError',
            "js",
        ),
        code(
            "key=$(printf %s \"${SECRET#whsec_}\" | base64 -d | od -An -v -tx1 | tr -d ' \\n')\n"
            'openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" < raw_body',
            "sh",
        ),
    ]


def _event() -> dict[str, Any]:
    """As outbox.announce keeps it, for the number that the reference shows."""
    shown = {name: EXAMPLES["PhoneNumber"][name] for name in FIELDS}
    before = msgspec.convert(shown | {"label": None}, PhoneNumber)
    labelled = configure(before, before.created_at + timedelta(minutes=12), label=shown["label"])
    return {
        "sequence": 1042,
        "id": "evt_01k5v0r3d7f4wsmn8q2t6y9z1c",
        "organization_id": "org_01k5tzx8b2e6vq1m4r7w9y3k5n",
        "environment": "live",
        "event": Event.NUMBER_UPDATED,
        "subject_id": labelled.id,
        "data": labelled,
        "changes": changes_between(before, labelled),
        "key_id": "key_01k5tzy4c8f3wn6p1s5v9x2j7m",
        "request_id": refused.REQUEST_ID,
        "created_at": labelled.updated_at,
    }


# ── Decisions ────────────────────────────────────────────────────────────────────────────────────────────────────


def decisions(folder: Path) -> str:
    """The list of them: number and title, which is the first line of each."""
    found = sorted(folder.glob("[0-9]*.md"))
    rows = ([f"[{path.name[:4]}]({path.name})", _title(path)] for path in found)
    return "\n".join(
        [
            "# Decisions\n",
            NOTE,
            wrapped(
                """
                What would be hard to guess from the code: the context, the decision, what follows from it, and the
                test that holds it.
                """
            ),
            table(["", "decision"], rows),
        ]
    )


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("# ").partition(" ")[2] if first[2:6].isdigit() else first.removeprefix("# ")
