"""Runs of digits are found by country: an index of trigrams looked through the whole of a country for each search."""

from alembic import op

revision = "0017"
down_revision = "0016"

_LONGEST = 15
"""Digits of a number: E.164 6."""
_EVERY = ", ".join(f"country || substr(number, {place + 2}, 3)" for place in range(_LONGEST - 2))

# A number is '+' and its digits, so that there are three runs fewer than characters. Written out, as a subquery would
# not be taken for the same expression by the planner, and would take several times as long.
DIGITS = f"""
CREATE FUNCTION digit_runs(country text, number text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY[{_EVERY}])[1:length(number) - 3];
CREATE INDEX inventory_search_runs ON inventory USING gin (digit_runs(country, number)) WHERE status = 'available';
DROP INDEX inventory_search_digits;
ALTER INDEX inventory_search_runs RENAME TO inventory_search_digits;
-- How rare a pattern is, the planner guesses from these now, and no more from a large sample of the numbers: it takes
-- no statistics from an index that is partial.
CREATE STATISTICS inventory_digits ON (digit_runs(country, number)) FROM inventory;
ALTER TABLE inventory ALTER COLUMN number SET STATISTICS -1;
ANALYZE inventory;
"""


def upgrade() -> None:
    op.execute(DIGITS)
