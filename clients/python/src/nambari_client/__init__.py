"""The client of Nambari: phone numbers for AI voice agents. `Client` to begin with; README.md shows how."""

from msgspec import UNSET

from nambari_client import errors, objects
from nambari_client.client import AsyncClient, Client
from nambari_client.core import VERSION, DayLimit, Retries
from nambari_client.errors import ApiError, ConnectionFailed, InvalidArgument, NambariError, NoApiKey, UnexpectedAnswer
from nambari_client.methods import AsyncPages, Pages
from nambari_client.receiving import NotVerified, verify

__version__ = VERSION

__all__ = [
    "UNSET",
    "ApiError",
    "AsyncClient",
    "AsyncPages",
    "Client",
    "ConnectionFailed",
    "DayLimit",
    "InvalidArgument",
    "NambariError",
    "NoApiKey",
    "NotVerified",
    "Pages",
    "Retries",
    "UnexpectedAnswer",
    "errors",
    "objects",
    "verify",
]
