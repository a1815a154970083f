"""The page for trying the API out: whole, and from nowhere but here."""

import re
import subprocess
import sys

from tests.cast import World


async def test_all_that_the_page_loads_is_here(world: World) -> None:
    client = world.client()
    page = await client.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    start = await client.get("/docs/start.js")
    loads = re.findall(r'(?:src|href|url)(?:=|: )"([^"]+)"', page.text + start.text)
    assert sorted(set(loads)) == [
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "data:,",
    ]
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".json": "application/json"}
    for path in set(loads) - {"data:,"}:
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == kinds[path[path.rindex(".") :]]
        assert "cache-control" in answer.headers
        if path.startswith("/docs"):
            assert answer.headers["x-content-type-options"] == "nosniff"
    style = (await client.get("/docs/swagger-ui.css")).text
    assert not re.findall(r"url\(\s*['\"]?(?!data:|['\"]?data:)|@import", style)
    assert page.headers["x-content-type-options"] == "nosniff"


START = """
import sys
from pathlib import Path
from nambari.api.app import create_app
from nambari.server import configure
from nambari.settings import Settings
configure(create_app(Settings(data_dir=Path("/nonexistent")), "postgresql://nowhere"))
print(sorted({"swagger_ui_bundle", "nambari.api.document", "nambari.api.described"} & set(sys.modules)))
"""


def test_a_service_that_nobody_asks_for_it_loads_nothing_of_it() -> None:
    loaded = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True).stdout
    assert "swagger_ui_bundle" not in loaded
    assert "nambari.api" not in loaded
