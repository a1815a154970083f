"""Who gets in, for how long, with which forms, and what can be read of it?"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import httpx2
from tests.api.asking import fed
from tests.conftest import started
from tests.console.conftest import PASSWORD, Town, Visitor

from nambari.api.app import application, with_request_id
from nambari.console.app import CONSOLE
from nambari.domain.access import hash_secret
from nambari.operations import forget, keys, operators
from nambari.settings import Settings

PAGES = ("numbers", "buy", "porting", "endpoints", "credits", "events", "webhooks", "keys", "kyc")


async def test_who_signs_in_gets_a_cookie_that_tells_nothing(town: Town) -> None:
    alice = await town.person()
    visitor = town.visitor()
    answer = await visitor.sign_in(alice.api_key)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("nambari_session=")]
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    token = visitor.client.cookies["nambari_session"]
    assert alice.api_key not in str(answer.headers) + answer.text
    assert await town.value("SELECT token_hash FROM console_sessions") == hash_secret(token)
    for name in PAGES:
        page = await visitor.get(f"/console/{name}")
        assert page.status_code == 200, name
        assert alice.api_key not in page.text
        assert token not in page.text


async def test_over_https_the_cookie_is_for_https_alone(town: Town) -> None:
    visitor = town.visitor(scheme="https")
    answer = await visitor.sign_in((await town.person()).api_key)
    assert all("Secure" in each for each in answer.headers.get_list("set-cookie"))


async def test_no_key_no_entry(town: Town) -> None:
    visitor = town.visitor()
    for secret in ("", "nonsense", "kros_live_" + "0" * 32, "kros_live_\0", "ключ", "k" * 100_000):
        answer = await visitor.sign_in(secret)
        assert answer.status_code == 401, secret[:20]
        assert "not known here" in answer.text
        assert "nambari_session" not in visitor.client.cookies
        assert "nonsense" not in answer.text


async def test_a_proxys_key_and_one_for_another_address_do_not_open(town: Town) -> None:
    _, proxy = await town.key(None, scopes=("routing:read",))
    assert (await town.visitor().sign_in(proxy)).status_code == 401
    alice = await town.person(allowed_ips=("192.0.2.0/24",))
    assert (await town.visitor().sign_in(alice.api_key)).status_code == 403
    elsewhere = town.visitor(address="192.0.2.7")
    assert (await elsewhere.sign_in(alice.api_key)).status_code == 303


async def test_without_a_session_every_page_leads_to_the_sign_in(town: Town) -> None:
    for name in PAGES:
        answer = await town.visitor().get(f"/console/{name}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/sign-in?next=/console/{name}")


async def test_the_sign_in_leads_back_to_where_one_wanted_to_go_and_nowhere_else(town: Town) -> None:
    alice = await town.person()
    for wanted, reached in (
        ("/console/credits", "/console/credits"),
        ("/console/buy?country=NG", "/console/buy?country=NG"),
        ("https://evil.example", "/console"),
        ("//evil.example/console/", "/console"),
        ("/console/\\evil.example", "/console"),
        ("/console/../v1", "/console"),
        ("/console/x\r\nset-cookie: a=b", "/console"),
    ):
        visitor = town.visitor()
        await visitor.get("/console/sign-in")
        answer = await visitor.post("/console/sign-in", api_key=alice.api_key, next=wanted)
        assert answer.headers["location"] == reached


async def test_a_revoked_key_ends_the_session_at_once(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    assert (await visitor.get("/console/numbers")).status_code == 200
    await keys.revoke(town.services, alice.key_id, "req_test", town.services.clock())
    answer = await visitor.get("/console/numbers")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=/console/numbers&ended=1")
    assert "nambari_session" not in visitor.client.cookies
    told = await visitor.get(answer.headers["location"])
    assert "Your session has ended" in told.text


async def test_signing_out_ends_it_for_whoever_has_the_cookie(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    token = visitor.client.cookies["nambari_session"]
    assert (await visitor.post("/console/sign-out")).headers["location"] == "/console/sign-in"
    visitor.client.cookies.set("nambari_session", token)
    assert (await visitor.get("/console/numbers")).status_code == 303


async def test_a_session_ends_after_its_time_and_is_forgotten(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    later = town.services.clock() + timedelta(hours=13)
    assert await forget.sessions(town.services, town.services.clock(), 100) == 0
    assert await forget.sessions(town.services, later, 100) == 1
    assert (await visitor.get("/console/numbers")).status_code == 303


async def test_a_form_of_another_site_is_refused(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    for path in ("/console/sign-out", "/console/kyc", "/console/webhooks", "/console/endpoints/new/custom"):
        for token in (None, "", "0" * 64, "ключ"):
            fields = {"name": "x", "url": "sip:a@agent.example.com"} | ({} if token is None else {"form_token": token})
            answer = await visitor.client.post(path, data=fields)
            assert answer.status_code == 403, (path, token)
            assert "not from here" in answer.text
    assert await town.value("SELECT count(*) FROM endpoints") == 0
    assert (await visitor.get("/console/numbers")).status_code == 200


async def test_the_form_token_of_one_session_is_none_of_another(town: Town) -> None:
    alice, mallory = await town.person(), await town.person()
    at_alices, at_mallorys = await town.at_the_console(alice.api_key), await town.at_the_console(mallory.api_key)
    assert at_alices.token != at_mallorys.token
    at_mallorys.token = at_alices.token
    assert (await at_mallorys.post("/console/sign-out")).status_code == 403
    stranger = town.visitor()
    assert (await stranger.client.post("/console/sign-in", data={"api_key": alice.api_key})).status_code == 403


async def test_a_form_that_is_none_is_refused(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    answer = await visitor.client.post("/console/kyc", json={"form_token": visitor.token})
    assert answer.status_code == 415
    answer = await visitor.client.post(
        "/console/kyc", content=b"legal_name=%ED%A0%80", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, "UTF-8" in answer.text) == (400, True)
    answer = await visitor.post("/console/kyc", {f"field{place}": "x" for place in range(200)})
    assert (answer.status_code, "at most 100 fields" in answer.text) == (400, True)
    answer = await visitor.post("/console/kyc", legal_name="x" * 1_100_000)
    assert answer.status_code == 413


async def test_every_answer_is_guarded_by_its_headers(town: Town) -> None:
    visitor = await town.at_the_console((await town.person()).api_key)
    paths = [*(f"/console/{name}" for name in PAGES), "/console/nowhere", "/console/sign-in"]
    for path in (*paths, "/console/assets/console.css", "/console/assets/console.js", "/console/assets/mark.svg"):
        answer = await visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-request-id"].startswith("req_")
        if path in paths:
            assert answer.headers["cache-control"] == "no-store"
            assert not re.search(r"<style|style=|<script(?! src=)|\son\w+=|javascript:", answer.text), path
            assert not re.search(r'(src|href)="(https?:)?//', answer.text), path
    assert (await visitor.get("/console/assets/app.py")).status_code == 404
    assert (await visitor.get("/console/assets/..%2fapp.py")).status_code == 404


# ── Operators ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_operator_signs_in_with_a_password_that_is_kept_as_a_hash(town: Town) -> None:
    visitor = await town.operators_visit()
    assert (await visitor.get("/console/operator")).status_code == 200
    kept = await town.value("SELECT password_hash FROM operators")
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


async def test_an_operators_session_opens_nothing_of_customers_and_the_other_way_round(town: Town) -> None:
    alice = await town.at_the_console((await town.person()).api_key)
    operator = await town.operators_visit()
    assert (await operator.get("/console/numbers")).status_code == 303
    for path in ("/console/operator", "/console/operator/kyc", "/console/operator/organizations"):
        assert (await alice.get(path)).headers["location"].startswith("/console/operator/sign-in")
    alice.client.cookies.set("nambari_operator", alice.client.cookies["nambari_session"])
    assert (await alice.get("/console/operator")).status_code == 303
    operator.client.cookies.set("nambari_session", operator.client.cookies["nambari_operator"])
    assert (await operator.get("/console/numbers")).status_code == 303


async def test_a_wrong_name_or_password_is_told_alike(town: Town) -> None:
    await town.appoint()
    for name in ("ada", "nobody", "a\0b", "a" * 10_000):
        answer = await town.visitor().sign_in_operator(name, "wrong password 1")
        assert answer.status_code == 409
        assert "The name or the password is wrong" in answer.text


async def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(town: Town) -> None:
    await town.appoint()
    visitor = town.visitor()
    answers = [await visitor.sign_in_operator("ada", "guess guess guess") for _ in range(6)]
    answers.append(await visitor.sign_in_operator())
    answers += [await visitor.sign_in_operator("nobody", "guess guess guess") for _ in range(6)]
    assert len({(each.status_code, each.text) for each in answers}) == 1, "nor does it tell whose name there is"
    assert "wait half a minute" in answers[0].text
    async with town.services.database.writing() as connection:
        await connection.execute("UPDATE operators SET barred_until = barred_until - interval '31 seconds'")
    assert (await visitor.sign_in_operator()).status_code == 303
    assert await town.value("SELECT failures FROM operators") == 0


async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(town: Town) -> None:
    await town.appoint()
    await asyncio.gather(*(town.visitor().sign_in_operator("ada", "guess guess guess") for _ in range(20)))
    assert await town.value("SELECT failures FROM operators") == 5, "the others were not looked at"
    assert (await town.visitor().sign_in_operator()).status_code == 409


async def sent_slowly(visitor: Visitor, path: str, meanwhile: Callable[[], Awaitable[object]]) -> httpx2.Response:
    """The answer to a form whose end comes after what is done meanwhile."""
    form, body = urlencode({"form_token": visitor.token, "name": "Slow"}).encode(), asyncio.Queue[bytes]()
    body.put_nowait(form[:5])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = asyncio.create_task(visitor.client.post(path, content=fed(body), headers=headers))
    await body.join()  # the first of it is taken
    await meanwhile()
    for chunk in (form[5:], b""):
        body.put_nowait(chunk)
    return await answer


async def test_who_is_signed_out_while_a_form_comes_does_nothing(town: Town) -> None:
    alice = await town.person()
    visitor = await town.at_the_console(alice.api_key)
    await visitor.get("/console/keys")

    async def revoke() -> None:
        await keys.revoke(town.services, alice.key_id, "req_test", town.services.clock())

    answer = await sent_slowly(visitor, "/console/keys", revoke)
    assert answer.headers["location"].startswith("/console/sign-in")
    assert await town.value("SELECT count(*) FROM api_keys WHERE name = 'Slow'") == 0


async def test_nor_does_an_operator_who_is_removed_while_a_form_comes(town: Town) -> None:
    visitor = await town.operators_visit()
    answer = await sent_slowly(
        visitor, "/console/operator/kyc/org_none/approve", lambda: operators.remove(town.services, "ada")
    )
    assert answer.headers["location"].startswith("/console/operator/sign-in")


async def test_a_removed_operator_is_out_at_once(town: Town) -> None:
    visitor = await town.operators_visit()
    await operators.remove(town.services, "ada")
    assert (await visitor.get("/console/operator")).headers["location"].startswith("/console/operator/sign-in")


async def test_only_a_trusted_proxy_is_believed_about_https(dsn: str, settings: Settings) -> None:
    app = application(replace(settings, trusted_proxies=("192.0.2.1",)), dsn, doors=(CONSOLE,))
    async with started(app):
        town = Town(app.state.services, with_request_id(app))
        api_key = (await town.person()).api_key
        for address, secure in (("192.0.2.1", True), ("127.0.0.1", False)):
            visitor = town.visitor(address=address)
            visitor.client.headers["x-forwarded-proto"] = "https"
            await visitor.get("/console/sign-in")
            # Its own cookie is for https alone, and the client is not at one.
            token = hashlib.sha256(b"form a").hexdigest()
            visitor.client.headers["cookie"] = "nambari_visitor=a"
            answer = await visitor.client.post("/console/sign-in", data={"form_token": token, "api_key": api_key})
            assert answer.status_code == 303
            assert ("Secure" in answer.headers["set-cookie"]) == secure, address
        await town.close()
