"""`nambari requirements` and `nambari kyc documents`: files with faults, and documents reviewed."""

import stat
from pathlib import Path

import psycopg
import pytest
from tests.api.papers import PDF
from tests.cli.conftest import Run, refused

from nambari.domain.requirements import COLUMNS
from nambari.requirements_catalogue import SHIPPED

HEADER = ",".join(COLUMNS)
GOOD = "NG,mobile,business,identity local_address,https://example.com/rules"
DOC = "doc_01k5v0v7r9p3yatx4s6w8z2c1g"


def written(folder: Path, *lines: str | bytes) -> Path:
    file = folder / "rules.csv"
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines) + b"\n")
    return file


def test_a_file_is_put_in_force_and_shown(nambari: Run, tmp_path: Path) -> None:
    assert "Nothing is required besides KYC." in nambari("requirements", "show").out
    file = written(tmp_path, "\ufeffSource, kind,TYPE,country,requires", "# a remark, with a comma", "",
                   "a page,individual,local,KE,IDENTITY;proof_of_address|identity", "b,business,local,KE")  # fmt: skip
    assert nambari("requirements", "check", str(file), "--json").json == {"rules": 2, "faults": []}
    assert nambari("requirements", "show", "--json").out == "", "checked, and not imported"
    assert nambari("requirements", "import", str(file), "--json").json == {"rules": 2}
    assert nambari("requirements", "show", "--json").lines == [
        {"country": "KE", "type": "local", "kind": "business", "requires": [], "source": "b"},
        {
            "country": "KE",
            "type": "local",
            "kind": "individual",
            "requires": ["identity", "proof_of_address"],
            "source": "a page",
        },
    ]
    nambari("requirements", "import", str(written(tmp_path, HEADER, "KE,local,individual,,c")))
    [first, second] = nambari("requirements", "show", "--country", "KE", "--json").lines
    assert (first["source"], second["source"], second["requires"]) == ("b", "c", [])
    assert nambari("requirements", "show", "--country", "NG", "--json").out == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ng,mobile,business,,x", "country 'ng' is no country code, such as NG"),
        ("XX,mobile,business,,x", "country 'XX' is no country code, such as NG"),
        ("NG,fax,business,,x", "type 'fax' is none; those there are: local, mobile, toll_free"),
        ("NG,mobile,ngo,,x", "kind 'ngo' is none; those there are: individual, business"),
        (
            "NG,mobile,business,passport,x",
            (
                "requires has 'passport'; those there are: business_customer, identity, proof_of_address,"
                " local_address, business_registration, letter_of_authorization"
            ),
        ),
        ("NG,mobile,business,,", "source is empty; say where the rule is written, such as the address of a page"),
        ("NG,mobile,business", "source is empty; say where the rule is written, such as the address of a page"),
        ("NG,mobile,business,,x,y", "has 6 fields under 5 columns"),
        ('NG,mobile,business,,"x', "is not CSV: unexpected end of data"),
        (b"NG,mobile,business,,\xff", "source is not UTF-8 text"),
        ("NG,mobile,business,,a\x00b", "source must be at most 500 printable characters"),
        ("NG,mobile,business,," + "x" * 501, "source must be at most 500 printable characters"),
        (GOOD, "NG mobile business stands in the file before, on line 2"),
    ],
)
def test_what_is_wrong_with_a_line(nambari: Run, tmp_path: Path, line: str | bytes, reason: str) -> None:
    file = written(tmp_path, HEADER, GOOD, line)
    told = refused(nambari("requirements", "import", str(file)))
    assert told == f"rules.csv, line 3: {reason}."
    checked = nambari("requirements", "check", str(file))
    assert checked.code == 1
    assert checked.out.splitlines()[0] == f"rules.csv, line 3: {reason}."
    assert checked.out.splitlines()[-1] == "1 rules are good, 1 lines are at fault."
    assert nambari("requirements", "show", "--json").out == "", "all or none"


def test_all_faults_are_told_at_once(nambari: Run, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER, "ng,mobile,business,,x", GOOD, "NG,fax,business,,x")
    assert refused(nambari("requirements", "import", str(file))).endswith(
        "1 more lines are at fault: `nambari requirements check` tells all."
    )
    assert [each.partition(":")[0] for each in nambari("requirements", "check", str(file)).out.splitlines()[:2]] == [
        "rules.csv, line 2",
        "rules.csv, line 4",
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (
            "",
            "has no column named country; its first line must name its columns: country, type, kind, requires, source",
        ),
        ("country,type,kind,requires", "has no column named source;"),
        (f"{HEADER},colour", "has a column 'colour';"),
        (f"{HEADER},source", "has two columns named source"),
    ],
)
def test_what_is_wrong_with_a_header(nambari: Run, tmp_path: Path, header: str, reason: str) -> None:
    assert reason in refused(nambari("requirements", "import", str(written(tmp_path, header, GOOD))))


