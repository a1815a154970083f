"""Signing in with an API key, or as an operator; and out again."""

from litestar import Response, Router, get, post

from nambari.console.forms import Asked
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import (
    HOME,
    OPERATOR_COOKIE,
    OPERATOR_HOME,
    OPERATOR_SIGN_IN,
    SESSION_COOKIE,
    SIGN_IN,
    address_of,
    enter,
    enter_as_visitor,
    enter_operator,
    forget_cookie,
    is_ours,
    redirect,
    set_cookie,
    visit,
)
from nambari.domain.access import Scope
from nambari.domain.refusals import InsufficientScope, Refusal
from nambari.operations import sessions


@get("/console/sign-in")
async def show(request: Asked) -> Response[str]:
    return _form(request, "sign_in.html")


@post("/console/sign-in")
async def sign_in(request: Asked) -> Response[str]:
    here = visit(request)
    secret = here.posted.text("api_key")
    token = await outcome(sessions.sign_in(here.services, secret, address_of(request), here.services.clock()))
    if isinstance(token, Refusal):
        return _form(request, "sign_in.html", token)
    return _signed_in(request, SESSION_COOKIE, token, HOME)


@get("/console/operator/sign-in")
async def show_operator(request: Asked) -> Response[str]:
    return _form(request, "operator_sign_in.html")


@post("/console/operator/sign-in")
async def sign_in_operator(request: Asked) -> Response[str]:
    here = visit(request)
    name, password = here.posted.text("name"), here.posted.exact("password")
    if "\0" in name + password:
        name = ""  # which nobody has
    token = await outcome(sessions.sign_in_operator(here.services, name, password, here.services.clock()))
    if isinstance(token, Refusal):
        return _form(request, "operator_sign_in.html", token)
    return _signed_in(request, OPERATOR_COOKIE, token, OPERATOR_HOME)


def _form(request: Asked, template: str, refusal: Refusal | None = None) -> Response[str]:
    here = visit(request)
    wanted = here.form.text("next") if here.form else request.query_params.get("next", "")
    return page(
        request,
        template,
        status=status_of(refusal) if refusal else 200,
        problem=refusal,
        sentence=words(refusal) if refusal else None,
        ended="ended" in request.query_params and refusal is None,
        next=wanted if is_ours(wanted) else "",
    )


def _signed_in(request: Asked, cookie: str, token: str, home: str) -> Response[str]:
    wanted = visit(request).posted.text("next")
    response = redirect(wanted if is_ours(wanted) else home)
    set_cookie(request, response, cookie, token)
    return response


@post("/console/sign-out")
async def sign_out(request: Asked) -> Response[str]:
    return await _sign_out(request, SESSION_COOKIE, SIGN_IN)


@post("/console/operator/sign-out")
async def sign_out_operator(request: Asked) -> Response[str]:
    return await _sign_out(request, OPERATOR_COOKIE, OPERATOR_SIGN_IN)


async def _sign_out(request: Asked, cookie: str, where: str) -> Response[str]:
    here = visit(request)
    await sessions.sign_out(here.services, here.token)
    response = redirect(where)
    forget_cookie(request, response, cookie)
    return response


_HOMES = {
    Scope.NUMBERS_READ: "/console/numbers",
    Scope.ENDPOINTS_READ: "/console/endpoints",
    Scope.BILLING_READ: "/console/credits",
    Scope.WEBHOOKS_READ: "/console/events",
    Scope.API_KEYS_READ: "/console/keys",
    Scope.KYC_READ: "/console/kyc",
}


@get("/console")
async def home(request: Asked) -> Response[str]:
    """The first page that the key may read."""
    here = visit(request)
    found = next((path for scope, path in _HOMES.items() if here.may(scope)), None)
    if found is None:
        raise InsufficientScope("", required=Scope.NUMBERS_READ)
    return redirect(found)


VISITORS = Router("/", route_handlers=[show, sign_in, show_operator, sign_in_operator], before_request=enter_as_visitor)
CUSTOMERS = Router("/", route_handlers=[home, sign_out], before_request=enter)
OPERATORS = Router("/", route_handlers=[sign_out_operator], before_request=enter_operator)
