"""`nambari kyc documents`: what the customers sent. Personal data, shown to the operator who asks and nobody else."""

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from nambari.cli import output, session
from nambari.cli.arguments import Env, Json, examples, read_id
from nambari.cli.output import Column
from nambari.domain.access import Environment
from nambari.domain.document import SUFFIXES, DocumentStatus, parse_day
from nambari.domain.refusals import NotFound, ValidationError
from nambari.operations import documents
from nambari.wiring import new_id

group = typer.Typer(
    help="The documents of the KYC files: look at them, accept, reject or erase them.", no_args_is_help=True
)
DOC = "doc_01k5v0v7r9p3yatx4s6w8z2c1g"

DocumentId = Annotated[
    str, typer.Argument(metavar="DOC_ID", parser=read_id, help="The document's id; `nambari kyc documents list` tells.")
]


def read_day(text: str) -> date:
    try:
        return parse_day(text.strip())
    except ValidationError:
        raise typer.BadParameter(f"{text!r} is no date, such as 2030-01-31.") from None


@group.command(
    name="list", epilog=examples("nambari kyc documents list", "nambari kyc documents list --status accepted --json")
)
def list_all(
    status: Annotated[DocumentStatus, typer.Option(help="Which of them.")] = DocumentStatus.PENDING,
    organization_id: Annotated[
        str | None, typer.Option("--org", metavar="ORG_ID", parser=read_id, help="Only those of this organization.")
    ] = None,
    environment: Env = Environment.LIVE,
    as_json: Json = False,
) -> None:
    """List documents of one status, the longest waiting first, a thousand at the most."""
    found = session.with_services(lambda services: documents.listing(services, environment, status, organization_id))
    output.rows(found, COLUMNS, as_json, f"No document is {status}.")


@group.command(epilog=examples(f"nambari kyc documents show {DOC} --save ."))
def show(
    document_id: DocumentId,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            exists=True,
            writable=True,
            help="Write the file itself into this folder.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a document, and save its file to look at. Personal data: mind where it is kept."""
    owned, content = session.with_services(lambda services: documents.show(services, document_id))
    document = owned.document
    told: dict[str, Any] = {
        "id": document.id,
        "organization_id": owned.organization_id,
        "environment": owned.environment,
        "type": document.type,
        "country": document.country,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "status": document.status,
        "reason": document.reason,
        "expires_on": document.expires_on,
        "created_at": document.created_at,
        "decided_at": document.decided_at,
        "erased_at": document.erased_at,
    }
    if save is not None:
        if content is None:
            raise NotFound(f"The file of {document.id} was erased. Without --save this shows what it was.")
        path = save / f"{document.id}.{SUFFIXES[document.media_type]}"
        _write(path, content)
        told["saved_as"] = str(path)
    output.answer(as_json, told, output.facts({name: str(value or "") for name, value in told.items()}))


def _write(path: Path, content: bytes) -> None:
    """For the operator's eyes alone, from the first byte on; never through a link that somebody laid there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


@group.command(epilog=examples(f"nambari kyc documents accept {DOC} --expires-on 2031-05-31"))
def accept(
    document_id: DocumentId,
    expires_on: Annotated[
        date | None,
        typer.Option(
            metavar="YYYY-MM-DD",
            parser=read_day,
            help="The last day on which it is good, as it says; without this, what the customer said.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Accept a pending document: it counts for what numbers require, until it expires."""
    document = session.with_services(
        lambda services: documents.accept_document(services, document_id, expires_on, new_id("req"), services.clock())
    )
    until = f" until {document.expires_on}" if document.expires_on else ""
    output.answer(as_json, {"id": document.id, "status": document.status}, f"{document.id} counts{until}.")


@group.command(epilog=examples(f'nambari kyc documents reject {DOC} --reason "The second page is missing."'))
def reject(
    document_id: DocumentId,
    reason: Annotated[str, typer.Option(metavar="REASON", help="Why; the customer is told.")],
    as_json: Json = False,
) -> None:
    """Reject a pending document. The customer may send another."""
    document = session.with_services(
        lambda services: documents.reject_document(
            services, document_id, reason.strip(), new_id("req"), services.clock()
        )
    )
    output.answer(
        as_json,
        {"id": document.id, "status": document.status},
        f"{document.id} is rejected. The customer sees the reason, and may send another.",
    )


@group.command(epilog=examples(f"nambari kyc documents erase {DOC}"))
def erase(
    document_id: DocumentId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase the file of a decided document, for good. What was decided stays, and counts for numbers as before.

    The customer is told, and the file counts no more for what is kept of them. Backups have it until they are gone.
    """
    if not yes:
        typer.confirm(f"Erase the file of {document_id}? Nothing brings it back.", abort=True, err=True)
    document = session.with_services(
        lambda services: documents.erase_file(services, document_id, new_id("req"), services.clock())
    )
    output.answer(
        as_json,
        {"id": document.id, "status": document.status, "erased_at": document.erased_at},
        f"The file of {document.id} is erased. It is {document.status}, as before.",
    )


COLUMNS = (
    Column("Document", "id"),
    Column("Organization", "organization_id"),
    Column("Name", "organization", folds=True),
    Column("Type", "type"),
    Column("Country", "country"),
    Column("File", "media_type"),
    Column("Bytes", "size_bytes", right=True),
    Column("Status", "status"),
    Column("Expires", "expires_on"),
    Column("Sent", "created_at", output.instant),
    Column("Erased", "erased_at", output.instant),
    Column("Reason", "reason", folds=True),
)
