"""The log of deliveries: what came of each attempt, and what of it is old enough to be forgotten."""

from alembic import op

revision = "0007"
down_revision = "0006"

LOG = """
-- Whose it is, its delivery says.
CREATE TABLE delivery_attempts (
    sequence        bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, -- those of a delivery as they were made
    delivery_id     text NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    attempted_at    timestamptz NOT NULL,
    duration_ms     int NOT NULL CHECK (duration_ms >= 0),
    response_status int,
    response_body   text CHECK (length(response_body) <= 1000),
    error           text,
    CHECK (error IS NOT NULL OR response_status IS NOT NULL),
    CHECK (response_body IS NULL OR response_status IS NOT NULL)
);
CREATE INDEX delivery_attempts_of_delivery ON delivery_attempts (delivery_id, sequence);

-- What is done with is forgotten once it is old; what is still to be delivered is not in here.
CREATE INDEX deliveries_settled ON deliveries (last_attempt_at) WHERE status <> 'pending';
"""


def upgrade() -> None:
    op.execute(LOG)
