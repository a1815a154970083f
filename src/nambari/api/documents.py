"""The documents of a KYC file: sent as they are, reviewed by the operator, given back to be saved."""

import hashlib

from litestar import Router, get, post
from litestar.params import FromPath

from nambari.api import shapes_of_documents as shapes
from nambari.api.answers import Answer, File
from nambari.api.listing import page_of_tenant
from nambari.api.queries import DocumentUpload, Listing
from nambari.api.reading import StrictRequest, read_query
from nambari.api.requests import attempt, caller, clock_of, is_id_form, replay_headers, services
from nambari.api.shapes_of_documents import Document, DocumentPage, SentFile
from nambari.db import documents
from nambari.domain import refusals
from nambari.domain.access import Scope
from nambari.domain.document import MOST_BYTES, SUFFIXES, MediaType, parse_day
from nambari.operations.documents import NewDocument, add, no_such_document


@post(
    "/kyc/documents",
    operation_id="sendDocument",
    summary="Send a document",
    scope=Scope.KYC_WRITE,
    query=DocumentUpload,
    file_sent=True,
    request_max_body_size=MOST_BYTES,
    refusals=(
        refusals.PayloadTooLarge,
        refusals.UnsupportedMediaType,
        refusals.InvalidState,
        refusals.IdempotencyConflict,
    ),
)
async def send_document(request: StrictRequest) -> Answer[Document]:
    """The body is the file itself, a PDF, PNG or JPEG, with its Content-Type. It is pending until it is reviewed.

    At most 20 may wait for review. In the test environment a document is accepted at once. At most 1 GB of them is kept
    for an organization in each environment, where a small one counts as 10 kB.
    """
    asked = read_query(request.scope["query_string"], DocumentUpload)
    media_type = _media_type(request)
    content = await request.body()
    new = NewDocument(
        type=asked.type,
        country=asked.country.value,
        media_type=media_type,
        expires_on=parse_day(asked.expires_on) if asked.expires_on is not None else None,
        content=content,
    )
    given, what = services(request), SentFile(media_type, hashlib.sha256(content).hexdigest())
    done = await add(given, attempt(request, what), new, await clock_of(request))
    return Answer(shapes.document(done.result), headers=replay_headers(done))


def _media_type(request: StrictRequest) -> MediaType:
    try:
        return MediaType(request.content_type[0].lower())
    except ValueError:
        told = ", ".join(MediaType)
        raise refusals.UnsupportedMediaType(
            f"Send the file itself as the body, with its type in the header Content-Type: one of {told}."
        ) from None


@get(
    "/kyc/documents",
    operation_id="listDocuments",
    summary="List documents",
    scope=Scope.KYC_READ,
    query=Listing,
    refusals=(),
)
async def list_documents(request: StrictRequest) -> DocumentPage:
    """Newest first."""
    asked = read_query(request.scope["query_string"], Listing)
    page = await page_of_tenant(request, asked, documents.page)
    return DocumentPage(
        documents=[shapes.document(each) for each in page.items],
        total=page.total,
        limit=asked.limit,
        offset=asked.offset,
        has_more=page.has_more,
    )


@get(
    "/kyc/documents/{document_id:str}",
    operation_id="getDocument",
    summary="Get a document",
    scope=Scope.KYC_READ,
    query=None,
    refusals=(refusals.NotFound,),
)
async def get_document(request: StrictRequest, document_id: FromPath[str]) -> Document:
    """What is known of it; the file itself is apart."""
    if not is_id_form(document_id):
        raise no_such_document()
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await documents.find(connection, who.organization_id, who.environment, document_id)
    if found is None:
        raise no_such_document()
    return shapes.document(found)


@get(
    "/kyc/documents/{document_id:str}/content",
    operation_id="getDocumentContent",
    summary="Get the file of a document",
    scope=Scope.KYC_READ,
    query=None,
    file_answered=True,
    refusals=(refusals.NotFound,),
)
async def get_document_content(request: StrictRequest, document_id: FromPath[str]) -> File:
    """As it was sent, until the operator erases it. It is to be saved: no browser shows it as a page."""
    if not is_id_form(document_id):
        raise no_such_document()
    who = caller(request)
    async with services(request).database.reading() as connection:
        found = await documents.content(connection, who.organization_id, who.environment, document_id)
    if found is None:
        raise no_such_document()
    media_type, content = found
    if content is None:
        raise refusals.NotFound(f"This file was erased; GET /v1/kyc/documents/{document_id} tells what it was.")
    return File(content, media_type, f"{document_id}.{SUFFIXES[media_type]}")


ROUTER = Router("/", route_handlers=[send_document, list_documents, get_document, get_document_content], tags=["KYC"])
