"""Webhooks: whom to tell of events, what was told, and the order in which events are shown."""

from alembic import op

revision = "0005"
down_revision = "0004"

PLACES = """
-- `sequence` counts inserts: a later commit may have the smaller one. `position` is given out by one at a time, to what
-- is committed: who has read up to one has missed nothing before it.
ALTER TABLE events ADD COLUMN position bigint;
UPDATE events SET position = sequence;
CREATE UNIQUE INDEX events_position ON events (position);
CREATE INDEX events_unplaced ON events (sequence) WHERE position IS NULL;
CREATE INDEX events_in_place ON events (organization_id, environment, event, position) WHERE position IS NOT NULL;
CREATE TRIGGER events_keep_their_place BEFORE UPDATE OF position ON events
    FOR EACH ROW WHEN (OLD.position IS NOT NULL) EXECUTE FUNCTION refuse_change();
"""

WEBHOOKS = """
CREATE TABLE webhooks (
    id                    text PRIMARY KEY,
    organization_id       text NOT NULL REFERENCES organizations,
    environment           environment NOT NULL,
    url                   text NOT NULL,
    events                text[] NOT NULL CHECK (cardinality(events) > 0),
    status                text NOT NULL CHECK (status IN ('active', 'inactive', 'disabled')),
    secret                text NOT NULL,
    previous_secret       text,
    previous_secret_until timestamptz,
    failing_since         timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    UNIQUE (organization_id, environment, id),
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
);
CREATE INDEX webhooks_newest ON webhooks (organization_id, environment, created_at DESC, id DESC);

CREATE TABLE deliveries (
    id               text PRIMARY KEY,
    organization_id  text NOT NULL,
    environment      environment NOT NULL,
    webhook_id       text NOT NULL,
    sequence         bigint NOT NULL, -- of an event, and those are never deleted
    position         bigint NOT NULL,
    subject_id       text NOT NULL,
    status           text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts         int NOT NULL DEFAULT 0,
    -- Counts up with each claim: who was thought dead, and settles late, finds another number.
    claims           int NOT NULL DEFAULT 0,
    -- When it is due; for what is being sent: when whoever sends it is taken for dead. None, while pending: an earlier
    -- event of the same object is not through yet.
    next_attempt_at  timestamptz,
    last_attempt_at  timestamptz,
    response_status  int,
    duration_ms      int,
    error            text,
    created_at       timestamptz NOT NULL,
    CHECK (status = 'pending' OR next_attempt_at IS NULL),
    -- Each event once to each webhook, however many fan out.
    UNIQUE (webhook_id, position),
    FOREIGN KEY (organization_id, environment, webhook_id) REFERENCES webhooks (organization_id, environment, id)
        ON DELETE CASCADE
);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_attempt_at, position) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_object ON deliveries (webhook_id, subject_id, position) WHERE status = 'pending';
CREATE INDEX deliveries_of_webhook ON deliveries (organization_id, environment, webhook_id, position);
"""


def upgrade() -> None:
    for part in (PLACES, WEBHOOKS):
        op.execute(part)
