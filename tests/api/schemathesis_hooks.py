"""What schemathesis cannot know: how our formats look, and which refusals of well-formed requests are right."""

import re

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, Response

WORD = st.from_regex(r"[a-z]{1,20}", fullmatch=True)
schemathesis.openapi.format("sip-uri", st.builds("sip:{}@{}.example.com".format, WORD, WORD))
schemathesis.openapi.format("web-url", st.builds("https://{}.example.com/{}".format, WORD, WORD))

for MEDIA_TYPE, BEGIN in (
    ("application/pdf", b"%PDF-1.7\n"),
    ("image/png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    ("image/jpeg", b"\xff\xd8\xff\xe0"),
):
    schemathesis.openapi.media_type(MEDIA_TYPE, st.binary(max_size=100).map(BEGIN.__add__))

NO_SCHEMA_SAYS_IT = [
    # A cursor is good or not by what is in the list.
    r"starting_after is not the id of an item in this list",
    # JSON Schema takes 126.0 for an integer; money is never written with a point here.
    r"\w+ must be a whole number( or null)?, not a decimal number",
    # Inside free-form objects.
    r"\w+ must have no NUL character",
    r"provider_config must be at most 4096 bytes of JSON",
    r"body must not be nested more than 32 levels deep",
]
OF_OPERATION = {
    # Nobody can take away more credits than there are just then.
    "POST /v1/test/credits": [r" You need .* of credits to take away and have .*"],
    # One path, two lists: which parameters there are hangs on another parameter.
    "GET /v1/phone-numbers": [r"\w+ is not a parameter of this operation.*", r"country is required"],
    # Which events there are, in what order, and which of them the webhook asks for.
    "POST /v1/webhooks/{webhook_id}/replay": [
        r"(starting_after|up_to) is no id of an event .*",
        r"up_to must not come before starting_after",
        r"to must be later than from",
        r"events must name something that the webhook asks for, .*",
    ],
    # Which endpoints there are, and which of them is attached already.
    "POST /v1/phone-numbers": [r"fallback_endpoint_id must be an.*"],
    "PATCH /v1/phone-numbers/{number_id}": [r"fallback_endpoint_id must be an.*"],
    # What a file is shows in its bytes, and whether a day has passed in the calendar.
    "POST /v1/kyc/documents": [r"body .*", r"expires_on is over.*"],
    # Which numbers there are, and which documents; and a day may be to come.
    "POST /v1/porting-orders": [r"number .*", r"\w+_id is no document of yours.*", r"authorized_on must not be.*"],
    "PATCH /v1/porting-orders/{order_id}": [r"\w+_id is no document of yours.*", r"authorized_on must not be.*"],
    # What is missing in it.
    "POST /v1/porting-orders/{order_id}/submit": [r"\w+ is required before the order is submitted", r".* KYC.*"],
    # A PIN that is too easy.
    "POST /v1/port-out-pin": [r"pin must not be one digit repeated"],
    # An address is one by more than its letters, and an instant lies in the future by the clock.
    "POST /v1/api-keys": [r"allowed_ips item \d+ is no IP address or CIDR", r"expires_at must be .*"],
    # What an endpoint may become hangs on what it is.
    "PATCH /v1/endpoints/{endpoint_id}": [r"(url|provider|provider_config)\b.*"],
}


@schemathesis.check
def well_formed_requests_are_taken(ctx: CheckContext, response: Response, case: Case) -> None:
    meta = case.meta
    if response.status_code != 400 or meta is None or not meta.generation.mode.is_positive:
        return
    answer = response.json()
    allowed = [*NO_SCHEMA_SAYS_IT, *OF_OPERATION.get(case.operation.label, [])]
    for fault in answer.get("details", {}).get("fields", [{"field": "", "message": answer["error"]}]):
        told = f"{fault['field']} {fault['message']}"
        assert any(re.fullmatch(pattern, told, re.DOTALL) for pattern in allowed), f"Refused, and well-formed: {told}"
