"""nambari backup and nambari restore: refused clearly, or done whole; a file and a database are never left half."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.conftest import Outcome, Run, refused
from tests.conftest import dsn_of
from tests.story.processes import environment, processes_of

from nambari.db import dump_programs, embedded, seal

EVERYTHING = """
    SELECT c.oid::regclass::text FROM pg_class AS c
    LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    WHERE c.relnamespace = 'public'::regnamespace AND d.objid IS NULL
    UNION ALL SELECT proname::text FROM pg_proc WHERE proname = 'refuse_change'
    UNION ALL SELECT typname::text FROM pg_type WHERE typname = 'environment'"""
FLIPS = 25
SEED = 20270101


def told(outcome: Outcome) -> Any:
    """The one object on standard output, of a command that also told how far it was."""
    assert outcome.code == 0, outcome
    assert outcome.err, "nothing was told"
    assert all(line.endswith(" %") for line in outcome.err.splitlines()), outcome.err
    [line] = outcome.out.splitlines()
    return json.loads(line)


def failed(outcome: Outcome) -> str:
    """The one line that says why, after those that said how far it was."""
    *before, last = outcome.err.splitlines()
    assert all(line.endswith(" %") for line in before), outcome.err
    return refused(Outcome(outcome.code, outcome.out, f"{last}\n"))


def content(dsn: str) -> dict[str, tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} AS t"
            ).fetchone()
            or ()
            for (name,) in tables
        }


def is_empty(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute(EVERYTHING).fetchall() == []


@pytest.fixture
def stocked(nambari: Run, organization: str, tmp_path: Path) -> str:
    """An organization with credits and a key, and 5,000 numbers that nobody owns."""
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("number\n" + "".join(f"+23480{30000000 + n}\n" for n in range(5000)))
    assert told(nambari("inventory", "import", str(numbers), "--json"))["added"] == 5000
    numbers.unlink()
    assert nambari("credits", "add", "--org", organization, "--cents", "100", "--json").code == 0
    assert nambari("key", "create", "--org", organization, "--json").code == 0
    return organization


@pytest.fixture
def file(nambari: Run, stocked: str, tmp_path: Path) -> Path:
    made = tmp_path / "nambari.dump"
    told(nambari("backup", str(made), "--json"))
    return made


@pytest.fixture
def into_empty(nambari: Run, file: Path, empty: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands, from now on upon an empty database."""
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    return nambari


# ── As it should be ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_backed_up_is_restored(
    nambari: Run, stocked: str, dsn: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nambari.dump"
    made = told(nambari("backup", str(file), "--json"))
    before = content(dsn)
    rows = sum(count for count, _ in before.values())
    assert made == {
        "bytes": file.stat().st_size,
        "tables": len(before),
        "rows": rows,
        "schema_step": made["schema_step"],
    }

    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    restored = told(nambari("restore", str(file), "--json"))
    assert restored == {"rows": rows, "schema_step": made["schema_step"], "schema_step_before": made["schema_step"]}
    assert content(empty) == before
    assert nambari("org", "show", stocked, "--json").json["balance_cents"] == 100
    with psycopg.connect(empty) as connection:
        [(visible, pages)] = connection.execute(
            "SELECT relallvisible, relpages FROM pg_class WHERE relname = 'inventory'"
        ).fetchall()
        assert visible == pages > 0, "a search would look at the table for every number"


