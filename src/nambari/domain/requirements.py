"""What must be on file to own a number of this country and type, for this kind of customer? What of it is missing?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nambari.domain import kyc
from nambari.domain.document import Document, DocumentStatus, DocumentType
from nambari.domain.e164 import LOCAL, MOBILE, TOLL_FREE, country_code_valid
from nambari.domain.kyc import ApplicantKind, KycStatus
from nambari.domain.refusals import KycPending, KycRequired, Refusal

KYC = "kyc"
TYPES = (LOCAL, MOBILE, TOLL_FREE)
COLUMNS = ("country", "type", "kind", "requires", "source")
LONGEST_SOURCE = 500
_NOT_TEXT = "\ufffd"


class Requirement(StrEnum):
    """Each is met by an accepted document that has not expired, but for the first."""

    BUSINESS_CUSTOMER = "business_customer"
    IDENTITY = "identity"
    PROOF_OF_ADDRESS = "proof_of_address"
    LOCAL_ADDRESS = "local_address"
    BUSINESS_REGISTRATION = "business_registration"
    LETTER_OF_AUTHORIZATION = "letter_of_authorization"


MEANINGS: dict[Requirement, str] = {
    Requirement.BUSINESS_CUSTOMER: "the customer is a business, not an individual",
    Requirement.IDENTITY: "a passport or other official identity document",
    Requirement.PROOF_OF_ADDRESS: "a proof of address, of any country",
    Requirement.LOCAL_ADDRESS: "a proof of an address in the country of the number",
    Requirement.BUSINESS_REGISTRATION: "a certificate of incorporation, or the like",
    Requirement.LETTER_OF_AUTHORIZATION: "a letter of authorization",
}

_MET_BY: dict[Requirement, DocumentType] = {
    Requirement.IDENTITY: DocumentType.IDENTITY,
    Requirement.PROOF_OF_ADDRESS: DocumentType.PROOF_OF_ADDRESS,
    Requirement.LOCAL_ADDRESS: DocumentType.PROOF_OF_ADDRESS,
    Requirement.BUSINESS_REGISTRATION: DocumentType.BUSINESS_REGISTRATION,
    Requirement.LETTER_OF_AUTHORIZATION: DocumentType.LETTER_OF_AUTHORIZATION,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the catalogue. `source` is where the rule is written, for whoever checks it."""

    country: str
    type: str
    kind: ApplicantKind
    requires: tuple[Requirement, ...]
    source: str

    @property
    def of(self) -> tuple[str, str, str]:
        return self.country, self.type, self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an organization stands with the numbers of one country.

    `requires` is by type, for its kind of customer; a type that is not there requires nothing besides KYC. `documents`
    may leave out what cannot count.
    """

    kyc_status: KycStatus
    kind: ApplicantKind | None
    requires: Mapping[str, Sequence[Requirement]]
    documents: Sequence[Document]


def missing(standing: Standing, country: str, type_: str, now: datetime) -> list[str]:
    """What stands between the organization and such a number, in the order in which it is best brought about."""
    lacking = [] if standing.kyc_status is KycStatus.VERIFIED else [KYC]
    return [*lacking, *(each.value for each in _unmet(standing, country, type_, now))]


def check_number(standing: Standing, country: str, type_: str, now: datetime) -> Refusal | None:
    """Whether an organization that is verified may own such a number; what is under review is pending."""
    unmet = _unmet(standing, country, type_, now)
    if not unmet:
        return None
    told = [each.value for each in unmet]
    if all(_under_review(each, standing.documents, country) for each in unmet):
        return KycPending(
            "Your documents for this number are under review. You can have it as soon as they are accepted.",
            missing_requirements=told,
        )
    if Requirement.BUSINESS_CUSTOMER in unmet:
        return KycRequired("Numbers like this one are for businesses only.", missing_requirements=told)
    needed = ", ".join(MEANINGS[each] for each in unmet)
    return KycRequired(
        f"For this number we need on file: {needed}. Send it with POST /v1/kyc/documents.", missing_requirements=told
    )


def check_standing(standing: Standing, country: str, type_: str, now: datetime) -> Refusal | None:
    """KYC and then the number's own requirements."""
    return kyc.check_purchase(standing.kyc_status) or check_number(standing, country, type_, now)


def _unmet(standing: Standing, country: str, type_: str, now: datetime) -> list[Requirement]:
    good = [each for each in standing.documents if each.is_good(now)]
    return [
        each
        for each in standing.requires.get(type_, ())
        if not (
            standing.kind is ApplicantKind.BUSINESS
            if each is Requirement.BUSINESS_CUSTOMER
            else any(_meets(document, each, country) for document in good)
        )
    ]


def _meets(document: Document, requirement: Requirement, country: str) -> bool:
    if document.type is not _MET_BY[requirement]:
        return False
    return requirement is not Requirement.LOCAL_ADDRESS or document.country == country


def _under_review(requirement: Requirement, documents: Iterable[Document], country: str) -> bool:
    return requirement is not Requirement.BUSINESS_CUSTOMER and any(
        each.status is DocumentStatus.PENDING and _meets(each, requirement, country) for each in documents
    )


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Unusable(ValueError):
    """The line is no rule; the message is the reason for the operator."""


def read_header(fields: Sequence[str]) -> dict[str, int]:
    """Where a file has what. Raises Unusable with what is wrong with it, to follow the file's name."""
    columns = [field.strip().lower() for field in fields]
    told = f"its first line must name its columns: {', '.join(COLUMNS)}"
    for name in COLUMNS:
        if name not in columns:
            raise Unusable(f"has no column named {name}; {told}")
    for place, name in enumerate(columns):
        if name not in COLUMNS:
            raise Unusable(f"has a column {name[:40]!r}; {told}")
        if name in columns[:place]:
            raise Unusable(f"has two columns named {name}")
    return {name: columns.index(name) for name in COLUMNS}


def read_rule(header: Mapping[str, int], fields: Sequence[str]) -> Rule:
    """Raises Unusable."""
    if len(fields) > len(COLUMNS):
        raise Unusable(f"has {len(fields)} fields under {len(COLUMNS)} columns")
    given = {name: fields[at].strip() if at < len(fields) else "" for name, at in header.items()}
    country, type_, kind = given["country"], given["type"], given["kind"]
    if not country_code_valid(country):
        raise Unusable(f"country {country[:40]!r} is no country code, such as NG")
    if type_ not in TYPES:
        raise Unusable(f"type {type_[:40]!r} is none; those there are: {', '.join(TYPES)}")
    kinds = [each.value for each in ApplicantKind]
    if kind not in kinds:
        raise Unusable(f"kind {kind[:40]!r} is none; those there are: {', '.join(kinds)}")
    return Rule(country, type_, ApplicantKind(kind), _requires(given["requires"]), _source(given["source"]))


def _requires(text: str) -> tuple[Requirement, ...]:
    """Words apart by spaces, `;` or `|`; none means that nothing is required besides KYC."""
    named = text.replace(";", " ").replace("|", " ").lower().split()
    known = [each.value for each in Requirement]
    for name in named:
        if name not in known:
            raise Unusable(f"requires has {name[:40]!r}; those there are: {', '.join(known)}")
    return tuple(each for each in Requirement if each.value in named)


def _source(text: str) -> str:
    if not text:
        raise Unusable("source is empty; say where the rule is written, such as the address of a page")
    if _NOT_TEXT in text:
        raise Unusable("source is not UTF-8 text")
    if len(text) > LONGEST_SOURCE or not text.isprintable():
        raise Unusable(f"source must be at most {LONGEST_SOURCE} printable characters")
    return text
