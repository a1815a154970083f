"""nambari operator."""

import io

import pytest
from tests.cli.conftest import Run, refused


def test_an_operator_is_made_shown_once_listed_and_removed(nambari: Run) -> None:
    made = nambari("operator", "create", "ada", "--json").json
    assert list(made) == ["operator_id", "name", "password"]
    assert len(made["password"]) == 32
    [row] = nambari("operator", "list", "--json").lines
    assert (row["operator_id"], row["name"]) == (made["operator_id"], "ada")
    assert made["password"] not in str(row)
    assert nambari("operator", "remove", "ada", "--json").json == {"name": "ada", "removed": True}
    assert "none yet" in nambari("operator", "list").out
    assert "There is no operator 'ada'" in refused(nambari("operator", "remove", "ada"))


def test_a_password_can_be_given(nambari: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    told = nambari("operator", "create", "ada", "--password-stdin")
    assert (told.code, "correct horse" in told.out) == (0, False)
    assert "There is an operator 'ada' already" in refused(nambari("operator", "create", "ada"))


@pytest.mark.parametrize("password", ["short", "x" * 201, "a\x00 but long enough", ""])
def test_a_bad_password_is_refused_and_not_repeated(
    nambari: Run, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    told = nambari("operator", "create", "ada", "--password-stdin")
    assert (told.code, told.out) == (2, "")
    assert "must be 12 to 200 printable characters" in told.err
    assert "but long" not in told.err


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\x00b"])
def test_a_bad_name_is_refused(nambari: Run, name: str) -> None:
    assert nambari("operator", "create", name).code == 2
