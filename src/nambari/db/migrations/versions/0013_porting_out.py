"""Numbers that another carrier asks for: the organization's PIN, the requests, and the numbers while they leave."""

from alembic import op

revision = "0013"
down_revision = "0012"

NUMBERS = """
ALTER TABLE phone_numbers ADD COLUMN porting_direction text CHECK (porting_direction IN ('in', 'out'));
UPDATE phone_numbers SET porting_direction = 'in' WHERE status = 'porting';
ALTER TABLE phone_numbers
    ADD CONSTRAINT phone_numbers_direction CHECK ((status = 'porting') = (porting_direction IS NOT NULL)),
    DROP COLUMN due_at,
    -- When the worker has to look at the number next. One that leaves is billed as if it stayed, and never released.
    ADD COLUMN due_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN status = 'active' THEN renews_at
             WHEN status = 'suspended' THEN least(retry_at, releases_at)
             WHEN porting_direction = 'out' THEN CASE WHEN status_reason IS NULL THEN renews_at ELSE retry_at END
        END) STORED;
CREATE INDEX phone_numbers_due ON phone_numbers (environment, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX phone_numbers_due_of_organization ON phone_numbers (organization_id, environment, due_at)
    WHERE due_at IS NOT NULL;
ALTER TABLE phone_numbers ADD CONSTRAINT phone_numbers_of_tenant UNIQUE (organization_id, environment, id);

ALTER TABLE inventory
    DROP CONSTRAINT inventory_status_check,
    ADD CONSTRAINT inventory_status_check
        CHECK (status IN ('available', 'in_service', 'aging', 'retired', 'leaving', 'gone', 'elsewhere'));
"""

PINS = """
CREATE TABLE port_out_pins (
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    hash            text NOT NULL CHECK (hash LIKE '$argon2%'),
    set_at          timestamptz NOT NULL,
    -- Those that were tried in a row and were not right, the one included that is being looked at.
    failures        int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    barred_until    timestamptz,
    PRIMARY KEY (organization_id, environment)
);
"""

PORT_OUTS = """
CREATE TABLE port_outs (
    id              text PRIMARY KEY,
    organization_id text NOT NULL,
    environment     environment NOT NULL,
    phone_number_id text NOT NULL,
    number          text NOT NULL,
    gaining_carrier text NOT NULL,
    status          text NOT NULL CHECK (status IN ('scheduled', 'completed', 'cancelled', 'refused')),
    reason          text,
    leaves_at       timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CHECK ((status = 'scheduled') = (ended_at IS NULL)),
    CHECK ((status IN ('cancelled', 'refused')) = (reason IS NOT NULL)),
    CONSTRAINT port_outs_number FOREIGN KEY (organization_id, environment, phone_number_id)
        REFERENCES phone_numbers (organization_id, environment, id)
);
-- A number leaves for one carrier.
CREATE UNIQUE INDEX port_outs_one_open ON port_outs (phone_number_id) WHERE status = 'scheduled';
CREATE INDEX port_outs_newest ON port_outs (organization_id, environment, created_at DESC, id DESC);
CREATE INDEX port_outs_by_status ON port_outs (environment, status, created_at);
"""


def upgrade() -> None:
    for part in (NUMBERS, PINS, PORT_OUTS):
        op.execute(part)
