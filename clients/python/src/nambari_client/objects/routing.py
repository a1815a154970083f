"""What does the API answer about calls?"""

from typing import ClassVar

from msgspec import Struct


class RoutedCall(Struct, kw_only=True, tag_field="action", tag="route"):
    """The call goes to `sip_uri`."""

    action: ClassVar[str] = "route"
    sip_uri: str
    number: str
    phone_number_id: str
    organization_id: str
    endpoint_id: str


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


class RouteStep(Struct, kw_only=True):
    """`found` is a sentence; where `ok` is false, the call ends there."""

    step: str
    found: str
    ok: bool


class TestedRoute(Struct, kw_only=True):
    """What would become of a call to the number now, and each step on the way there."""

    number: str
    steps: list[RouteStep]
    outcome: RoutedCall | RejectedCall
