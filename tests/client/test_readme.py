"""Do the Python examples of both READMEs run, as they stand?"""

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


BUY, LIST, RECEIVE = examples(README)
[FIRST] = examples(ROOT / "README.md")


def printed(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, str(README), "exec"), {"__name__": "example"})
    return out.getvalue()


async def test_they_buy_and_list(world: World, settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await world.person(cents=500)
    await world.stock(2, setup=100, monthly=250)
    await world.stock(country="NG", setup=0, monthly=0)
    monkeypatch.setenv("NAMBARI_API_KEY", alice.api_key)
    async with serving(settings, dsn) as port:
        monkeypatch.setenv("NAMBARI_BASE_URL", f"http://127.0.0.1:{port}")
        bought = await asyncio.to_thread(printed, BUY)
        assert re.fullmatch(r"\+44\d+ is yours, for 250 cents a month: pn_\w+\n", bought)
        assert await asyncio.to_thread(printed, BUY) == "You need 200 cents more.\n"
        assert (await asyncio.to_thread(printed, FIRST)).startswith("+44")
        assert bought.split()[0] in await asyncio.to_thread(printed, LIST)


def test_the_receiver_refuses_what_nobody_signed() -> None:
    found: dict[str, object] = {}
    exec(compile(RECEIVE, str(README), "exec"), found)
    receive = found["receive"]
    assert callable(receive)
    assert receive(b"{}", {}, "whsec_" + "QUJD" * 8) == 400
