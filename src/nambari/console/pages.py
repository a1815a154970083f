"""How does a page go out? Its template, filled in; its headers; and how amounts, instants and numbers are written."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined
from litestar import Response

from nambari.console.forms import DONE, Asked
from nambari.console.visit import VISITOR_COOKIE, Visit, is_https, set_cookie, visit_of
from nambari.domain.access import Scope
from nambari.domain.e164 import country_name, written
from nambari.domain.money import display
from nambari.domain.refusals import Refusal
from nambari.domain.requirements import MEANINGS

HERE = Path(__file__).parent
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
HTTPS_FROM_NOW_ON = {"Strict-Transport-Security": "max-age=31536000"}
"""RFC 6797: for a year, of this host alone. Told over https only, where it means something."""


class Place(NamedTuple):
    """A page of the menu, for those whose key has the scope."""

    path: str
    name: str
    icon: str
    scope: str


PLACES = (
    Place("/console/numbers", "Numbers", "phone", Scope.NUMBERS_READ),
    Place("/console/buy", "Buy", "plus", Scope.NUMBERS_READ),
    Place("/console/porting", "Porting", "out", Scope.NUMBERS_READ),
    Place("/console/endpoints", "Endpoints", "route", Scope.ENDPOINTS_READ),
    Place("/console/credits", "Credits", "coins", Scope.BILLING_READ),
    Place("/console/events", "Events", "pulse", Scope.WEBHOOKS_READ),
    Place("/console/webhooks", "Webhooks", "send", Scope.WEBHOOKS_READ),
    Place("/console/keys", "API keys", "key", Scope.API_KEYS_READ),
    Place("/console/kyc", "Verification", "shield", Scope.KYC_READ),
)
OPERATOR_PLACES = (
    Place("/console/operator", "Overview", "chart", ""),
    Place("/console/operator/kyc", "KYC review", "shield", ""),
    Place("/console/operator/porting", "Porting", "out", ""),
    Place("/console/operator/organizations", "Organizations", "building", ""),
    Place("/console/operator/numbers", "Numbers in trouble", "alert", ""),
)
TYPES = {"local": "Local", "mobile": "Mobile", "toll_free": "Toll-free"}
SENTENCES = {
    "bought": "The number is yours. Calls to it go where you pointed it from this moment on.",
    "configured": "Saved. It takes effect with the next call.",
    "released": "The number is released. You can take it back for 10 days while nobody else has it.",
    "restored": "The number is yours again, as it was.",
    "let-go": "The number is let go: others can have it now.",
    "endpoint-saved": "The endpoint is saved. It takes effect with the next call.",
    "endpoint-deleted": "The endpoint is deleted. Its numbers stay yours and point nowhere.",
    "replayed": "The event is on its way again.",
    "webhook-saved": "The webhook is saved.",
    "webhook-deleted": "The webhook is deleted, with the log of its deliveries.",
    "revoked": "The key is revoked. It stops working everywhere within a second.",
    "kyc-submitted": "Thank you. An operator reviews it; you can buy as soon as it is verified.",
    "kyc-verified": "Verified. The organization can buy now.",
    "kyc-declined": "Declined. The applicant sees the reason and may submit again.",
    "porting-in-review": "The order is in review.",
    "porting-exception": "Sent back. The customer sees what is to be done, and may send it again.",
    "porting-foc-scheduled": "The date is told to the customer.",
    "porting-completed": "The number is active: its first month begins.",
    "porting-cancelled": "The order is cancelled. The customer sees the reason.",
    "port-out-scheduled": "The number leaves on that day. It works until it has left.",
    "port-out-completed": "The number has left: it is nobody's here.",
    "port-out-cancelled": "The number stays. The customer sees the reason.",
    "topped-up": "The credits are added.",
    "top-up-repeated": "This reference was used already: nothing was added.",
    "test-credits": "The test credits are added.",
}
"""What a page says of the form that led to it, by the word in its address: no text of a stranger's making."""


def page(
    request: Asked, template: str, *, status: int = 200, problem: Refusal | None = None, **context: Any
) -> Response[str]:
    """The page, with what every page needs; `problem` is why what was asked for was not done."""
    here = visit_of(request)
    html = (
        _templates()
        .get_template(template)
        .render(
            **{"given": {}, **context},
            **_common(request, here),
            done=SENTENCES.get(request.query_params.get(DONE, "")) if status < 400 else None,
            problem=problem,
            faults=_faults(problem),
        )
    )
    headers = SECURITY | {"Cache-Control": "no-store"} | (HTTPS_FROM_NOW_ON if is_https(request) else {})
    response = Response(html, status_code=status, media_type="text/html", headers=headers)
    if here is not None and here.key is None and here.operator is None:
        set_cookie(request, response, VISITOR_COOKIE, here.token)
    return response


def _common(request: Asked, here: Visit | None) -> dict[str, Any]:
    services = request.app.state.services
    places = OPERATOR_PLACES if here and here.operator else PLACES if here and here.key else ()
    return {
        "visit": here,
        "places": [each for each in places if not each.scope or (here and here.may(each.scope))],
        "path": request.scope["path"],
        "may": here.may if here else lambda _: False,
        "currency": services.settings.currency,
        "money": lambda cents: display(cents, services.settings.currency),
        "new_once": lambda: services.new_id("once"),
        "now": services.clock(),
    }


def _faults(problem: Refusal | None) -> dict[str, str]:
    fields = problem.details.get("fields", ()) if problem else ()
    return {each["field"].removeprefix("provider_config."): each["message"] for each in fields}


def instant(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if at else "—"


def day(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%-d %b %Y}" if at else "—"


def spoken(name: str) -> str:
    """`insufficient_balance` → `insufficient balance`."""
    return str(name).replace("_", " ")


def value_of(value: object) -> str:
    """What a field of the history was or became."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)


@cache
def asset_version() -> str:
    """Another one with every change of an asset, so that browsers may keep what they have."""
    digest = hashlib.sha256()
    for path in sorted((HERE / "assets").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _templates() -> Templates:
    templates = Templates(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "instant": instant,
        "day": day,
        "number": written,
        "country": country_name,
        "spoken": spoken,
        "value_of": value_of,
        "requirement": MEANINGS.__getitem__,
        "kind": lambda name: TYPES.get(name, name),
    }
    templates.globals |= {"asset_version": asset_version(), "types": TYPES, "minute": timedelta(minutes=1)}
    return templates