def test_a_person_is_told_what_to_do_next(
    nambari: Run, file: Path, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = nambari("backup", str(file))
    assert "5,0" in made.out.splitlines()[0]
    assert f"nambari restore {file}" in made.out
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    assert " are restored." in nambari("restore", str(file)).out


def test_only_its_owner_may_read_the_file_and_nothing_lies_beside_it(nambari: Run, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("an older one")
    file.chmod(0o644)
    (link := file.with_name("link")).symlink_to(file)
    told(nambari("backup", str(link), "--json"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes()[:5] == b"PGDMP"
    assert sorted(file.parent.iterdir()) == [link, file]
    assert link.is_symlink()


def test_pg_dumps_own_file_is_restored_too(
    nambari: Run, stocked: str, dsn: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, with all that travels in it: owners, comments, privileges."""
    with psycopg.connect(dsn) as connection:
        connection.execute("GRANT SELECT ON inventory TO pg_monitor")
        connection.execute("COMMENT ON TABLE inventory IS 'ours'")
    file = tmp_path / "by hand.dump"
    pg_dump = dump_programs.installed()[0]["pg_dump"]
    subprocess.run([pg_dump, "-Fc", "-f", file, "-d", dsn], check=True)
    before = content(dsn)
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    told(nambari("restore", str(file), "--json"))
    assert content(empty) == before


def test_pg_restore_alone_reads_it(file: Path, dsn: str, empty: str) -> None:
    pg_restore = dump_programs.installed()[0]["pg_restore"]
    subprocess.run([pg_restore, "--clean", "--if-exists", "--no-owner", "-d", empty, file], check=True)
    assert content(empty) == content(dsn)


def test_by_an_ordinary_user_who_owns_the_database_whether_the_extensions_are_there_or_not(
    nambari: Run, file: Path, dsn: str, server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE shopkeeper LOGIN")
        try:
            for name in ("with_them", "without_them"):
                connection.execute(f"CREATE DATABASE {name} OWNER shopkeeper")
                target = dsn_of(server, name)
                if name == "with_them":
                    with psycopg.connect(target) as there:
                        there.execute("CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin")
                monkeypatch.setenv("NAMBARI_DATABASE_URL", target.replace("nambari@", "shopkeeper@"))
                told(nambari("restore", str(file), "--json"))
                assert content(target) == content(dsn)
                owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'"
                with psycopg.connect(target) as there:
                    assert there.execute(owners).fetchall() == [("shopkeeper",)]
        finally:
            connection.execute("DROP DATABASE IF EXISTS with_them")
            connection.execute("DROP DATABASE IF EXISTS without_them")
            connection.execute("DROP ROLE shopkeeper")


# ── Targets that are refused ─────────────────────────────────────────────────────────────────────────────────────


def test_a_database_with_anything_in_it_is_left_alone(nambari: Run, file: Path, dsn: str) -> None:
    before = content(dsn)
    reason = refused(nambari("restore", str(file)))
    assert reason.startswith("The database is not empty: it has alembic_version, api_keys, balances, …. A backup is")
    assert "NAMBARI_DATA_DIR" in reason
    assert content(dsn) == before


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("CREATE TABLE notes (t text)", "notes"),
        ("CREATE VIEW one AS SELECT 1", "one"),
        ("CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'", "two"),
        ("CREATE DOMAIN environment AS text", "environment"),
        ("CREATE SEQUENCE three", "three"),
    ],
)
def test_whatever_it_has(into_empty: Run, file: Path, empty: str, made: str, name: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute(made)
    assert f"it has {name}. A backup" in refused(into_empty("restore", str(file)))
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('organizations') IS NULL").fetchone() == (True,)


def test_a_user_who_may_not_create(
    nambari: Run, file: Path, empty: str, server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        try:
            monkeypatch.setenv("NAMBARI_DATABASE_URL", empty.replace("nambari@", "guest@"))
            reason = failed(nambari("restore", str(file)))
            assert reason.startswith(f"{file} was not restored, and the database is as it was: permission denied")
        finally:
            connection.execute("DROP ROLE guest")
    assert is_empty(empty)


def test_an_extension_in_another_schema_does_not_matter(into_empty: Run, file: Path, empty: str, dsn: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION pg_trgm SCHEMA elsewhere")
    told(into_empty("restore", str(file), "--json"))
    assert content(empty) == content(dsn)


def test_what_the_server_refuses_in_the_middle_undoes_the_rest(
    nambari: Run, stocked: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    """A reference that leads nowhere, as in a database that was mended by hand: found when all rows are there."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE kyc SET organization_id = 'org_gone'")
    file = tmp_path / "nambari.dump"
    told(nambari("backup", str(file), "--json"))
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    assert "kyc_organization_id_fkey" in failed(nambari("restore", str(file)))
    assert is_empty(empty)


# ── Files that are refused ───────────────────────────────────────────────────────────────────────────────────────


def test_no_file(into_empty: Run, file: Path) -> None:
    assert "does not exist" in refused(into_empty("restore", f"{file}.gone"), 2)
    assert "is a directory" in refused(into_empty("restore", str(file.parent)), 2)


@pytest.mark.parametrize("what", [b"", b"PG", b"number\n+2348030000000\n", b"PGDMP", b"PGDMP" + bytes(range(256))])
def test_what_is_no_backup(nambari: Run, tmp_path: Path, what: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known before anything is started: not even the folder is made."""
    (file := tmp_path / "file").write_bytes(what)
    monkeypatch.delenv("NAMBARI_DATABASE_URL")
    monkeypatch.setenv("NAMBARI_DATA_DIR", str(tmp_path / "data"))
    reason = refused(nambari("restore", str(file)))
    assert reason.startswith(f"{file} is ")
    assert not (tmp_path / "data").exists()


def test_a_dump_of_another_database(nambari: Run, empty: str, tmp_path: Path) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE notes AS SELECT 1 AS n")
    pg_dump = dump_programs.installed()[0]["pg_dump"]
    subprocess.run([pg_dump, "-Fc", "-f", tmp_path / "other.dump", "-d", empty], check=True)
    assert "no backup of Nambari's database" in refused(nambari("restore", str(tmp_path / "other.dump")))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_file_that_is_cut_off_anywhere(into_empty: Run, file: Path, empty: str, sealed: bool) -> None:
    """Of pg_dump's own file, which has no seal, too: there the rows may be half way in the database."""
    whole = file.read_bytes() if sealed else file.read_bytes()[: -seal.LENGTH]
    half_way = 0
    for length in sorted(random.Random(SEED).sample(range(1000, len(whole) - 300), 12)):
        file.write_bytes(whole[:length])
        outcome = into_empty("restore", str(file))
        assert str(file) in failed(outcome)
        half_way += "restoring" in outcome.err
        assert is_empty(empty), length
    assert half_way or sealed, "none was found late: that proves nothing"
    file.write_bytes(whole)
    told(into_empty("restore", str(file), "--json"))


def test_a_file_in_which_one_bit_is_another(into_empty: Run, file: Path, empty: str) -> None:
    """Wherever it is. pg_restore would not find it in the text of the schema."""
    whole = file.read_bytes()
    chance = random.Random(SEED)
    for _ in range(FLIPS):
        changed = bytearray(whole)
        changed[chance.randrange(5, len(whole) - seal.LENGTH)] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        assert refused(into_empty("restore", str(file))) == (
            f"{file} is damaged: it is not what was written. Take another copy of it."
        )
    assert is_empty(empty)


def test_one_of_a_newer_schema(
    nambari: Run, stocked: str, dsn: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    file = tmp_path / "newer.dump"
    assert told(nambari("backup", str(file), "--json"))["schema_step"] == "9999"
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    reason = refused(nambari("restore", str(file)))
    assert "is of a newer Nambari: its schema is at step 9999" in reason
    assert "Restore it with the Nambari that wrote it, or a later one." in reason
    assert is_empty(empty)


# ── Backups that are refused ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "code", "reason"),
    [
        ("{folder}/missing/nambari.dump", 2, "there is no folder"),
        ("{folder}", 2, "is a directory"),
        ("/dev/null", 2, "is no file that could be replaced"),
        ("/proc/nambari.dump", 1, "/proc/nambari.dump: "),
    ],
)
def test_where_no_file_can_be(nambari: Run, tmp_path: Path, place: str, code: int, reason: str) -> None:
    outcome = nambari("backup", place.format(folder=tmp_path))
    told_last = Outcome(outcome.code, outcome.out, f"{outcome.err.splitlines()[-1]}\n")
    assert reason in refused(told_last, code)
    assert Path("/dev/null").is_char_device()
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_back_up(nambari: Run, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nambari.dump"
    monkeypatch.setenv("NAMBARI_DATABASE_URL", empty)
    assert refused(nambari("backup", str(file))) == "There is nothing to back up: this database is empty."
    assert is_empty(empty), "it was migrated"
    monkeypatch.delenv("NAMBARI_DATABASE_URL")
    monkeypatch.setenv("NAMBARI_DATA_DIR", str(tmp_path / "data"))
    assert "There is no database in" in refused(nambari("backup", str(file)))
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_pg_dump_may_not_read(
    nambari: Run, file: Path, dsn: str, server: embedded.EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the file of the day before stays."""
    before = file.read_bytes()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE half_blind LOGIN")
        try:
            with psycopg.connect(dsn) as there:
                there.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO half_blind")
            monkeypatch.setenv("NAMBARI_DATABASE_URL", dsn.replace("nambari@", "half_blind@"))
            reason = failed(nambari("backup", str(file)))
            assert reason.startswith("No backup was made: ")
            assert "user may lack SELECT privilege on the sequence" in reason
        finally:
            with psycopg.connect(dsn) as there:
                there.execute("DROP OWNED BY half_blind")
            connection.execute("DROP ROLE half_blind")
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


SMALL_DISK = 'mount -t tmpfs -o size=64k none "$0" && "$@"; code=$?; ls -A "$0"; exit $code'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[list[str]]:
    """What to put before a command that has a disk of 64 KB at a folder, of which nobody else knows."""
    (folder := tmp_path / "small").mkdir()
    prefix = ["unshare", "--mount", "sh", "-c", SMALL_DISK, str(folder)]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own needs root")
    yield prefix
    assert not processes_of(tmp_path)


def test_a_full_disk(stocked: str, dsn: str, tmp_path: Path, small_disk: list[str]) -> None:
    command = [*small_disk, sys.executable, "-m", "nambari", "backup", str(tmp_path / "small" / "nambari.dump")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path) | {"NAMBARI_DATABASE_URL": dsn},
    )
    reason = failed(Outcome(done.returncode, done.stdout, done.stderr))
    assert reason.startswith("No backup was made: ")
    assert "No space left on device" in reason
    assert os.listdir(tmp_path / "small") == []  # noqa: PTH208
