"""Is this webhook really from Nambari? By the signature of the Standard Webhooks scheme, and its age."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from standardwebhooks import Webhook

from nambari_client.errors import InvalidArgument, NambariError
from nambari_client.objects import Event

TOLERANCE = timedelta(minutes=5)


class NotVerified(NambariError):
    """Whoever sent this did not sign it with your secret, or it is too old: answer 400, and do nothing."""


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: datetime | None = None,
) -> Event:
    """The event of a webhook's request, once it is known to be genuine.

    Raises NotVerified; InvalidArgument for a secret that is none.

    `body` is the raw body, byte for byte. While a secret is rotated, both sign; several `secret`s are each tried.
    At least once is the promise: keep `Event.id`, and pass over what you have seen.
    """
    text = body if isinstance(body, str) else _text(body)
    given = {name.lower(): value for name, value in headers.items()}
    try:
        id_, sent, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        at = datetime.fromtimestamp(int(sent), UTC)
    except KeyError as missing:
        raise NotVerified(f"The header {missing.args[0]} is missing.") from None
    except (ValueError, OverflowError, OSError):
        raise NotVerified("webhook-timestamp is no time.") from None
    if abs((now or datetime.now(UTC)) - at) > tolerance:
        raise NotVerified("It was signed too long ago, or the clocks differ.")
    secrets = [secret] if isinstance(secret, str) else secret
    if not any(_signed(_signer(each), id_, at, text, signatures) for each in secrets):
        raise NotVerified("No signature is that of the secret.")
    try:
        return msgspec.json.decode(text, type=Event)
    except msgspec.MsgspecError:
        raise NotVerified("It is signed, and no event.") from None


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise NotVerified("The body is no text.") from None


def is_secret(text: str) -> bool:
    """Whether webhooks could be signed with it: `whsec_` and base64."""
    try:
        return bool(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False


def _signer(secret: str) -> Webhook:
    if not is_secret(secret):
        raise InvalidArgument("The secret is none that Nambari gives: `whsec_` and base64.")
    return Webhook(secret)


def _signed(signer: Webhook, id_: str, at: datetime, text: str, signatures: str) -> bool:
    expected = signer.sign(id_, at, text)
    # Bytes, as text that is not ASCII cannot be compared in constant time.
    return any(hmac.compare_digest(expected.encode(), each.encode(errors="replace")) for each in signatures.split())
