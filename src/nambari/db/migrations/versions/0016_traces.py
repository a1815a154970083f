"""What is watched from outside: the trace in which an event was written, and when carriers were last compared."""

from alembic import op

revision = "0016"
down_revision = "0015"

TRACES = """
-- Of W3C Trace Context; null wherever nothing is traced. It is no part of the event, and nobody is shown it.
ALTER TABLE events ADD COLUMN traceparent text
    CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
"""

COMPARED = """
-- How the last comparison of a carrier's account with our books ended. Nothing rests on it but an alert.
CREATE TABLE reconciliations (
    carrier     text PRIMARY KEY,
    differences int NOT NULL CHECK (differences >= 0),
    compared_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    for part in (TRACES, COMPARED):
        op.execute(part)
