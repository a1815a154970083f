"""May customers call out? Only who knows a number's password, and only with a caller id of that organization."""

import hashlib
import re
from typing import Any

import pytest
from tests.calls.conftest import Stage
from tests.calls.proxy import DOMAIN, NOBODY
from tests.calls.scenarios import Calling
from tests.calls.sipp import Party
from tests.calls.test_inbound import heard, reason
from tests.cast import Person

ABROAD = "+12025550143"


async def credentials(person: Person, number: dict[str, Any]) -> tuple[str, str]:
    answer = await person.client.post(f"/v1/phone-numbers/{number['id']}/sip-credentials")
    assert answer.status_code == 200, answer.text
    return answer.json()["username"], answer.json()["password"]


def calls(stage: Stage, caller: str, login: tuple[str, str], code: int = 200, *headers: str, to: str = ABROAD) -> Party:
    """A customer calls `to`, with this number in From."""
    calling = Calling(stage.address(to), f'"Acme" <sip:{caller}@{DOMAIN}>', *headers).logs_in(*login)
    scenario = calling.talks() if code == 200 else calling.is_rejected(code)
    return stage.call(scenario, host=next(NOBODY))


async def test_a_customer_calls_out(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    login = await credentials(alice, number)
    customer = calls(stage, number["number"], login)
    [invite] = heard(stage.carrier, customer)
    assert invite.first_line == f"INVITE sip:{ABROAD}@{stage.carrier.host}:{stage.carrier.port} SIP/2.0"
    assert invite.header("P-Asserted-Identity") == f"<sip:{number['number']}@{DOMAIN}>"
    assert invite.header("Proxy-Authorization") is None
    assert len(heard(stage.carrier, customer, "BYE")) == 1
    [(event, data)] = await stage.told(alice, customer)
    assert (event, data["direction"], data["to"]) == ("call.routed", "outbound", ABROAD)
    assert login[1] not in stage.proxy.output


async def test_what_a_customer_asserts_is_not_believed(stage: Stage) -> None:
    alice = await stage.person()
    number = await stage.number(alice)
    login = await credentials(alice, number)
    false = tuple(
        f"{name}: <sip:+442079460666@{DOMAIN}>"
        for name in ("P-Asserted-Identity", "p-asserted-identity", "Remote-Party-ID", "Diversion")
    )
    customer = calls(stage, number["number"], login, 200, *false)
    [invite] = heard(stage.carrier, customer)
    assert invite.headers("P-Asserted-Identity") == [f"<sip:{number['number']}@{DOMAIN}>"]
    assert "442079460666" not in invite.text


async def test_a_customer_hides_and_says_who_it_is(stage: Stage) -> None:
    """RFC 3325 9.2: From is anonymous, P-Preferred-Identity the number."""
    alice = await stage.person()
    number = await stage.number(alice)
    login = await credentials(alice, number)
    preferred = f"P-Preferred-Identity: <sip:{number['number']}@{DOMAIN}>"
    customer = calls(stage, "anonymous", login, 200, preferred, "Privacy: id")
    [invite] = heard(stage.carrier, customer)
    assert invite.header("P-Asserted-Identity") == f"<sip:{number['number']}@{DOMAIN}>"
    assert (invite.header("Privacy"), invite.header("P-Preferred-Identity")) == ("id", None)
    assert reason(calls(stage, "anonymous", login, 403)) is not None


async def test_each_cause_has_its_code(stage: Stage) -> None:
    alice, mallory = await stage.person(), await stage.person()
    number, second, hers = await stage.number(alice), await stage.number(alice), await stage.number(mallory)
    login, own = await credentials(alice, number), number["number"]

    def rejected(caller: str, cause: str, code: int = 403, to: str = ABROAD) -> None:
        customer = calls(stage, caller, login, code, to=to)
        assert (reason(customer) or "").startswith(f'SIP;cause={code};text="{cause}: '), (cause, reason(customer))
        assert heard(stage.carrier, customer) == [], cause

    rejected(hers["number"], "caller_not_yours")
    rejected("+442079460999", "caller_not_yours")
    rejected("anonymous", "caller_unreadable")
    rejected(own, "destination_unreadable", 484, to="112")
    for status in ("pending", "porting", "suspended"):
        await stage.set_status(second, status)
        rejected(second["number"], f"caller_{status}")
    await alice.client.patch(f"/v1/phone-numbers/{number['id']}", json={"allow_outbound": False})
    rejected(own, "outbound_off")


async def test_who_does_not_know_the_password_learns_nothing(stage: Stage) -> None:
    """Of an unknown user, a wrong password, an account that is out of use: the same answer."""
    alice = await stage.person()
    number, bare = await stage.number(alice), await stage.number(alice)
    username, password = await credentials(alice, number)
    again = await credentials(alice, number)
    assert again[1] != password
    tried = [(username, "wrong"), (username, password), ("pn_none", password), (bare["id"], "x"), ("Zoë", "x")]
    said = {calls(stage, number["number"], login, 403).received("SIP/2.0 403")[-1].text for login in tried}
    assert len({re.sub(r"^(Via|From|To|Call-ID):.*\n", "", each, flags=re.MULTILINE) for each in said}) == 1
    await stage.set_status(number, "suspended")
    calls(stage, number["number"], again, 403)
    await stage.set_status(number, "active")
    calls(stage, number["number"], again)
    await alice.client.delete(f"/v1/phone-numbers/{number['id']}")
    calls(stage, number["number"], again, 403)


# ── Nonces ───────────────────────────────────────────────────────────────────────────────────────────────────────


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Customer:
    """One who sends requests by hand, so that they can be sent again."""

    def __init__(self, stage: Stage, login: tuple[str, str], caller: str, call_id: str, host: str = "") -> None:
        self._stage = stage
        self._login = login
        self._caller = caller
        self._call_id = call_id
        self._host = host or next(NOBODY)
        self._cseq = 0

    def asks(self, *headers: str) -> str:
        """The last answer to an INVITE to a number that is none: the call itself goes nowhere."""
        self._cseq += 1
        uri = self._stage.address("112")
        lines = [
            f"INVITE {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:9;branch=z9hG4bK{self._call_id}{self._cseq};rport",
            f"From: <sip:{self._caller}@{DOMAIN}>;tag=1",
            f"To: <{uri}>",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._cseq} INVITE",
            "Max-Forwards: 70",
            *headers,
            "Content-Length: 0",
        ]
        return self._stage.proxy.ask("\n".join(lines) + "\n\n", host=self._host, final=True)

    def nonce(self) -> str:
        challenge = self.asks()
        assert challenge.startswith("SIP/2.0 407"), challenge
        assert 'qop="auth"' in challenge
        return re.findall(r'nonce="([^"]+)"', challenge)[0]

    def digest(self, nonce: str, count: int = 1, qop: str = "auth") -> str:
        username, password = self._login
        uri = self._stage.address("112")
        ha1, ha2 = md5(f"{username}:{DOMAIN}:{password}"), md5(f"INVITE:{uri}")
        said = f'Proxy-Authorization: Digest username="{username}", realm="{DOMAIN}", nonce="{nonce}", uri="{uri}"'
        if not qop:
            return f'{said}, response="{md5(f"{ha1}:{nonce}:{ha2}")}"'
        response = md5(f"{ha1}:{nonce}:{count:08x}:c:{qop}:{ha2}")
        return f'{said}, response="{response}", qop={qop}, nc={count:08x}, cnonce="c"'


