"""Are the units what systemd takes, and is what they run kept small? Its own judge reads them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nambari.cli.program import app
from nambari.server import GRACE_SECONDS
from nambari.settings import read

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
INSTALLED = "/opt/nambari/bin/nambari"
MOST_EXPOSED = 15
"""Of 100: the judge calls what is below 20 "OK", and what is not hardened at all 96."""


def analyze(*what: str) -> "subprocess.CompletedProcess[str]":
    assert shutil.which("systemd-analyze"), "The units are read by systemd's own judge: apt-get install systemd"
    return subprocess.run(["systemd-analyze", *what], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    """The units with the program where it is on this machine."""
    program = Path(sys.executable).with_name("nambari")
    for unit in UNITS.glob("nambari-*.[st]*"):
        text = unit.read_text(encoding="utf-8").replace(INSTALLED, str(program))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return [str(each) for each in sorted(tmp_path.iterdir())]


def test_systemd_takes_them(here: list[str]) -> None:
    assert len(here) == 5
    told = analyze("verify", "--man=no", *here)
    assert (told.returncode, told.stderr) == (0, "")


def test_what_systemd_does_not_take_is_found(here: list[str]) -> None:
    broken = Path(here[0])
    broken.write_text(broken.read_text().replace("Type=oneshot", "Type=onetime\nNoSuchThing=1"))
    told = analyze("verify", "--man=no", *here)
    assert "NoSuchThing" in told.stderr
    assert "onetime" in told.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_they_may_do_little(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(unit))
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_they_run_commands_that_there_are(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    [line] = re.findall(rf"^ExecStart=.*?{INSTALLED} (.*)$", text, re.MULTILINE)
    command, *options = line.split()
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0, told.output
    for each in options:
        assert not each.startswith("--") or each in told.output, each


def test_requests_may_end_before_they_are_killed() -> None:
    text = (UNITS / "nambari-serve.service").read_text(encoding="utf-8")
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert int(seconds) > GRACE_SECONDS + 10, "with what comes after the last request"


def test_the_example_holds_settings_that_there_are() -> None:
    lines = (UNITS / "nambari.example.env").read_text(encoding="utf-8").splitlines()
    given = dict(each.split("=", 1) for each in lines if each and not each.startswith("#"))
    assert read(given).sip_domain == "sip.example.com"
