"""The carriers that the contract is asked of, each made anew: scripted, and the adapters on fakes of the real."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
from tests.carriers import fake_telnyx, fake_twilio, recorded
from tests.carriers.contract import FOREIGN, NUMBER, OTHER, Stand
from tests.carriers.fake_telnyx import FakeTelnyx
from tests.carriers.fake_twilio import FakeTwilio
from tests.carriers.faking import FakeCarrier, Trick, faking
from tests.carriers.scripted import Lie, ScriptedCarrier

from nambari.carriers.telnyx import Telnyx
from nambari.carriers.twilio import Twilio

CONTEXT: ssl.SSLContext = httpx2.create_ssl_context(trust_env=False)


def telnyx_on(fake: FakeCarrier, key: str = fake_telnyx.KEY) -> Telnyx:
    return Telnyx(key, fake_telnyx.CONNECTION, f"{fake.url}/v2", CONTEXT)


def twilio_on(fake: FakeCarrier, token: str = fake_twilio.TOKEN) -> Twilio:
    return Twilio(fake_twilio.ACCOUNT, token, {"TrunkSid": fake_twilio.TRUNK}, fake.url, CONTEXT)


def variables(telnyx: FakeCarrier, twilio: FakeCarrier) -> dict[str, str]:
    """The settings that name both."""
    return {
        "NAMBARI_TELNYX_API_KEY": fake_telnyx.KEY,
        "NAMBARI_TELNYX_CONNECTION_ID": fake_telnyx.CONNECTION,
        "NAMBARI_TELNYX_BASE_URL": f"{telnyx.url}/v2",
        "NAMBARI_TWILIO_ACCOUNT_SID": fake_twilio.ACCOUNT,
        "NAMBARI_TWILIO_AUTH_TOKEN": fake_twilio.TOKEN,
        "NAMBARI_TWILIO_TRUNK_SID": fake_twilio.TRUNK,
        "NAMBARI_TWILIO_BASE_URL": twilio.url,
    }


@asynccontextmanager
async def scripted() -> AsyncIterator[Stand]:
    carrier = ScriptedCarrier()
    carrier.offers(NUMBER, OTHER, FOREIGN)
    failures = {"throttled": Lie.THROTTLED, "taken": Lie.TAKEN, "not done": Lie.CUT_BEFORE, "done": Lie.CUT}
    yield Stand(carrier, will=carrier.will, failures=failures)


@asynccontextmanager
async def telnyx() -> AsyncIterator[Stand]:
    fake = FakeTelnyx()
    fake.offers(NUMBER, OTHER, FOREIGN)
    async with faking(fake):
        carrier = telnyx_on(fake)
        yield Stand(carrier, will=fake.will, failures=_failures(recorded.TELNYX_THROTTLED, recorded.TELNYX_TAKEN))
        await carrier.close()


@asynccontextmanager
async def twilio() -> AsyncIterator[Stand]:
    fake = FakeTwilio()
    fake.offers(NUMBER, OTHER, FOREIGN)
    async with faking(fake):
        carrier = twilio_on(fake)
        yield Stand(carrier, will=fake.will, failures=_failures(recorded.TWILIO_THROTTLED, recorded.TWILIO_TAKEN))
        await carrier.close()


def _failures(throttled: recorded.Recorded, taken: recorded.Recorded) -> dict[str, object]:
    return {"throttled": throttled, "taken": taken, "not done": Trick.CUT_BEFORE, "done": Trick.CUT}


STANDS: dict[str, Callable[[], AbstractAsyncContextManager[Stand]]] = {
    "scripted": scripted,
    "telnyx": telnyx,
    "twilio": twilio,
}
