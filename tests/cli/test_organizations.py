"""nambari org."""

import re

import pytest
from tests.cli.conftest import Run, refused

ID = r"org_[0-9a-z]{26}"


def test_create_answers_with_the_id_and_nothing_else(nambari: Run) -> None:
    made = nambari("org", "create", "--name", "Acme", "--json").json
    assert list(made) == ["organization_id"]
    assert re.fullmatch(ID, made["organization_id"])


def test_create_says_what_to_do_next(nambari: Run) -> None:
    told = nambari("org", "create", "--name", "Acme", "--plan", "pro")
    [made, *_] = re.findall(ID, told.out)
    assert (told.code, told.err) == (0, "")
    assert f"nambari key create --org {made}\n" in told.out


@pytest.mark.parametrize("name", ["Ünï Labs", "株式会社", "مثال", 'Quote " and \\', "[bold]x[/bold]", "x" * 200, "-"])
def test_a_name_may_be_in_any_script(nambari: Run, name: str) -> None:
    made = nambari("org", "create", "--name", name, "--json").json["organization_id"]
    assert nambari("org", "show", made, "--json").json["name"] == name
    assert name in nambari("org", "show", made).out
    assert name in nambari("org", "list").out


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines", "esc\x1b[31m", "not \udcff utf-8"])
def test_a_name_that_is_none(nambari: Run, name: str) -> None:
    assert "--name" in refused(nambari("org", "create", "--name", name), 2)
    assert nambari("org", "list", "--json").lines == []


def test_a_plan_that_is_none(nambari: Run) -> None:
    assert "free, pro" in refused(nambari("org", "create", "--name", "Acme", "--plan", "gold"), 2)


def test_list_and_show_tell_each_environment_by_itself(nambari: Run) -> None:
    ids = [nambari("org", "create", "--name", name, "--json").json["organization_id"] for name in ("One", "Two")]
    live = nambari("org", "list", "--json").lines
    assert [row["organization_id"] for row in live] == ids
    created = live[0].pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", created)
    assert live[0] == {
        "organization_id": ids[0],
        "name": "One",
        "plan": "free",
        "environment": "live",
        "kyc_status": "not_submitted",
        "balance_cents": 0,
        "held_cents": 0,
        "currency": "USD",
        "phone_numbers": 0,
    }
    shown = nambari("org", "show", ids[0], "--json").json
    assert shown == {**live[0], "created_at": created}
    test = nambari("org", "show", ids[0], "--env", "test", "--json").json
    assert (test["kyc_status"], test["balance_cents"]) == ("verified", 1_000_000)


def test_an_empty_list_says_how_to_begin_but_not_to_a_program(nambari: Run) -> None:
    assert "nambari org create" in nambari("org", "list").out
    assert nambari("org", "list", "--json").out == ""


@pytest.mark.parametrize("given", ["org_nope", "x'; DROP TABLE organizations; --"])
def test_one_that_is_not_there(nambari: Run, given: str) -> None:
    assert refused(nambari("org", "show", given)) == (
        f"There is no organization {given}. `nambari org list` shows those there are."
    )


@pytest.mark.parametrize("given", ["", " ", "ü", "x" * 101, "\udcff", "a\nb"])
def test_what_is_no_id(nambari: Run, given: str) -> None:
    assert "no id" in refused(nambari("org", "show", given), 2)


def test_the_environment_is_one_of_two(nambari: Run) -> None:
    assert "'live', 'test'" in refused(nambari("org", "list", "--env", "staging"), 2)


def test_another_plan_is_told_once_in_the_trail_of_each_environment(nambari: Run, organization: str) -> None:
    told = nambari("org", "set", organization, "--plan", "business", "--json").json
    assert told == {"organization_id": organization, "plan": "business", "plan_before": "free"}
    again = nambari("org", "set", organization, "--plan", "business")
    assert (again.code, again.out) == (0, "The plan is business already.\n")
    assert nambari("org", "show", organization, "--json").json["plan"] == "business"
    for environment in ("live", "test"):
        [event] = nambari(
            *("audit", "--org", organization, "--env", environment, "--event", "organization.updated", "--json")
        ).lines
        assert (event["subject_id"], event["key_id"]) == (organization, None)
        assert event["changes"] == [{"field": "plan", "before": "free", "after": "business"}]


@pytest.mark.parametrize("plan", ["gold", "", "PRO", "\u200bpro"])
def test_another_plan_that_is_none(nambari: Run, organization: str, plan: str) -> None:
    assert "free, pro" in refused(nambari("org", "set", organization, "--plan", plan), 2)
    assert nambari("org", "show", organization, "--json").json["plan"] == "free"


def test_another_plan_for_nobody(nambari: Run) -> None:
    assert "There is no organization org_nope." in refused(nambari("org", "set", "org_nope", "--plan", "pro"))


def test_what_is_changed_must_be_said(nambari: Run, organization: str) -> None:
    assert "--plan" in refused(nambari("org", "set", organization), 2)
