"""Is the configuration that operators get one that Kamailio takes? As it lies there, and without what must be set."""

import re
from pathlib import Path

import pytest
from tests.calls.conftest import Stage
from tests.calls.proxy import CONFIGURATION, PACKAGES, Proxy
from tests.docs.blocks import blocks


@pytest.fixture
def written(tmp_path: Path) -> Proxy:
    made = Proxy(tmp_path / "kamailio", "http://127.0.0.1:8000", "kros_live_x", "trunk.example.com")
    made.write_configuration()
    return made


def test_it_is_accepted(written: Proxy) -> None:
    checked = written.checked()
    assert checked.returncode == 0, checked.stderr
    assert "config file ok" in checked.stderr + checked.stdout


def test_the_example_is_accepted(written: Proxy) -> None:
    """With the addresses of the example: a check binds none."""
    for name in ("settings.cfg", "addresses.list"):
        example = name.replace(".", ".example.")
        text = (CONFIGURATION / example).read_text(encoding="utf-8").replace("##!", "#!")
        (written.home / name).write_text(text, encoding="utf-8")
    (written.home / "tls.cfg").write_text((CONFIGURATION / "tls.example.cfg").read_text(encoding="utf-8"))
    checked = written.checked()
    assert checked.returncode == 0, checked.stderr


def test_what_is_typed_by_hand_is_understood(stage: Stage) -> None:
    """The lines of deploy/kamailio/README.md, to the proxy of this test."""
    [block] = [each for each in blocks("deploy/kamailio/README.md") if each.mark == "run by"]
    check, *asked = [line.partition("#")[0].strip() for line in block.text.splitlines()]
    assert check == "kamailio -c -f /etc/kamailio/kamailio.cfg"
    assert stage.proxy.checked().returncode == 0
    assert len(asked) == 3
    for line in asked:
        stage.proxy.tells(line.removeprefix("kamcmd "))


def test_what_is_no_command_of_the_proxy_is_found(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="error"):
        stage.proxy.tells("dlg.no_such_thing")


@pytest.mark.parametrize("setting", ["API_KEY", "ROUTE_SECRET"])
def test_what_must_be_set_is_asked_for(written: Proxy, setting: str) -> None:
    """A secret that is left out would be one that anybody can read here."""
    settings = written.home / "settings.cfg"
    settings.write_text(re.sub(rf".*!{setting}!.*\n", "", settings.read_text()))
    checked = written.checked()
    assert checked.returncode != 0
    assert f"settings.cfg-must-set-{setting}" in checked.stderr


def test_a_check_can_fail(written: Proxy) -> None:
    broken = written.home / "guard.cfg"
    broken.write_text(broken.read_text(encoding="utf-8").replace("route[SANE] {", "route[SANE] {{"), encoding="utf-8")
    assert written.checked().returncode != 0


def test_all_that_differs_from_place_to_place_is_in_the_settings() -> None:
    """No address, host or key in what is not to be edited."""
    for file in CONFIGURATION.glob("*.cfg"):
        if "example" in file.name:
            continue
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b|kros_|https?://", text), file.name


def test_every_text_that_is_replaced_stands_alone() -> None:
    """A #!substdef replaces its word in all strings, also in the middle of another."""
    files = [re.sub(r"^# .*", "", each.read_text(), flags=re.MULTILINE) for each in CONFIGURATION.glob("*.cfg")]
    words = {word for text in files for word in re.findall(r'#!substdef "!([A-Z_]+)!', text)}
    assert words >= {"API_URL", "API_KEY", "SIP_DOMAIN", "CARRIER_HOST", "ROUTE_SECRET"}
    for text in files:
        for word in words:
            assert not re.findall(rf"[A-Za-z_]{word}|{word}[A-Za-z_]", text), word


async def test_it_starts_without_a_complaint(stage: Stage) -> None:
    """What a check does not see, such as a route that is none."""
    assert "non existing route" not in stage.proxy.output
    assert not re.findall(r"^ 0\(\d+\) (?:ERROR|CRITICAL|BUG).*", stage.proxy.output, re.MULTILINE)


async def test_the_example_makes_a_call(stage: Stage) -> None:
    """With the scenarios that docs/calls.md and the benchmark use."""
    agent, caller = ((CONFIGURATION / "example" / f"{name}.xml").read_text() for name in ("agent", "caller"))
    with stage.another(agent) as answering:
        number = await stage.number(await stage.person(), answering.uri)
        stage.call(caller, "-s", number["number"])
        assert len(answering.received("BYE")) == 1


def test_the_example_is_a_configuration(written: Proxy) -> None:
    for name in ("settings.cfg", "addresses.list"):
        (written.home / name).write_text((CONFIGURATION / "example" / name).read_text())
    with (written.home / "settings.cfg").open("a") as settings:
        settings.write('#!substdef "!API_KEY!kros_live_x!g"\n')
    checked = written.checked()
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("package", PACKAGES.split())
def test_what_these_tests_need_is_installed_by_ci_and_named_to_people(package: str) -> None:
    root = CONFIGURATION.parents[1]
    for file in (".ci/run", "README.md", "docs/calls.md"):
        assert package in (root / file).read_text(encoding="utf-8"), file
