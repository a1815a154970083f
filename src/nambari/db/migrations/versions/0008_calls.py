"""What a SIP proxy asks for beside the way of a call: the credentials that calls from a number are made with."""

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


def upgrade() -> None:
    op.execute(CREDENTIALS)