def test_the_shipped_catalogue(nambari: Run) -> None:
    assert nambari("requirements", "check", str(SHIPPED)).code == 0
    count = nambari("requirements", "import", "--shipped", "--json").json["rules"]
    assert count == len(nambari("requirements", "show", "--json").lines) > 5
    assert "shipped" in refused(nambari("requirements", "import"), 2)
    assert "shipped" in refused(nambari("requirements", "import", str(SHIPPED), "--shipped"), 2)


# ── Documents ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def document(nambari: Run, organization: str, dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO documents (id, organization_id, environment, type, country, media_type, size_bytes, sha256,"
            " content, status, created_at) VALUES (%s, %s, 'live', 'identity', 'GB', 'application/pdf', %s, '', %s,"
            " 'pending', now())",
            (DOC, organization, len(PDF), PDF),
        )
    return DOC


def test_a_document_is_looked_at_and_accepted(nambari: Run, organization: str, document: str, tmp_path: Path) -> None:
    [row] = nambari("kyc", "documents", "list", "--json").lines
    assert (row["id"], row["organization_id"], row["status"]) == (document, organization, "pending")
    assert "content" not in row
    shown = nambari("kyc", "documents", "show", document, "--save", str(tmp_path), "--json").json
    file = Path(shown["saved_as"])
    assert file.name == f"{document}.pdf"
    assert file.read_bytes() == PDF
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = nambari("kyc", "documents", "accept", document, "--expires-on", "2099-05-31", "--json")
    assert done.json == {"id": document, "status": "accepted"}
    assert nambari("kyc", "documents", "list").out == "No document is pending.\n"
    [row] = nambari("kyc", "documents", "list", "--status", "accepted", "--org", organization, "--json").lines
    assert row["expires_on"] == "2099-05-31"
    assert refused(nambari("kyc", "documents", "reject", document, "--reason", "no")) == (
        "This document is accepted already; only a pending one can be decided."
    )


def test_a_document_is_rejected_with_a_reason(nambari: Run, document: str) -> None:
    assert "reason" in refused(nambari("kyc", "documents", "reject", document, "--reason", " "), 2)
    assert "reason" in refused(nambari("kyc", "documents", "reject", document, "--reason", "a\x01b"), 2)
    nambari("kyc", "documents", "reject", document, "--reason", "The second page is missing.")
    assert nambari("kyc", "documents", "show", document, "--json").json["reason"] == "The second page is missing."


def test_the_file_of_a_document_is_erased(nambari: Run, document: str, tmp_path: Path) -> None:
    waits = "This document waits to be reviewed. Accept or reject it first."
    assert refused(nambari("kyc", "documents", "erase", document, "--yes")) == waits
    nambari("kyc", "documents", "accept", document)
    assert "Nothing brings it back" in nambari("kyc", "documents", "erase", document).err
    assert nambari("kyc", "documents", "show", document, "--json").json["erased_at"] is None
    done = nambari("kyc", "documents", "erase", document, "--yes")
    assert done.out == f"The file of {document} is erased. It is accepted, as before.\n"
    shown = nambari("kyc", "documents", "show", document, "--json").json
    assert (shown["status"], bool(shown["erased_at"])) == ("accepted", True)
    assert refused(nambari("kyc", "documents", "show", document, "--save", str(tmp_path))) == (
        f"The file of {document} was erased. Without --save this shows what it was."
    )
    assert list(tmp_path.iterdir()) == []
    [row] = nambari("kyc", "documents", "list", "--status", "accepted", "--json").lines
    assert row["erased_at"]
    assert "already" in refused(nambari("kyc", "documents", "erase", document, "--yes"))


def test_what_is_no_document_or_no_day(nambari: Run, document: str, tmp_path: Path) -> None:
    none = "There is no document doc_none. `nambari kyc documents list` shows those that wait."
    assert refused(nambari("kyc", "documents", "show", "doc_none")) == none
    assert refused(nambari("kyc", "documents", "accept", "doc_none")) == none
    assert "no date" in refused(nambari("kyc", "documents", "accept", document, "--expires-on", "31.5.2099"), 2)
    assert "over" in refused(nambari("kyc", "documents", "accept", document, "--expires-on", "2020-01-01"), 2)
    (tmp_path / f"{document}.pdf").symlink_to(tmp_path / "elsewhere")
    refused(nambari("kyc", "documents", "show", document, "--save", str(tmp_path)))
    assert not (tmp_path / "elsewhere").exists()