@pytest.fixture
async def customer(stage: Stage, request: pytest.FixtureRequest) -> Customer:
    alice = await stage.person()
    number = await stage.number(alice)
    return Customer(stage, await credentials(alice, number), number["number"], md5(request.node.name))


AUTHENTICATED = "SIP/2.0 484"


async def test_a_digest_is_good_once(customer: Customer) -> None:
    nonce = customer.nonce()
    assert customer.asks(customer.digest(nonce)).startswith(AUTHENTICATED)
    assert customer.asks(customer.digest(nonce)).startswith("SIP/2.0 407"), "the same once more"
    assert "stale=true" in customer.asks(customer.digest(nonce))
    assert customer.asks(customer.digest(nonce, 2)).startswith(AUTHENTICATED), "the next count"
    assert customer.asks(customer.digest(nonce, 1)).startswith("SIP/2.0 407"), "a count that is past"


async def test_a_digest_without_a_count_is_good_once(customer: Customer) -> None:
    """As clients of RFC 2069 make them."""
    nonce = customer.nonce()
    assert customer.asks(customer.digest(nonce, qop="")).startswith(AUTHENTICATED)
    assert customer.asks(customer.digest(nonce, qop="")).startswith("SIP/2.0 407")


async def test_a_nonce_is_ours(customer: Customer) -> None:
    nonce = customer.nonce()
    assert customer.asks(customer.digest("x" * len(nonce))).startswith("SIP/2.0 407")
    assert customer.asks(customer.digest(nonce)).startswith(AUTHENTICATED)


@pytest.mark.parametrize(
    "header",
    [
        "Proxy-Authorization: Digest",
        'Proxy-Authorization: Digest username="',
        'Proxy-Authorization: Digest username="\\"},{\\"", realm="sip.example.com", nonce="x", response="x"',
        "Proxy-Authorization: Basic eDp5",
        "Proxy-Authorization: Digest " + "x" * 4000,
    ],
)
async def test_a_login_that_is_none(customer: Customer, header: str) -> None:
    assert customer.asks(header).split(" ")[1] in {"400", "403", "407"}
    nonce = customer.nonce()
    assert customer.asks(customer.digest(nonce)).startswith(AUTHENTICATED)


async def test_who_guesses_is_not_asked_about_any_more(stage: Stage) -> None:
    """Ten wrong passwords in a minute. The right one works from other addresses, and other accounts from this one."""
    alice = await stage.person()
    number = await stage.number(alice)
    login = await credentials(alice, number)
    host = next(NOBODY)

    def tries(login: tuple[str, str], name: str) -> str:
        guess = Customer(stage, login, number["number"], name, host)
        return guess.asks(guess.digest(guess.nonce()))

    answers = [tries((login[0], "wrong"), f"guess-{place}") for place in range(12)]
    assert {each.split("\r\n")[0] for each in answers[:10]} == {"SIP/2.0 403 Wrong User Or Password"}
    assert tries(login, "guess-right").startswith("SIP/2.0 403 Too Many Wrong Passwords")
    other = await stage.number(alice)
    assert tries(await credentials(alice, other), "guess-other").startswith(AUTHENTICATED)
    calls(stage, number["number"], login)
