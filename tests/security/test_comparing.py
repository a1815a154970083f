"""Does it take as long to refuse a secret that is nearly right? None is compared letter by letter.

What is looked up is looked up by its SHA-256: of a digest, how far it is right tells nothing of the secret
(docs/decisions/0068). What is compared is compared by hmac.compare_digest, or by Argon2.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.console.conftest import PASSWORD, Town
from tests.security.canaries import found_in
from tests.security.statements import Statements
from tests.test_house import OF_THE_CLIENT, TREES, at

from nambari.domain.access import hash_secret

SECRET = re.compile(r"(?:.*_)?(?:secret|token|signature|password|pin|hash|digest|ha1|hmac|sealed)s?(?:_.*)?")
HARMLESS = {"db/seal.py:_digest": "the checksum of a backup, which stands in the file itself"}
"""`file:name` of comparisons of what is called like a secret, and why it tells a stranger nothing."""
CONSTANT_TIME = {
    "mcp/confirmations.py": "whether an agent's confirmation token is ours",
    "console/visit.py": "whether a form's token is of this session",
    "client/receiving.py": "whether a webhook's signature is genuine",
}
"""Where something secret is compared at all."""


def name_of(node: ast.AST) -> str:
    """What a value is called: `here.form_token` is form_token, `row["secret"]` is secret."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Call(func=ast.Attribute(value=inner, attr="encode" | "decode" | "strip" | "hex" | "digest")):
            return name_of(inner)
        case ast.Call(func=function):
            return name_of(function)
        case ast.Await(value=inner):
            return name_of(inner)
    return ""


def compared(tree: ast.AST) -> Iterator[tuple[str, ast.Compare]]:
    """Each comparison by value of something secret with something that is not written in the source."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for place, operator in enumerate(node.ops):
            pair = sides[place : place + 2]
            if not isinstance(operator, ast.Eq | ast.NotEq) or any(isinstance(side, ast.Constant) for side in pair):
                continue
            yield from ((name, node) for side in pair if SECRET.fullmatch(name := name_of(side)))


def test_no_secret_is_compared_letter_by_letter() -> None:
    found = [
        f"{at(file, node)}: {ast.unparse(node)}"
        for file, tree in (TREES | OF_THE_CLIENT).items()
        for name, node in compared(tree)
        if f"{file}:{name}" not in HARMLESS
    ]
    assert not found, "compare it with hmac.compare_digest"


@pytest.mark.parametrize(
    "line",
    [
        "given == key.secret",
        "form['form_token'] != visit.form_token",
        "signature == expected",
        "pin.encode() == order.pin_hash",
        "hash_secret(given) == kept",
        "x and (await token(a)) == b",
    ],
)
def test_one_that_is_would_be_found(line: str) -> None:
    assert list(compared(ast.parse(f"async def f():\n    {line}")))


@pytest.mark.parametrize("line", ["token == ''", "secret is None", "hashing == 5", "tokens_left > most", "spin == a"])
def test_what_is_none_is_let_be(line: str) -> None:
    assert not list(compared(ast.parse(line)))


def test_what_is_compared_takes_constant_time() -> None:
    calls = {
        file
        for file, tree in (TREES | OF_THE_CLIENT).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "compare_digest"
    }
    assert calls == CONSTANT_TIME.keys()


def test_the_database_is_not_asked_for_a_secret_by_itself() -> None:
    """No statement has `secret = $1` or the like: columns that are looked up by hold hashes."""
    asked = re.compile(r"\b(?:\w+\.)?(\w*(?:secret|token|password|pin|ha1)\w*)\s*=\s*\$\d")
    for path in sorted((Path(__file__).parents[2] / "src" / "nambari" / "db").glob("*.py")):
        where = re.sub(r"SET\b.*?(?:WHERE|RETURNING|\"\"\")", "", path.read_text(), flags=re.DOTALL)
        assert {name for name in asked.findall(where) if not name.endswith("_hash")} == set(), path.name


async def test_who_asks_is_looked_up_by_a_digest(town: Town) -> None:
    """A key, a session and an operator's session, right and wrong: none of them reaches the database as it is."""
    statements = Statements(town.services)
    alice = await town.person()
    await town.appoint()
    wrong = f"kros_live_{'b' * 32}"
    for secret, status in ((alice.api_key, 200), (wrong, 401)):
        assert (await town.client(secret).get("/v1/kyc")).status_code == status
    customer, operator = await town.at_the_console(alice.api_key), town.visitor()
    assert (await operator.sign_in_operator()).status_code == 303
    assert (await town.visitor().sign_in(wrong)).status_code == 401
    assert (await town.visitor().sign_in_operator(password="wrong" + PASSWORD)).status_code == 409
    tokens = {"nambari_session": customer, "nambari_operator": operator}
    shown = {name: visitor.client.cookies[name] for name, visitor in tokens.items()}
    stranger = town.visitor()
    stranger.client.cookies.set("nambari_session", shown["nambari_session"][:-1] + "!")
    assert (await stranger.client.get("/console/numbers")).status_code == 303
    async with statements.of():
        pass
    sent = "\n".join(repr(value) for value in statements.values)
    secrets = {"the key": alice.api_key, "a wrong key": wrong, "the password": PASSWORD, **shown}
    assert found_in(sent, secrets) == []
    for secret in (alice.api_key, wrong, *shown.values()):
        assert hash_secret(secret) in statements.values
