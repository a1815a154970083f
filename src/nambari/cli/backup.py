"""`nambari backup` and `nambari restore`: the whole database in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from nambari.cli import output, session
from nambari.cli.arguments import Json, examples
from nambari.db import archive, embedded, migrate
from nambari.operations import backup as operation
from nambari.operations.backup import Backup
from nambari.wiring import open_services


def add_to(app: typer.Typer) -> None:
    app.command(epilog=examples("nambari backup nambari.dump", "nambari backup /backups/monday.dump --json"))(backup)
    app.command(epilog=examples("nambari restore nambari.dump", "nambari restore /backups/monday.dump --json"))(restore)


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", dir_okay=False, help="The file to write; one that is there is replaced.")
    ],
    as_json: Json = False,
) -> None:
    """Write the whole database to a file, as it is at one moment, while the service runs.

    The file has the hashes of keys, and what customers told of themselves: only its owner may read it, and so it
    should be kept. It is written whole, or not at all. `nambari restore` reads it, and so does PostgreSQL's own
    pg_restore.
    """
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}.", param_hint="'FILE'")
    if file.exists() and not file.is_file():
        raise typer.BadParameter(f"{file} is no file that could be replaced.", param_hint="'FILE'")
    settings = session.read_settings()
    if not settings.database_url and not embedded.has_data(settings.data_dir):
        raise TyperException(f"There is no database in {settings.data_dir}: NAMBARI_DATA_DIR names its folder.")

    async def act(dsn: str) -> Backup:
        async with open_services(settings, dsn) as services:
            with output.progress() as tell:
                return await operation.write(services, dsn, file, tell)

    with session.database(settings) as dsn:
        made = session.run(act(dsn))
    output.answer(
        as_json,
        {"bytes": made.size_bytes, "tables": made.tables, "rows": made.rows, "schema_step": made.step},
        f"{made.rows:,} rows of {made.tables} tables are in {file} ({made.size_bytes:,} bytes).",
        "\nTo see that they can be had again, restore them into an empty folder:",
        output.command(f"NAMBARI_DATA_DIR=EMPTY_FOLDER nambari restore {file}"),
    )


def restore(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, readable=True, help="The file that `nambari backup` wrote."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Fill an empty database from a backup: whole, or not at all.

    The database is the embedded one of an empty NAMBARI_DATA_DIR, or the one that NAMBARI_DATABASE_URL names; with
    anything in it, it is left alone. A backup of an older Nambari is brought up to date; one of a newer is refused.
    Restore only what you trust: a backup can do whatever the database's user may.
    """
    settings = session.read_settings()
    with archive.opened(file) as opened, session.database(settings) as dsn:

        async def act() -> int:
            async with open_services(settings, dsn) as services:
                with output.progress() as tell:
                    return await operation.restore(services, dsn, opened, tell)

        rows = session.run(act())
        session.bring_up_to_date(settings, dsn)
    newest = migrate.newest_step()
    output.answer(
        as_json,
        {"rows": rows, "schema_step": newest, "schema_step_before": opened.step},
        f"{rows:,} rows of {file} are restored.",
        *([f"They were of schema step {opened.step}; it is now at {newest}."] if opened.step != newest else []),
    )
