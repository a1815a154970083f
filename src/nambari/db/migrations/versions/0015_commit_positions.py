"""Up to where each organization has written the log: what a replica must have before it answers that organization."""

from alembic import op

revision = "0015"
down_revision = "0014"

COMMIT_POSITIONS = """
-- Noted after the commit that it tells of, by whoever answers for it; only where there is a replica.
CREATE TABLE commit_positions (
    organization_id text NOT NULL REFERENCES organizations,
    environment     environment NOT NULL,
    position        pg_lsn NOT NULL,
    PRIMARY KEY (organization_id, environment)
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(COMMIT_POSITIONS)
