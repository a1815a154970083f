"""What calls need: the credentials that they are made with, and an endpoint that stands in for the first."""

from alembic import op

revision = "0008"
down_revision = "0007"

CREDENTIALS = """
ALTER TABLE phone_numbers
    ADD COLUMN sip_realm text,
    ADD COLUMN sip_ha1 text CHECK (sip_ha1 ~ '^[0-9a-f]{32}$'),
    ADD COLUMN sip_password_at timestamptz,
    ADD CONSTRAINT phone_numbers_credentials_whole CHECK (
        (sip_realm IS NULL) = (sip_ha1 IS NULL) AND (sip_realm IS NULL) = (sip_password_at IS NULL)),
    -- They end with the tenure, whoever ends it.
    ADD CONSTRAINT phone_numbers_credentials_of_holder CHECK (status <> 'released' OR sip_ha1 IS NULL);
"""

FALLBACK = """
ALTER TABLE phone_numbers
    ADD COLUMN fallback_endpoint_id text,
    ADD CONSTRAINT phone_numbers_fallback_is_another CHECK (fallback_endpoint_id <> endpoint_id),
    ADD CONSTRAINT phone_numbers_fallback FOREIGN KEY (organization_id, environment, fallback_endpoint_id)
        REFERENCES endpoints (organization_id, environment, id) ON DELETE SET NULL (fallback_endpoint_id);
CREATE INDEX phone_numbers_of_fallback ON phone_numbers (fallback_endpoint_id) WHERE fallback_endpoint_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(CREDENTIALS)
    op.execute(FALLBACK)
