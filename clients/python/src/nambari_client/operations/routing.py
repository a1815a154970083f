"""Where does a call go? For SIP proxies, with an operator's key.

Asked again with the same call id, a call leaves no second event, and finding credentials leaves none: so all may be
repeated.
"""

from nambari_client.objects import AllowedCall, ChallengedAccount, RejectedCall, RoutedCall
from nambari_client.request import Request, ask, given


def route_inbound(
    *, to: str, from_: str, call_id: str, country: str | None = None
) -> Request[RoutedCall | RejectedCall]:
    """`country` is the trunk's, in which it writes national numbers."""
    body = given(to=to, from_=from_, call_id=call_id, country=country)
    return ask(RoutedCall | RejectedCall, "v1", "routing", "inbound", body=body)


def route_outbound(
    *, from_: str, to: str, call_id: str, organization_id: str | None = None, username: str | None = None
) -> Request[AllowedCall | RejectedCall]:
    """Who makes the call, `organization_id` or `username` says; if both do, they must agree."""
    body = given(from_=from_, to=to, call_id=call_id, organization_id=organization_id, username=username)
    return ask(AllowedCall | RejectedCall, "v1", "routing", "outbound", body=body)


def find_credentials(username: str) -> Request[ChallengedAccount | RejectedCall]:
    """What checks the digest of an account's call. `username` is as it came in Proxy-Authorization or Authorization."""
    body = given(username=username)
    return ask(ChallengedAccount | RejectedCall, "v1", "routing", "credentials", body=body)
