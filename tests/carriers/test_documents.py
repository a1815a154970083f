"""Is what we ask what the carriers' own documents allow? Each request of the adapters, before a mock of them."""

import contextlib
import gzip
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from tests.carriers.stands import CONTEXT
from tests.story.processes import free_port, signalled, until

from nambari.carriers.base import CarrierFailure, OrderSlip, OrderState, Owned, Receipt, Wanted
from nambari.carriers.telnyx import Telnyx
from nambari.carriers.twilio import Twilio
from nambari.carriers.web import SaidNo

HERE = Path(__file__).parent
FOLDER = HERE.parent / "npm" / "prism"
PRISM = FOLDER / "node_modules" / ".bin" / "prism"
# What the examples of the documents are about.
TELNYX_NUMBER, TELNYX_ORDER = "+19705555098", "MY REF 001"
TWILIO_NUMBER, TWILIO_NAME = "+18089255327", "(808) 925-5327"
ACCOUNT, TRUNK = "AC" + "a" * 32, "TK" + "b" * 32


def start(document: Path, port: int, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(
            [PRISM, "mock", "--host", "127.0.0.1", "--port", str(port), document], stdout=out, stderr=out
        )


def is_up(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        httpx2.get(f"http://127.0.0.1:{port}/", timeout=5)
    except httpx2.TransportError:
        return False
    return True


def end(process: "subprocess.Popen[bytes]") -> None:
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    signalled(family, signal.SIGTERM)
    process.wait(30)
    psutil.wait_procs(family[:-1], timeout=30)


@pytest.fixture(scope="module")
def mocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where each carrier's mock is. Both start at once: each takes some seconds."""
    assert shutil.which("node"), "There is no node here. Install it: apt-get install nodejs npm"
    assert PRISM.exists(), "`make test` installs what this needs; or: npm ci in tests/npm/prism"
    folder = tmp_path_factory.mktemp("prism")
    running = {}
    try:
        for name in ("telnyx", "twilio"):
            document, log, port = folder / f"{name}.json", folder / f"{name}.log", free_port()
            document.write_bytes(gzip.decompress((HERE / "documents" / f"{name}.json.gz").read_bytes()))
            running[name] = (start(document, port, log), port, log)
        for process, port, log in running.values():
            until(lambda each=(process, port, log): is_up(*each), 120, "a mock that listens")  # type: ignore[misc]
        yield {name: f"http://127.0.0.1:{port}" for name, (_, port, _) in running.items()}
    finally:
        for process, _, _ in running.values():
            end(process)


@dataclass
class Watched:
    """What the mock answered to each request, and what it found wrong with it."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    wrong: list[Any] = field(default_factory=list)

    async def note(self, response: httpx2.Response) -> None:
        request = response.request
        self.answers.append((request.method, request.url.path, response.status_code))
        found = json.loads(response.headers.get("sl-violations", "[]"))
        self.wrong += [each for each in found if each["location"][0] == "request"]

    def watch(self, carrier: Telnyx | Twilio) -> None:
        carrier._web._client.event_hooks["response"].append(self.note)

    def is_right(self) -> bool:
        """Each request was found right, and answered with yes."""
        return not self.wrong and all(status < 300 for _, _, status in self.answers)


@pytest.fixture
async def telnyx(mocks: dict[str, str]) -> AsyncIterator[tuple[Telnyx, Watched]]:
    carrier, watched = Telnyx("KEY-of-a-test", "1293384261075731498", mocks["telnyx"], CONTEXT), Watched()
    watched.watch(carrier)
    yield carrier, watched
    await carrier.close()


@pytest.fixture
async def twilio(mocks: dict[str, str]) -> AsyncIterator[tuple[Twilio, Watched]]:
    carrier, watched = Twilio(ACCOUNT, "a-token", {"TrunkSid": TRUNK}, mocks["twilio"], CONTEXT), Watched()
    watched.watch(carrier)
    yield carrier, watched
    await carrier.close()


def slip(id_: str, number: str) -> OrderSlip:
    return OrderSlip(id=id_, number=number, country="US", reference=number)


EVERYTHING = Wanted(country="US", type="local", area_code="970", locality="Denver", contains="555*098")
SEARCHES = (EVERYTHING, Wanted(country="GB"), Wanted(country="US", type="toll_free", contains="*5550*"))


async def test_telnyx_is_asked_what_its_document_allows(telnyx: tuple[Telnyx, Watched]) -> None:
    carrier, watched = telnyx
    await carrier.check()
    for wanted in SEARCHES:
        [hit] = (await carrier.search(wanted, 100)).hits
        assert (hit.number, hit.setup_cost_cents, hit.monthly_cost_cents) == (TELNYX_NUMBER, 321, 654)
        assert (hit.currency, set(hit.capabilities)) == ("USD", {"sms", "voice"})
    filled = Receipt(state=OrderState.FILLED, number=TELNYX_NUMBER)
    assert await carrier.find(slip(TELNYX_ORDER, TELNYX_NUMBER)) == filled
    assert await carrier.find(slip("ord_1", TELNYX_NUMBER)) is None
    assert await carrier.order(slip("ord_1", TELNYX_NUMBER)) == filled
    await carrier.configure(TELNYX_NUMBER)
    await carrier.release(TELNYX_NUMBER)
    assert list(await carrier.list_owned()) == [Owned(number=TELNYX_NUMBER, order_id=None)]
    assert watched.is_right(), watched
    asked = {(method, path) for method, path, _ in watched.answers}
    assert {("POST", "/number_orders"), ("GET", "/available_phone_numbers")} < asked
    assert {method for method, path in asked if path.startswith("/phone_numbers/")} == {"PATCH", "DELETE"}


async def test_twilio_is_asked_what_its_document_allows(twilio: tuple[Twilio, Watched]) -> None:
    carrier, watched = twilio
    await carrier.check()
    for wanted in (*SEARCHES, Wanted(country="GB", type="mobile", area_code="7400")):
        assert (await carrier.search(wanted, 100)).hits
    assert await carrier.find(slip(TWILIO_NAME, TWILIO_NUMBER)) == Receipt(
        state=OrderState.FILLED, number=TWILIO_NUMBER
    )
    assert await carrier.find(slip("ord_1", TWILIO_NUMBER)) is None
    bought = await carrier.order(slip("ord_1", "+18089251571"))
    assert bought.state is OrderState.FILLED
    await carrier.configure(TWILIO_NUMBER)
    await carrier.release(TWILIO_NUMBER)
    assert list(await carrier.list_owned()) == [Owned(number=TWILIO_NUMBER, order_id=None)]
    assert watched.is_right(), watched
    kinds = {path.rpartition("/")[2] for method, path, _ in watched.answers if "/AvailablePhoneNumbers/" in path}
    assert kinds == {"Local.json", "Mobile.json", "TollFree.json"}
    assert {"GET", "POST", "DELETE"} == {method for method, _, _ in watched.answers}


Wrong = Callable[[Telnyx, Twilio], Awaitable[object]]


@pytest.mark.parametrize(
    "ask",
    [
        lambda telnyx, _: telnyx.search(Wanted(country="US", type="landline"), 1),
        lambda telnyx, _: telnyx._numbers(0, 1000),
        lambda telnyx, _: telnyx._web.do("POST", "/number_orders", object, json={"phone_numbers": [{"number": "+1"}]}),
        lambda _, twilio: twilio._numbers(twilio._owned, {"PageSize": "0"}),
        lambda _, twilio: twilio._web.do("POST", twilio._owned, object, form={"TrunkSid": "a trunk"}),
        lambda _, twilio: twilio._web.do("DELETE", f"{twilio._account}/IncomingPhoneNumbers/PN1.json", object),
    ],
    ids=["type", "page", "order", "page-size", "trunk", "sid"],
)
async def test_a_request_that_the_document_does_not_allow_is_found(
    telnyx: tuple[Telnyx, Watched], twilio: tuple[Twilio, Watched], ask: Wrong
) -> None:
    """The mock bites: without this, the tests above would show nothing."""
    with contextlib.suppress(CarrierFailure, SaidNo):  # what comes of it is another test's
        await ask(telnyx[0], twilio[0])
    assert not (telnyx[1].is_right() and twilio[1].is_right())


async def test_wrong_credentials_are_found(mocks: dict[str, str]) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for url in (
            f"{mocks['telnyx']}/phone_numbers",
            f"{mocks['twilio']}/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json",
        ):
            assert (await client.get(url)).status_code == 401
