"""`nambari kyc`: who the customers are. Personal data is shown to the operator who asks, and goes nowhere else."""

from typing import Annotated

import typer

from nambari.cli import documents, output, session
from nambari.cli.arguments import Json, Organization, examples, read_country
from nambari.cli.output import Column
from nambari.domain.kyc import Applicant, ApplicantKind, KycStatus
from nambari.operations import kyc

group = typer.Typer(
    help="Know your customer: review and decide. The test environment needs none of it.", no_args_is_help=True
)
ORG = "org_01h455vb4pex5vsknk084sn02q"


def add_to(app: typer.Typer) -> None:
    group.add_typer(documents.group, name="documents")
    app.add_typer(group, name="kyc")


@group.command(epilog=examples(f'nambari kyc submit --org {ORG} --legal-name "Acme Ltd" --country GB --kind business'))
def submit(
    organization_id: Organization,
    legal_name: Annotated[str, typer.Option(metavar="NAME", help="The applicant's name, as on their papers.")],
    country: Annotated[
        str, typer.Option(metavar="CC", parser=read_country, help="The applicant's country, ISO 3166-1 alpha-2.")
    ],
    kind: Annotated[ApplicantKind, typer.Option(help="Whether a person or a company applies.")] = (
        ApplicantKind.INDIVIDUAL
    ),
    as_json: Json = False,
) -> None:
    """Submit KYC for an organization, as it could itself over the API. It is then to be decided."""
    applicant = Applicant(legal_name.strip(), country, kind)
    session.with_services(
        lambda services: kyc.submit(services, session.operator(organization_id), applicant, services.clock())
    )
    _tell(
        as_json,
        KycStatus.PENDING,
        "KYC is pending. Decide it:",
        output.command(f"nambari kyc approve --org {organization_id}"),
        output.command(f"nambari kyc decline --org {organization_id} --reason REASON"),
    )


@group.command(epilog=examples(f"nambari kyc approve --org {ORG}"))
def approve(organization_id: Organization, as_json: Json = False) -> None:
    """Approve a pending KYC: the organization may buy from now on."""
    session.with_services(lambda services: kyc.approve(services, session.operator(organization_id), services.clock()))
    _tell(
        as_json,
        KycStatus.VERIFIED,
        "KYC is verified: the organization may buy, as far as its credits go. To add some:",
        output.command(f"nambari credits add --org {organization_id} --cents 10000 --reference REFERENCE"),
    )


@group.command(epilog=examples(f'nambari kyc decline --org {ORG} --reason "The name cannot be read."'))
def decline(
    organization_id: Organization,
    reason: Annotated[str, typer.Option(metavar="REASON", help="Why; the applicant is told.")],
    as_json: Json = False,
) -> None:
    """Decline a pending KYC. It may be submitted again."""
    session.with_services(
        lambda services: kyc.decline(services, session.operator(organization_id), reason.strip(), services.clock())
    )
    _tell(as_json, KycStatus.DECLINED, "KYC is declined. The applicant sees the reason, and may submit again.")


def _tell(as_json: bool, status: KycStatus, *lines: str) -> None:
    output.answer(as_json, {"kyc_status": status}, *lines)


@group.command(name="list", epilog=examples("nambari kyc list", "nambari kyc list --status declined --json"))
def list_all(
    status: Annotated[KycStatus, typer.Option(help="Which of them.")] = KycStatus.PENDING, as_json: Json = False
) -> None:
    """List the cases of one status, the longest waiting first. Personal data: mind who looks on."""
    found = session.with_services(lambda services: kyc.listing(services, status))
    output.rows(found, COLUMNS, as_json, f"No organization's KYC is {status}.")


COLUMNS = (
    Column("Organization", "organization_id"),
    Column("Name", "organization", folds=True),
    Column("KYC", "kyc_status"),
    Column("Kind", "kind"),
    Column("Legal name", "legal_name", folds=True),
    Column("Country", "country"),
    Column("Submitted", "submitted_at", output.instant),
    Column("Reason", "reason", folds=True),
)
