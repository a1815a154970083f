"""Do the Python examples of clients/python/README.md run, as they stand, and say what they should?"""

import asyncio
import contextlib
import io
import re
from pathlib import Path

import pytest
from tests.api.serving import serving
from tests.cast import World

from nambari.settings import Settings

ROOT = Path(__file__).parents[2]
README = ROOT / "clients" / "python" / "README.md"


def examples(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


BUY, LIST, _ = examples(README)


def printed(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, str(README), "exec"), {"__name__": "example"})
    return out.getvalue()


async def test_they_buy_and_list(world: World, settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await world.person(cents=500)
    await world.stock(2, setup=100, monthly=250)
    monkeypatch.setenv("NAMBARI_API_KEY", alice.api_key)
    async with serving(settings, dsn) as port:
        monkeypatch.setenv("NAMBARI_BASE_URL", f"http://127.0.0.1:{port}")
        bought = await asyncio.to_thread(printed, BUY)
        assert re.fullmatch(r"\+44\d+ is yours, for 250 cents a month: pn_\w+\n", bought)
        assert await asyncio.to_thread(printed, BUY) == "You need 200 cents more.\n"
        assert bought.split()[0] in await asyncio.to_thread(printed, LIST)
