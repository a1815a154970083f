"""Is one purchase one trace, from the request to its delivery by another process? Real ones, and a real collector."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.collector import Collector, collecting
from tests.receiver import Receiver, answer, receiving
from tests.story.processes import HOST, Service, database, environment, free_port, service, until

from nambari.domain.access import Environment

THEIR_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
THEIR_SPAN = "00f067aa0ba902b7"
THEIRS = f"00-{THEIR_TRACE}-{THEIR_SPAN}-01"
SECRET_WORDS = "Grace Hopper of 12 Sample Street"


@contextmanager
def worker(made: Service) -> Iterator["subprocess.Popen[bytes]"]:
    with (made.home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "nambari", "worker"],
            stdout=log,
            stderr=log,
            env=environment(made.home) | made.settings,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def traced(made: Service, collector: Collector) -> None:
    made.settings |= {
        "NAMBARI_TRACES_URL": collector.url,
        "NAMBARI_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "NAMBARI_LOG_LEVEL": "debug",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_SERVICE_NAME": "numbers",
    }


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(each) for each in path.read_text().splitlines() if each.startswith("{")]


async def test_a_purchase_and_its_delivery_are_one_trace(tmp_path: Path) -> None:
    with collecting() as collector, service(tmp_path / "home", "--no-worker") as made:
        traced(made, collector)
        made.start()
        async with database(made.home) as world, receiving() as receiver:
            alice = await world.person()
            [item] = await world.stock()
            async with httpx2.AsyncClient(base_url=made.url, headers={"x-api-key": alice.api_key}) as client:
                hooked = await client.post("/v1/webhooks", json={"url": receiver.url("/hidden-path"), "events": ["*"]})
                assert hooked.status_code == 201, hooked.text
                body = {"inventory_id": item, "label": SECRET_WORDS}
                ids = {"traceparent": THEIRS, "x-request-id": "order-7", "idempotency-key": "key-of-theirs"}
                bought = await client.post("/v1/phone-numbers", json=body, headers=ids)
            assert bought.status_code == 201, bought.text
            request_id = bought.headers["x-request-id"]
            with worker(made):
                await _arrival(receiver)
                until(lambda: collector.named("deliver phone_number.purchased"), what="the delivery's span")
            stored = await world.value(
                "SELECT traceparent FROM events WHERE event = 'phone_number.purchased' AND request_id = $1", request_id
            )
            number = bought.json()["number"]
            key_hash_prefix = alice.api_key[-12:]
        assert made.stop() == 0, made.output

        spans = collector.of(THEIR_TRACE)
        [root] = [each for each in spans if each.parent_id == THEIR_SPAN]
        assert (root.name, root.kind, root.service) == ("purchasePhoneNumber", "server", "numbers")
        assert root.attributes == {
            "http.request.method": "POST",
            "http.route": "/v1/phone-numbers",
            "http.response.status_code": 201,
            "nambari.request_id": request_id,
        }
        paths = {tuple(collector.path(each)) for each in spans}
        top = "purchasePhoneNumber"
        assert ("purchase", top) in paths
        assert ("purchases.facts", "purchase", top) in paths
        assert ("purchases.buy", "purchase", top) in paths
        delivery = ("deliver phone_number.purchased", "purchase", top)
        assert delivery in paths
        assert ("POST", *delivery) in paths
        assert all(path[-1] == top for path in paths), "one tree"
        [sent] = [each for each in receiver.received if each.event["event"] == "phone_number.purchased"]
        [post] = [each for each in spans if each.name == "POST"]
        assert sent.headers["traceparent"].startswith(f"00-{THEIR_TRACE}-{post.id}-")
        assert sent.headers["x-request-id"] == request_id
        assert stored.startswith(f"00-{THEIR_TRACE}-")
        assert not any(each.failed for each in spans)

        secrets = (number, number[1:], alice.api_key, key_hash_prefix, SECRET_WORDS, "hidden-path", "key-of-theirs")
        for told in (*collector.bodies, (made.home / "worker.log").read_bytes(), made.output.encode()):
            assert not [each for each in secrets if each.encode() in told]

        asked = [each for each in lines(made.home / "service.log") if each.get("request_id") == request_id]
        assert {each["trace_id"] for each in asked} == {THEIR_TRACE}
        assert {each["client_request_id"] for each in asked} == {"order-7"}
        assert "answered" in {each["event"] for each in asked}
        delivered = [each for each in lines(made.home / "worker.log") if each.get("event") == "delivered"]
        assert (request_id, THEIR_TRACE) in {(each["request_id"], each["trace_id"]) for each in delivered}


async def _arrival(receiver: Receiver) -> None:
    async with asyncio.timeout(60):
        while "phone_number.purchased" not in receiver.names:
            receiver.asked.clear()
            await receiver.asked.wait()


async def test_a_call_is_traced_into_the_webhook_that_is_asked(tmp_path: Path) -> None:
    def directs(_: object) -> bytes:
        return answer(200, b'{"action": "route", "sip_uri": "sip:agent@voice.example.com"}')

    with collecting() as collector, service(tmp_path / "home", "--no-worker") as made:
        traced(made, collector)
        made.start()
        async with database(made.home) as world, receiving(directs) as receiver:
            alice = await world.person()
            _, operator = await world.key(None, environment=Environment.LIVE, scopes=("routing:read",))
            [item] = await world.stock()
            async with httpx2.AsyncClient(base_url=made.url, headers={"x-api-key": alice.api_key}) as client:
                made_it = await client.post(
                    "/v1/endpoints", json={"name": "Ask", "type": "webhook", "url": receiver.url()}
                )
                assert made_it.status_code == 201, made_it.text
                body = {"inventory_id": item, "endpoint_id": made_it.json()["id"]}
                bought = await client.post("/v1/phone-numbers", json=body)
                assert bought.status_code == 201, bought.text
                call = {"from": "+442079460001", "to": bought.json()["number"], "call_id": "call-1"}
                routed = await client.post(
                    "/v1/routing/inbound", json=call, headers={"x-api-key": operator, "traceparent": "00-none"}
                )
                assert routed.status_code == 200, routed.text
        assert made.stop() == 0, made.output
        [root] = collector.named("routeInbound")
        assert root.parent_id == "", "what is no traceparent begins a trace"
        paths = {tuple(collector.path(each)) for each in collector.of(root.trace_id)}
        assert ("routes.holder_across_organizations", "route a call", "routeInbound") in paths
        assert ("POST", "ask a webhook", "route a call", "routeInbound") in paths
        [asked] = receiver.received
        assert asked.headers["traceparent"].split("-")[1] == root.trace_id
        whole = b"".join(collector.bodies)
        assert b"442079460001" not in whole
        assert b"call-1" not in whole


async def test_nobody_who_takes_traces_harms_nothing(tmp_path: Path) -> None:
    with service(tmp_path / "home") as made:
        made.settings |= {
            "NAMBARI_TRACES_URL": f"http://{HOST}:{free_port()}/v1/traces",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        made.start()
        async with database(made.home) as world:
            alice = await world.person()
            items = await world.stock(5)
        for item in items:
            told = httpx2.post(
                f"{made.url}/v1/phone-numbers", headers={"x-api-key": alice.api_key}, json={"inventory_id": item}
            )
            assert told.status_code == 201
        until(lambda: "export" in made.output, what="a line of the log that tells of it")
        assert made.stop() == 0, made.output
        assert alice.api_key not in made.output


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_what_makes_them_it_says_how_to_get_it(tmp_path: Path, command: str) -> None:
    hidden = "import sys; sys.modules['opentelemetry.sdk'] = None; from nambari.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(tmp_path) | {"NAMBARI_TRACES_URL": "http://127.0.0.1:4318/v1/traces"},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "nambari: NAMBARI_TRACES_URL is set, and OpenTelemetry is not installed here: pip install 'nambari[traces]'."
    )
