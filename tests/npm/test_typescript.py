"""Is docs/openapi.json good for a machine? A TypeScript client made of it compiles, strictly, and buys a number."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.api.serving import serving
from tests.cast import World, assert_invariants

from nambari.settings import Settings

ROOT = Path(__file__).parents[2]
STORY = Path(__file__).parent / "typescript"


def done(folder: Path, *command: str, **environment: str) -> str:
    """What it printed."""
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """With the packages of its lock, which `make test` installs, and the client made of the document."""
    for program in ("node", "npm"):
        assert shutil.which(program), f"There is no {program} here. Install it: apt-get install nodejs npm"
    folder = tmp_path / "typescript"
    shutil.copytree(STORY, folder, ignore=shutil.ignore_patterns("node_modules", "made"))
    packages = STORY / "node_modules"
    assert packages.exists(), f"`make test` installs what this needs; or: npm ci in {STORY.relative_to(ROOT)}"
    (folder / "node_modules").symlink_to(packages)
    document = str(ROOT / "docs" / "openapi.json")
    # A default does not make a field of a request one that must be given.
    done(folder, "npx", "openapi-typescript", document, "--default-non-nullable=false", "--output", "schema.ts")
    done(folder, "npx", "tsc", "-p", ".")
    return folder


async def test_a_typescript_client_searches_buys_and_is_refused(
    world: World, settings: Settings, dsn: str, project: Path
) -> None:
    alice = await world.person(cents=1000)
    await world.stock(setup=100, monthly=250)
    async with serving(settings, dsn) as port:
        asked = {"NAMBARI_BASE_URL": f"http://127.0.0.1:{port}", "NAMBARI_API_KEY": alice.api_key}
        told = json.loads(await asyncio.to_thread(lambda: done(project, "node", "made/story.js", **asked)))
    assert told.pop("requestId").startswith("req_")
    assert told == {
        "bought": "+442079460000",
        "status": "active",
        "total": 350,
        "gone": True,
        "cause": "endpoint_missing",
        "outbound": False,
        "released": True,
        "faults": ["limit"],
    }
    await assert_invariants(world)


def test_its_lock_names_exact_versions_and_no_host() -> None:
    asked = json.loads((STORY / "package.json").read_text())
    lock = json.loads((STORY / "package-lock.json").read_text())
    wanted = asked["dependencies"] | asked["devDependencies"]
    installed = {name.removeprefix("node_modules/"): each for name, each in lock["packages"].items() if name}
    assert {name: installed[name]["version"] for name in wanted} == wanted
    for name, each in installed.items():
        assert each["integrity"].startswith("sha512-"), name
        assert "resolved" not in each, f"{name}: take `resolved` out of the lock: it names a registry"
