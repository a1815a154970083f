"""Is what we stand on what we chose? Every package by its hash, under a known licence; and no audit of nothing passes.

`make audit` asks for known holes, which needs the internet. Our own source is looked through by ruff's rules S, which
are bandit's: in `make check`.
"""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from devtools.audit import NothingAudited, holes_of_npm, holes_of_python, locked

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
FREE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Mozilla|MPL|Unlicense|PostgreSQL|0BSD|Zlib|CC0|LGPL)\b"
    r"|Apache Software License|HPND|Public Domain",
    re.IGNORECASE,
)
SAID_NOWHERE: dict[str, str] = {}
"""Packages whose metadata name no licence, and which it is by their own file."""


def test_every_python_package_is_locked_by_its_hashes() -> None:
    packages = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert len(packages) > 60
    for each in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", each), f"it has no one version: {each[:60]}"
        assert "--hash=sha256:" in each, f"it has no hash: {each[:60]}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("--require-hashes") == 2, "what is installed is checked"


def test_every_npm_package_is_locked_by_its_hash() -> None:
    locks = sorted((ROOT / "tests" / "npm").glob("*/package-lock.json"))
    assert len(locks) >= 4
    for path in locks:
        packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
        for name, each in packages.items():
            if name:
                assert each["integrity"].startswith("sha512-"), f"{path.parent.name}: {name}"
        wanted = packages[""].get("devDependencies", {}) | packages[""].get("dependencies", {})
        assert wanted
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), path


def test_every_licence_is_known_and_free() -> None:
    """Of what is installed here: the lock file has packages of other systems, too."""
    looked_at = 0
    for name in locked(LOCK):
        try:
            about = metadata.metadata(re.sub(r"\[.*", "", name))
        except metadata.PackageNotFoundError:
            continue
        looked_at += 1
        classified = [each for each in about.get_all("Classifier") or () if each.startswith("License")]
        said = " ".join([about.get("License-Expression") or "", (about.get("License") or "")[:300], *classified])
        assert FREE.search(said) or name in SAID_NOWHERE, f"{name}: {said!r}"
    assert looked_at > 60


def test_our_own_source_is_looked_through() -> None:
    """Ruff has bandit's rules as S, and all are on; what is let off for the service is SQL put together in db."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert [rule for rule in lint["ignore"] if re.match(r"S\d", rule)] == ["S608"]
    let_off = {place for place, rules in lint["per-file-ignores"].items() if any(re.match(r"S\d*$", r) for r in rules)}
    assert not [place for place in let_off if place.startswith(("src", "clients"))]


PACKAGE = {"name": "Some_Package", "version": "1.0", "vulns": []}
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}


def test_a_hole_is_told_of() -> None:
    report = {"dependencies": [PACKAGE | {"vulns": [HOLE]}]}
    assert holes_of_python(report, {"some-package": "1.0"}) == ["Some_Package 1.0: PYSEC-2026-1, mended in 1.1"]
    assert holes_of_python({"dependencies": [PACKAGE]}, {"some-package": "1.0"}) == []
    npm = {"metadata": {"dependencies": {"total": 3}}, "vulnerabilities": {"left-pad": {"severity": "high"}}}
    assert holes_of_npm(npm) == ["left-pad: high"]


@pytest.mark.parametrize(
    "report",
    [
        {},
        [],
        {"dependencies": []},
        {"dependencies": [{"name": "some-package", "skip_reason": "not found on PyPI and could not be audited"}]},
        {"dependencies": [{"name": "another", "version": "1", "vulns": []}]},
    ],
)
def test_an_audit_of_nothing_does_not_pass(report: Any) -> None:
    """As pip-audit does where it reaches no list: it skips all packages, and ends with 0."""
    with pytest.raises(NothingAudited):
        holes_of_python(report, {"some-package": "1.0"})


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"message": "405 Method Not Allowed - POST /-/npm/v1/security/audits/quick", "error": {}},
        {"error": {"code": "ENOTFOUND"}},
        {"metadata": {"dependencies": {"total": 0}}, "vulnerabilities": {}},
    ],
)
def test_nor_one_of_npm(report: Any) -> None:
    with pytest.raises(NothingAudited):
        holes_of_npm(report)
