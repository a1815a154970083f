"""The file of a document can be erased: what was decided of it stays."""

from alembic import op

revision = "0019"
down_revision = "0018"

# Only to nothing, once, and not before it was decided: the same file is never another one.
ERASED = """
ALTER TABLE documents
    ADD COLUMN erased_at timestamptz,
    ALTER COLUMN content DROP NOT NULL,
    ADD CONSTRAINT documents_content_or_erased CHECK ((content IS NULL) = (erased_at IS NOT NULL)),
    ADD CONSTRAINT documents_erased_once_decided CHECK (erased_at IS NULL OR status <> 'pending');
DROP TRIGGER documents_are_as_they_came ON documents;
CREATE TRIGGER documents_are_as_they_came
    BEFORE UPDATE OF id, organization_id, environment, type, country, media_type, size_bytes, sha256, created_at
    ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_are_erased_once BEFORE UPDATE OF content, erased_at ON documents
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL OR NEW.content IS NOT NULL) EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(ERASED)
