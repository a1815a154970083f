"""The page of the API keys: who else may call, with what. A new one is shown once."""

from datetime import UTC, datetime

from litestar import Response, Router, get, post
from litestar.params import FromPath

from nambari.api.keys import new_key
from nambari.api.requests import is_id_form
from nambari.api.shapes_of_keys import NewApiKey
from nambari.console.forms import Asked, as_body, cents_of
from nambari.console.pages import page
from nambari.console.problems import outcome, status_of, words
from nambari.console.visit import SIGN_IN, attempt, enter, redirect, visit
from nambari.domain.access import ORGANIZATION_SCOPES, Key, Scope, may_give, unsealed
from nambari.domain.refusals import NotFound, Refusal, invalid
from nambari.operations import keys


@get("/console/keys", scope=Scope.API_KEYS_READ)
async def list_keys(request: Asked) -> Response[str]:
    return await _list(request)


async def _list(request: Asked, problem: Refusal | None = None, made: tuple[Key, str] | None = None) -> Response[str]:
    here = visit(request)
    assert here.key is not None  # noqa: S101 - a customer's page
    form = here.form if problem else None
    return page(
        request,
        "keys.html",
        status=status_of(problem) if problem else 200,
        problem=problem,
        sentence=words(problem) if problem else None,
        keys=list(reversed(await keys.own(here.services, here.caller))),
        made=made,
        scopes=[each.value for each in Scope if each in ORGANIZATION_SCOPES and may_give(here.key, each)],
        chosen=form.texts("scopes") if form else [],
        given=form.values() if form else {},
    )


@post("/console/keys", scope=Scope.API_KEYS_WRITE)
async def create_key(request: Asked) -> Response[str]:
    done = await outcome(_create(request))
    return await _list(request, done) if isinstance(done, Refusal) else await _list(request, made=done)


async def _create(request: Asked) -> tuple[Key, str]:
    here = visit(request)
    form = here.posted
    cap, until = form.text("monthly_cap"), form.text("expires_at")
    body = as_body(
        {
            "name": form.text("name"),
            "scopes": form.texts("scopes"),
            "allowed_ips": form.words("allowed_ips"),
            "monthly_cap_cents": cents_of(cap, "monthly_cap") if cap else None,
            "countries": [each.upper() for each in form.words("countries")],
            "expires_at": _end_of(until) if until else None,
        },
        NewApiKey,
    )
    wanted = new_key(body, here.caller)
    done = await keys.create_by_key(here.services, attempt(request), wanted, here.token, here.services.clock())
    return done.result.key, unsealed(done.result.sealed, here.token, done.result.key)


def _end_of(day: str) -> datetime:
    """The end of a day, UTC. Raises ValidationError."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(hour=23, minute=59, second=59, tzinfo=UTC)
    except ValueError:
        raise invalid("expires_at", "must be a day, such as 2030-01-31") from None


@post("/console/keys/{key_id:str}/revoke", scope=Scope.API_KEYS_WRITE)
async def revoke_key(request: Asked, key_id: FromPath[str]) -> Response[str]:
    """Who revokes the key that they are signed in with has signed out."""
    here = visit(request)
    assert here.key is not None  # noqa: S101 - a customer's page
    if not is_id_form(key_id):
        raise NotFound("There is no such key here.")
    done = await outcome(keys.revoke_by_key(here.services, attempt(request), key_id, here.services.clock()))
    if isinstance(done, Refusal):
        raise NotFound("There is no such key here.") if isinstance(done, NotFound) else done
    return redirect(SIGN_IN if key_id == here.key.id else "/console/keys?done=revoked")


ROUTER = Router("/", route_handlers=[list_keys, create_key, revoke_key], before_request=enter)
