"""Has anybody found a hole in what we stand on? Asks pip-audit and npm audit: `make audit`, where there is internet.

An audit that reached no list has audited nothing, and says so with exit code 2; 1 where a hole is known. Lists of
one's own may be asked instead: what speaks as OSV's API does, and a registry of npm.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
HOLES, NOTHING_AUDITED = 1, 2


class NothingAudited(Exception):
    """The list of known holes was not reached, wholly or in part: nobody knows how it stands."""


def locked(text: str) -> dict[str, str]:
    """Name → version, of a lock file of Python's."""
    lines = (line.split(";")[0].strip(" \\") for line in text.splitlines() if line[:1].isalnum())
    return dict(line.split("==") for line in lines)


def holes_of_python(report: Any, wanted: dict[str, str]) -> list[str]:
    """What pip-audit's JSON tells of. Raises NothingAudited unless each package was looked up."""
    told = report.get("dependencies", []) if isinstance(report, dict) else []
    skipped = [f"{each['name']}: {each['skip_reason']}" for each in told if "skip_reason" in each]
    if skipped:
        raise NothingAudited(f"{len(skipped)} packages were not looked up, such as {skipped[0]}")
    known = {each["name"].lower().replace("_", "-") for each in told}
    missing = sorted(wanted.keys() - known)
    if missing:
        raise NothingAudited(f"{len(missing)} packages were not looked up, such as {missing[0]}")
    return [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for each in told
        for hole in each["vulns"]
    ]


def holes_of_npm(report: Any) -> list[str]:
    """What npm audit's JSON tells of. Raises NothingAudited for an error, or if no package was looked at."""
    facts = report.get("metadata", {}) if isinstance(report, dict) else {}
    if not facts.get("dependencies", {}).get("total"):
        raise NothingAudited(str(report.get("message") or report.get("error") or report)[:300])
    return [f"{name}: {each['severity']}" for name, each in report.get("vulnerabilities", {}).items()]


def _asked(*command: str, folder: Path = ROOT) -> Any:
    """The JSON that it prints, whatever its exit code: that is not zero for a hole either."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise NothingAudited((done.stderr.strip() or "it printed nothing").splitlines()[-1][:300]) from None


def _needed_here(text: str) -> str:
    """The lock file without what is for other systems: pip-audit does not look that up."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only who audits needs it

    kept = []
    for name, version in locked(text).items():
        line = next(line for line in text.splitlines() if line.startswith(f"{name}=="))
        marker = Requirement(line.rstrip(" \\")).marker
        if marker is None or marker.evaluate():
            kept.append(f"{name}=={version}")
    return "\n".join(kept)


def _audits(osv_url: str | None, npm_registry: str | None) -> Iterator[tuple[str, list[str]]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        needed = _needed_here(LOCK.read_text(encoding="utf-8"))
        file.write(needed)
        file.flush()
        options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        options += ["--vulnerability-service", "osv", "--osv-url", osv_url] if osv_url else []
        report = _asked(sys.executable, "-m", "pip_audit", "--requirement", file.name, *options)
        yield "requirements.lock", holes_of_python(report, locked(needed))
    registry = ["--registry", npm_registry] if npm_registry else []
    for lock in sorted((ROOT / "tests" / "npm").glob("*/package-lock.json")):
        yield str(lock.relative_to(ROOT)), holes_of_npm(_asked("npm", "audit", "--json", *registry, folder=lock.parent))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devtools.audit", description=__doc__)
    parser.add_argument("--osv-url", metavar="URL", help="where OSV's API is asked about a package; PyPI when left out")
    parser.add_argument("--npm-registry", metavar="URL", help="the registry that npm asks; its own when left out")
    asked = parser.parse_args()
    found = []
    try:
        for name, holes in _audits(asked.osv_url, asked.npm_registry):
            print(f"{name}: {len(holes) or 'no'} known holes")
            found += holes
    except (NothingAudited, FileNotFoundError) as error:
        print(f"Nothing was audited, and nobody knows how it stands: {error}", file=sys.stderr)
        return NOTHING_AUDITED
    print("\n".join(found), end="\n" if found else "")
    return HOLES if found else 0


if __name__ == "__main__":
    sys.exit(main())
