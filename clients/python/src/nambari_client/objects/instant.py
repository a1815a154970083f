"""What is a moment?"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Instant = Annotated[datetime, Meta(tz=True)]
"""With its time zone, which is UTC."""
