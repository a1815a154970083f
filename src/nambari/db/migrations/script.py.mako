"""${message}

Rows may number tens of millions: no rewrite of a table, no lock that outlives a moment. Add a column without a
volatile default, an index CONCURRENTLY, a constraint NOT VALID first. Old code must run on the new schema.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("""
    """)
