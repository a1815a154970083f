"""What does the API answer about calls?"""

from typing import ClassVar

from msgspec import Struct


class Fallback(Struct, kw_only=True):
    """The agent that stands in."""

    endpoint_id: str
    sip_uri: str


class RoutedCall(Struct, kw_only=True, tag_field="action", tag="route"):
    """The call goes to `sip_uri`; if nobody is there (408, 5xx, no connection), once more to the fallback's.

    `via_fallback` tells why the endpoint did not get it and its fallback did, null where the endpoint did.
    """

    action: ClassVar[str] = "route"
    sip_uri: str
    number: str
    phone_number_id: str
    organization_id: str
    endpoint_id: str
    fallback: Fallback | None
    via_fallback: str | None


class AskedWebhook(Struct, kw_only=True, tag_field="action", tag="ask"):
    """The webhook at `url` would be asked, and decide. It was not asked now."""

    action: ClassVar[str] = "ask"
    url: str
    number: str
    phone_number_id: str
    organization_id: str
    endpoint_id: str
    fallback: Fallback | None


class AllowedCall(Struct, kw_only=True, tag_field="action", tag="allow"):
    """The call may be made, with `caller_id` and no other."""

    action: ClassVar[str] = "allow"
    caller_id: str
    to: str
    phone_number_id: str
    organization_id: str


class RejectedCall(Struct, kw_only=True, tag_field="action", tag="reject"):
    """The call ends with `sip_code`. `cause` is for programs, `reason` for people."""

    action: ClassVar[str] = "reject"
    sip_code: int
    cause: str
    reason: str


class ChallengedAccount(Struct, kw_only=True, tag_field="action", tag="challenge"):
    """The digest of the call must be one for `realm` that `ha1` checks (MD5; RFC 2617 3.2.2.2, RFC 7616)."""

    action: ClassVar[str] = "challenge"
    username: str
    realm: str
    ha1: str
    organization_id: str
    phone_number_id: str


class RouteStep(Struct, kw_only=True):
    """`found` is a sentence; where `ok` is false, the call ends there, or goes on to the fallback."""

    step: str
    found: str
    ok: bool


class TestedRoute(Struct, kw_only=True):
    """What would become of a call to the number now, and each step on the way there."""

    number: str
    steps: list[RouteStep]
    outcome: RoutedCall | AskedWebhook | RejectedCall
