"""Events as an audit trail: never changed, asked for by name, and of operators' keys too."""

from alembic import op

revision = "0003"
down_revision = "0002"

AUDIT = """
-- An operator's key belongs to no organization, nor does what becomes of it. All else has one.
ALTER TABLE events ALTER COLUMN organization_id DROP NOT NULL;
ALTER TABLE events ADD CONSTRAINT events_of_nobody
    CHECK (organization_id IS NOT NULL OR event IN ('api_key.created', 'api_key.revoked'));

-- A rare event, such as a key revoked, is found among millions of others.
CREATE INDEX events_by_name ON events (organization_id, environment, event, sequence);

-- What happened, as it was written down. A column that is added for delivering it may be updated.
CREATE TRIGGER events_are_final
    BEFORE DELETE OR UPDATE OF sequence, id, organization_id, environment, event, subject_id, data, changes, key_id,
                               request_id, created_at
    ON events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_are_kept BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(AUDIT)
