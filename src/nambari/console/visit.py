"""Who is at the page? The session of its cookie, checked anew for every request; and whether a form is our own.

The token in the cookie is drawn when somebody signs in; a form carries a digest of it, which no other site can know.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.datastructures import Cookie

from nambari.api.auth import client_address
from nambari.console.forms import Asked, Form, read_form
from nambari.domain.access import Caller, Key, address_allowed, check_scope
from nambari.domain.operator import OperatorAccount
from nambari.domain.refusals import Refusal
from nambari.operations import sessions
from nambari.operations.idempotency import Attempt
from nambari.wiring import Services, new_token

HOME = "/console"
SIGN_IN = "/console/sign-in"
OPERATOR_HOME = "/console/operator"
OPERATOR_SIGN_IN = "/console/operator/sign-in"
SESSION_COOKIE = "nambari_session"
OPERATOR_COOKIE = "nambari_operator"
VISITOR_COOKIE = "nambari_visitor"
_OURS = re.compile(r"/console/[A-Za-z0-9_/-]*(\?[A-Za-z0-9_=&%*.+-]*)?")
_ONCE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(slots=True)
class Visit:
    """`key` is there for a customer, `operator` for an operator, neither for a visitor who is about to sign in."""

    services: Services
    request_id: str
    token: str
    key: Key | None = None
    organization: str = ""
    operator: OperatorAccount | None = None
    form: Form | None = None

    @property
    def form_token(self) -> str:
        return hashlib.sha256(f"form {self.token}".encode()).hexdigest()

    @property
    def caller(self) -> Caller:
        assert self.key is not None  # noqa: S101 - only pages of customers ask
        assert self.key.organization_id is not None  # noqa: S101 - no other key signs in
        return Caller(self.key.id, self.key.organization_id, self.key.environment, self.key.bounds)

    @property
    def posted(self) -> Form:
        assert self.form is not None  # noqa: S101 - `enter` has read it
        return self.form

    def may(self, scope: str) -> bool:
        return self.key is not None and scope in self.key.scopes


class FormRefused(Exception):
    """A form that is not of this session: sent by another site, or of a page that was open when somebody signed in."""


def visit_of(request: Asked) -> Visit | None:
    found: Visit | None = request.scope["state"].get("visit")
    return found


def visit(request: Asked) -> Visit:
    """Behind `enter` there is always one."""
    found = visit_of(request)
    assert found is not None  # noqa: S101
    return found


async def enter(request: Asked) -> Response[str] | None:
    """Let a customer in whose key is good and has the scope of the page; anybody else is sent to sign in.

    Raises FormRefused, InsufficientScope, RateLimitExceeded.
    """
    await request.body()  # it may take its time: who comes is looked at when it is there
    token = request.cookies.get(SESSION_COOKIE, "")
    services: Services = request.app.state.services
    found = await sessions.key_of(services, token, address_of(request), services.clock()) if token else None
    if found is None or isinstance(found, Refusal):
        return _to_sign_in(request, SIGN_IN, SESSION_COOKIE if token else None, ended=bool(token))
    key, organization = found
    here = _remember(request, Visit(services, _request_id(request), token, key=key, organization=organization))
    await _check_form(request, here)
    wanted = request.scope["route_handler"].opt
    scope = wanted.get("scope")
    refusal = check_scope(key, scope) if scope is not None else None
    if refusal is None and request.method == "POST":  # who reads at human speed is not counted
        admission = await request.app.state.limiter.admit(key, buys=wanted.get("buys", False))
        request.scope["state"]["counted"] = admission.counted
        refusal = admission.refusal
    if refusal is not None:
        raise refusal
    if request.method == "POST":
        request.scope["state"]["writer"] = here.caller
    return None


async def enter_operator(request: Asked) -> Response[str] | None:
    """Let an operator in; anybody else is sent to sign in. Raises FormRefused."""
    await request.body()  # as above
    token = request.cookies.get(OPERATOR_COOKIE, "")
    services: Services = request.app.state.services
    operator = await sessions.operator_of(services, token, services.clock()) if token else None
    if operator is None:
        return _to_sign_in(request, OPERATOR_SIGN_IN, OPERATOR_COOKIE if token else None, ended=bool(token))
    await _check_form(request, _remember(request, Visit(services, _request_id(request), token, operator=operator)))
    return None


async def enter_as_visitor(request: Asked) -> Response[str] | None:
    """For the pages to sign in: whoever comes is given a cookie to know their form by. Raises FormRefused."""
    token = request.cookies.get(VISITOR_COOKIE, "")
    here = _remember(request, Visit(request.app.state.services, _request_id(request), token or new_token()))
    await _check_form(request, here)
    return None


async def _check_form(request: Asked, here: Visit) -> None:
    if request.method != "POST":
        return
    here.form = await read_form(request)
    if not hmac.compare_digest(here.form.text("form_token").encode(), here.form_token.encode()):
        raise FormRefused


def _remember(request: Asked, here: Visit) -> Visit:
    request.scope["state"]["visit"] = here
    return here


def _request_id(request: Asked) -> str:
    found: str = request.scope["state"]["request_id"]
    return found


def _to_sign_in(request: Asked, where: str, cookie: str | None, *, ended: bool) -> Response[str]:
    asked = request.scope["path"]
    if request.scope["query_string"]:
        asked += "?" + request.scope["query_string"].decode("latin-1")
    wanted = [f"next={quote(asked, safe='/')}"] if request.method == "GET" and is_ours(asked) else []
    if ended:
        wanted.append("ended=1")
    response = redirect(f"{where}?{'&'.join(wanted)}" if wanted else where)
    if cookie is not None:
        forget_cookie(request, response, cookie)
    return response


def is_ours(path: str) -> bool:
    """Whether this is a page of the console: nobody is sent anywhere else after signing in."""
    return len(path) <= 500 and _OURS.fullmatch(path) is not None


def redirect(where: str) -> Response[str]:
    """See other: what a form did is not done again when its page is loaded anew."""
    return Response(
        "", status_code=303, media_type="text/html", headers={"Location": where, "Cache-Control": "no-store"}
    )


def set_cookie(request: Asked, response: Response[str], name: str, token: str) -> None:
    """Until the browser is closed, out of reach of scripts and of other sites' forms, over https where we have it."""
    response.set_cookie(
        Cookie(key=name, value=token, path="/console", httponly=True, samesite="lax", secure=is_https(request))
    )


