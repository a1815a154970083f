"""Are the house rules kept that import-linter cannot say? By walking the source: no rule lives from good will.

The rules and their reasons: docs/architecture.md. One that stands in the way of better code is changed there and here.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nambari.db.migrate import STEPS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "nambari"
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef

CLIENT = ROOT / "clients" / "python" / "src" / "nambari_client"

FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
OF_THE_CLIENT = {
    f"client/{path.relative_to(CLIENT).as_posix()}": ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(CLIENT.rglob("*.py"))
}
"""The Python client keeps the rules that do not speak of rooms."""


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call with what is called, as it is written: `services.database.writing`."""
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def at(name: str, node: ast.AST) -> str:
    return f"{name}:{getattr(node, 'lineno', 0)}"


# ── Size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_files_and_functions_are_small() -> None:
    files = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (*FILES, *CLIENT.rglob("*.py"))}
    long_files = {str(path): lines for path, lines in files.items() if lines > MOST_LINES_OF_A_FILE}
    assert not long_files, f"more than {MOST_LINES_OF_A_FILE} lines"
    long_functions = {
        f"{at(name, each)} {each.name}": lines
        for name, tree in (TREES | OF_THE_CLIENT).items()
        for each in functions(tree)
        if (lines := (each.end_lineno or 0) - each.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    }
    assert not long_functions, f"more than {MOST_LINES_OF_A_FUNCTION} lines"


def test_every_module_says_what_it_answers() -> None:
    """One to four lines of sentences, then what the module must explain, such as its locks."""
    for name, tree in (TREES | OF_THE_CLIENT).items():
        says = ast.get_docstring(tree)
        if tree.body:
            assert says, f"{name} opens with no words"
            assert len(says.split("\n\n")[0].splitlines()) <= 4, name


# ── Imports ──────────────────────────────────────────────────────────────────────────────────────────────────────

PURE = {
    *(
        "calendar",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "ipaddress",
    ),
    *("itertools", "json", "math", "re", "string", "typing", "urllib.parse"),
}
"""What domain may use of the standard library: nothing in it asks for the time, for chance or for the world."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield str(node.module)


def test_domain_is_pure() -> None:
    for name, tree in TREES.items():
        if not name.startswith("domain/"):
            continue
        allowed = {"phonenumbers", "importlib"} if name == "domain/e164.py" else set()
        for module in imported(tree):
            known = module in PURE or module.split(".")[0] in allowed or f"{module}.".startswith("nambari.domain.")
            assert known, f"{name} imports {module}"
        for called, call in calls(tree):
            if called == "import_module":
                assert ast.unparse(call.args[0]).startswith("'phonenumbers."), at(name, call)


def linted(source: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"},
        cwd=source,
    )


def test_imports_go_one_way() -> None:
    done = linted(SOURCE.parent)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "line", "broken"),
    [
        ("domain/money.py", "from nambari.db import engine", "Imports go one way"),
        ("operations/purchase.py", "from nambari.api import shapes", "Imports go one way"),
        ("api/credits.py", "from nambari.worker import work", "Imports go one way"),
        ("operations/release.py", "import asyncpg", "Only db knows the driver"),
        ("db/engine.py", "import sqlalchemy", "Only the migrations know SQLAlchemy and Alembic"),
        ("api/limits.py", "import valkey", "Only wiring knows what counts for all processes"),
    ],
)
def test_an_import_that_goes_another_way_is_found(tmp_path: Path, name: str, line: str, broken: str) -> None:
    """Or a contract that holds nothing would pass for one that is kept."""
    for each in FILES:
        copy = tmp_path / "nambari" / each.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(each.read_bytes())
    with (tmp_path / "nambari" / name).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = linted(tmp_path)
    assert done.returncode == 1, done.stdout
    assert re.search(rf"^{broken} BROKEN$", done.stdout, re.MULTILINE), done.stdout


def test_the_service_loads_neither_the_migrations_tools_nor_what_only_some_need() -> None:
    asked = (
        "import sys, nambari.server, nambari.worker\n"
        "unwanted = {'sqlalchemy', 'alembic', 'psycopg', 'typer', 'limits', 'valkey', 'prometheus_client'}\n"
        "unwanted |= {'mcp', 'pydantic', 'opentelemetry'}\n"
        "print(sorted(unwanted & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


# ── Time and chance ──────────────────────────────────────────────────────────────────────────────────────────────

CLOCKS = re.compile(r"(datetime\.|date\.)?(now|utcnow|today)|time\.(time|time_ns|localtime|gmtime)|(time|time_ns)")
CHANCE = {"random", "secrets", "uuid", "typeid"}


def test_only_wiring_reads_the_clock_and_draws_lots() -> None:
    """`now` is an argument. How long something takes is another question: time.monotonic() may be asked anywhere."""
    for name, tree in TREES.items():
        if name == "wiring.py":
            continue
        read = [at(name, call) for called, call in calls(tree) if CLOCKS.fullmatch(called)]
        assert not read, "take `now` from the door: services.clock()"
        assert not CHANCE & set(imported(tree)), f"{name}: wiring makes ids and secrets"


# ── SQL ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SQL = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS"
    r"|(CREATE|ALTER|DROP|TRUNCATE|LOCK|VACUUM|COPY) \w+)\s"
)
ASKING = re.compile(r"(.+\.)?connection\.(execute|executemany|fetch\w*|copy_\w+|cursor|prepare)")


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string that is written there; an f-string as one, with its values left out."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def test_sql_is_in_db_alone() -> None:
    for name, tree in TREES.items():
        if name.startswith("db/"):
            continue
        assert not [text for text in texts(tree) if SQL.match(text)], name
        asked = [at(name, call) for called, call in calls(tree) if ASKING.fullmatch(called)]
        assert not asked, "a statement belongs into db"


def test_only_operations_open_transactions() -> None:
    for name, tree in TREES.items():
        opened = [
            at(name, call)
            for called, call in calls(tree)
            if called.rpartition(".")[2] in {"writing", "bulk", "transaction"}
        ]
        assert not opened or name.startswith("operations/") or name == "db/engine.py", opened


# ── Functions of db ──────────────────────────────────────────────────────────────────────────────────────────────

SAYS_IT_ASKS_ACROSS = re.compile(r"_(of_any_organization|across_organizations|of_all)$")
OTHER_TENANTS = {
    "keys.insert": "the key names its organization itself, or is an operator's and has none",
    "keys.of_organization": "the keys of both environments, for those who look after them",
    "organizations.insert": "a new organization has its balance and KYC case in both environments",
}
"""Functions over tenant data that take something else, and why that is right."""


def tenant_tables() -> set[str]:
    """Those that the migrations give an organization and an environment."""
    made = "".join(path.read_text(encoding="utf-8") for path in sorted(STEPS.glob("[0-9]*.py")))
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", made, re.DOTALL)
    return {name for name, columns in tables if {"organization_id", "environment"} <= set(columns.split())}


def asking_functions() -> Iterator[tuple[str, Function, str]]:
    """Each function of db that is given a connection, as `module.function`, with the SQL in it or that it names."""
    for name, tree in TREES.items():
        if not name.startswith("db/"):
            continue
        kept = {
            target.id: node
            for node in tree.body
            if isinstance(node, ast.Assign | ast.FunctionDef)
            for target in (node.targets if isinstance(node, ast.Assign) else [])
            if isinstance(target, ast.Name)
        }
        for each in functions(tree):
            if [argument.arg for argument in each.args.args][:1] == ["connection"]:
                yield f"{Path(name).stem}.{each.name}", each, " ".join(_sql(each, kept, set()))


def _sql(node: ast.AST, kept: dict[str, ast.Assign], seen: set[str]) -> Iterator[str]:
    yield from texts(node)
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in kept and each.id not in seen:
            seen.add(each.id)
            yield from _sql(kept[each.id], kept, seen)


def test_tenancy_is_a_signature() -> None:
    tables = tenant_tables()
    assert {"phone_numbers", "postings", "kept_answers", "api_keys"} <= tables
    assert "inventory" not in tables
    touches = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join(tables)})\b")
    checked, excused = set(), set()
    for name, function, sql in asking_functions():
        if not touches.search(sql) or SAYS_IT_ASKS_ACROSS.search(name):
            continue
        if name in OTHER_TENANTS:
            excused.add(name)
            continue
        arguments = [argument.arg for argument in function.args.args]
        assert arguments[1:3] == ["organization_id", "environment"], f"db/{name} takes {arguments}"
        checked.add(name)
    assert {"phone_numbers.find", "purchases.buy", "purchases.facts", "credits.post"} <= checked
    assert excused == set(OTHER_TENANTS), "an excuse that nobody needs any more"


def test_only_operations_write() -> None:
    """Not even a single statement: a door that writes would write without its event and without its kept answer."""
    changes = re.compile(r"\b(INSERT INTO|UPDATE \w+ (AS \w+ )?SET|DELETE FROM|CREATE (TEMPORARY )?TABLE|VACUUM)\b")
    writers = {name for name, _, sql in asking_functions() if changes.search(sql)}
    assert {"purchases.buy", "phone_numbers.update", "outbox.announce", "keys.touch_of_any_organization"} <= writers
    for name, tree in TREES.items():
        if name.startswith(("operations/", "db/")):
            continue
        known = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nambari.db"):
                within = (node.module or "").removeprefix("nambari.db").removeprefix(".")
                for alias in node.names:
                    known[alias.asname or alias.name] = f"{within}.{alias.name}".removeprefix(".")
        written = []
        for called, call in calls(tree):
            first, *rest = called.split(".")
            if first in known and ".".join([known[first], *rest]) in writers:
                written.append(at(name, call))
        assert not written, "doors call operations"


# ── The repository ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_names_a_machine() -> None:
    """Neither the place of a checkout, nor where its packages came from: the lock file has hashes, and no addresses."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = {str(ROOT), str(Path(sys.prefix).resolve()), str(Path(sys.base_prefix).resolve() / "lib")}
    path = re.compile("|".join(rf"(?<![\w.-]){re.escape(place)}\b" for place in sorted(here)))
    source = re.compile(r"--(extra-)?index-url\s+\S|--find-links\s+\S|\bfile:/{2}\S|/simple/\S|\bindex-url\s*=")
    for name in filter(None, listed.split("\0")):
        file = ROOT / name
        if not file.is_file() or b"\0" in (raw := file.read_bytes())[:8000] or file == Path(__file__):
            continue
        text = raw.decode("utf-8", errors="replace")
        found = path.search(text) or source.search(text)
        assert found is None, f"{name} names {found[0] if found else ''}"
