"""A service, a SIP proxy before it, and an agent that answers: one of each for all calls."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.asking import made as made_endpoint
from tests.api.test_routing import set_status
from tests.calls import scenarios, sipp
from tests.calls.proxy import AGENT, CARRIER, DOMAIN, MISSING, TRUNK, Proxy, programs_are_there, proxy
from tests.calls.scenarios import Calling
from tests.calls.sipp import Party
from tests.calls.tunnel import Certificate, make_certificate
from tests.cast import Person, World
from tests.conftest import Databases
from tests.story.processes import Service, free_port, service

from nambari.settings import Settings
from nambari.wiring import open_services

if not programs_are_there():
    pytest.exit(MISSING, returncode=1)

QUICK = (
    "#!define AGENT_THERE_MS 1000",
    "#!define AGENT_ANSWERS_MS 1500",
    "#!define TIMEOUTS_TO_PAUSE 3",
    "#!define ASKING_PROCESSES 4",
    "#!define READING_PROCESSES 2",
    '#!substdef "!INBOUND_SECONDS!3!g"',
    '#!substdef "!OUTBOUND_SECONDS!1!g"',
)
"""So that tests need not wait as long as people do."""


@dataclass
class Stage:
    """Where calls are played. `agent` answers, and so does `carrier`; both hear who hangs up."""

    folder: Path
    world: World
    service: Service
    proxy: Proxy
    agent: Party
    carrier: Party
    operator_key: str
    certificate: Certificate

    async def person(self) -> Person:
        """Somebody with credits whose client speaks to the process over HTTP."""
        made = await self.world.person()
        await made.client.aclose()
        made.client = self.client(made.api_key)
        return made

    def client(self, key: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.service.url, headers={"x-api-key": key}, timeout=30)

    async def number(self, person: Person, url: str | None = None, **fields: Any) -> dict[str, Any]:
        """One that is bought over HTTP and attached to an agent: the one that answers, or the one at `url`."""
        endpoint = await made_endpoint(person.client, url=url or self.agent.uri)
        [item] = await self.world.stock()
        answer = await person.client.post(
            "/v1/phone-numbers", json={"inventory_id": item, "endpoint_id": endpoint["id"], **fields}
        )
        assert answer.status_code == 201, answer.text
        number: dict[str, Any] = answer.json()
        return number

    def rings(
        self,
        number: str,
        becomes: Callable[[Calling], str],
        *headers: str,
        caller: str = "<sip:+442079460999@127.0.0.2>",
        options: Sequence[str] = (),
    ) -> Party:
        """A call from the trunk to this number, as far as it goes."""
        return self.call(becomes(Calling(self.address(number), caller, *headers)), *options)

    def call(self, scenario: str, *options: str, host: str = TRUNK, target: str | None = None) -> Party:
        """A call from this host, of the trunk if it is left out, as far as it goes."""
        return sipp.call(self.folder, host, target or self.proxy.target, scenario, *options)

    def address(self, number: str) -> str:
        return f"sip:{number}@{DOMAIN}"

    @contextmanager
    def another(self, scenario: str, *options: str) -> Iterator[Party]:
        """Another agent, for as long as it is needed."""
        port = free_port()
        with sipp.waiting(self.folder, f"agent-{port}", AGENT, scenario, *options, port=port) as agent:
            yield agent

    async def set_status(self, number: dict[str, Any], status: str) -> None:
        await set_status(self.world, number, status)

    async def told(self, person: Person, caller: Party) -> list[tuple[str, dict[str, Any]]]:
        """The events of a call, as its owner reads them."""
        call_id = caller.messages[0].header("Call-ID")
        found = (await person.client.get("/v1/audit?event=call.*&limit=100")).json()["records"]
        events = [(each["event"], {line["field"]: line["after"] for line in each["changes"]}) for each in found]
        return [(name, data) for name, data in events if data["call_id"] == call_id]


@pytest.fixture(scope="session")
async def stage(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("calls")
    dsn = databases.make()
    certificate = make_certificate(folder, "proxy")
    settings = Settings(data_dir=Path("/nonexistent"), database_connections=5)
    with ExitStack() as stack:
        served = stack.enter_context(service(folder / "service"))
        served.settings = {"NAMBARI_DATABASE_URL": dsn, "NAMBARI_SIP_DOMAIN": DOMAIN}
        served.settings["NAMBARI_WEBHOOK_ALLOWED_NETWORKS"] = "127.0.0.0/8"
        served.start()
        async with open_services(settings, dsn) as services:
            world = World(services, None)
            _, key = await world.key(None)
            ports = free_port(), free_port()
            agent = stack.enter_context(sipp.waiting(folder, "agent", AGENT, scenarios.answers(), port=ports[0]))
            carrier = stack.enter_context(sipp.waiting(folder, "carrier", CARRIER, scenarios.answers(), port=ports[1]))
            running = stack.enter_context(
                proxy(folder / "kamailio", served.url, key, f"{CARRIER}:{carrier.port}", *QUICK, tls=certificate)
            )
            yield Stage(folder, world, served, running, agent, carrier, key, certificate)
            await world.close()
    databases.drop(dsn)
