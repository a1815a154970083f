"""Is the schema up to date, and how does it become so? Alembic runs the steps, in a process of its own.

So SQLAlchemy never enters the running service, which asks only which step the database is at.
"""

import subprocess
import sys
import traceback
from pathlib import Path

STEPS = Path(__file__).parent / "migrations" / "versions"
ADVISORY_LOCK = 0x6E616D6261726900  # "nambari": one migration at a time, however many processes start


class MigrationFailed(RuntimeError):
    """The schema could not be brought up to date; the text is the database's own reason."""


def newest_step() -> str:
    return max(path.name.split("_")[0] for path in STEPS.glob("[0-9]*.py"))


def migrate(dsn: str) -> None:
    """Bring the schema of this database up to date. Raises MigrationFailed."""
    run = subprocess.run(
        [sys.executable, "-m", "nambari.db.migrate"], input=dsn, text=True, capture_output=True, check=False
    )
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise MigrationFailed(f"The schema could not be migrated: {last}")


def _main() -> None:
    import psycopg  # noqa: PLC0415 - here and not above: it must not load in the service
    import sqlalchemy  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    dsn = sys.stdin.read().strip()
    # libpq reads the URL, and SQLAlchemy does not: a URL may name several hosts, of which one is the primary.
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    config = Config()
    config.set_main_option("script_location", str(STEPS.parent))
    with engine.connect() as connection:
        # Held by the session until it ends: a second process waits here, then finds nothing to do.
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()


if __name__ == "__main__":
    try:
        _main()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told and ends the process
        traceback.print_exc()
        # The driver's own words, in one line: the one that migrate() passes on.
        sys.exit(" ".join(str(getattr(error, "orig", error)).split()))