def forget_cookie(request: Asked, response: Response[str], name: str) -> None:
    response.set_cookie(
        Cookie(key=name, value="", path="/console", max_age=0, httponly=True, samesite="lax", secure=is_https(request))
    )


def is_https(request: Asked) -> bool:
    """As the browser sees it: a trusted proxy tells, nobody else is believed."""
    peer = request.scope["client"]
    trusted = request.app.state.services.settings.trusted_proxies
    if peer and trusted and address_allowed(peer[0], trusted):
        return request.headers.get("x-forwarded-proto", "").strip().lower() == "https"
    return bool(request.scope["scheme"] == "https")


def address_of(request: Asked) -> str | None:
    return client_address(request.scope, request.app.state.services.settings.trusted_proxies)


def attempt(request: Asked) -> Attempt:
    """The posted form as an attempt: the very same form of the same page, sent twice, is done once."""
    here = visit(request)
    digest, once = here.posted.digest, here.posted.text("once")
    idempotency_key = f"console {once} {digest.hex()}" if _ONCE.fullmatch(once) else None
    what: Any = request.scope["path"].encode()
    return Attempt(
        caller=here.caller,
        request_id=here.request_id,
        idempotency_key=idempotency_key,
        fingerprint=hashlib.sha256(what + digest).digest(),
    )


def asking(request: Asked) -> Attempt:
    """For what only looks at what would happen."""
    here = visit(request)
    return Attempt(caller=here.caller, request_id=here.request_id)
