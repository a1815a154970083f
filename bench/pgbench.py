"""The recorded statements under pgbench: the same text, prepared, with the same values, and nothing of ours around."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import psycopg

from bench.figures import Run
from bench.recorder import Statement

_JSON = "pg_catalog.jsonb"
_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Script:
    """What one transaction of a pgbench client runs: `setup` sets its variables, `fixed` are those of the whole run."""

    statements: list[Statement]
    setup: tuple[str, ...] = ()
    varying: Mapping[str, str] = field(default_factory=dict)
    """An SQL expression for each recorded value that is another in every transaction."""


def _write(script: Script, prefix: str, fixed: dict[str, str]) -> str:
    lines = list(script.setup)
    for place, statement in enumerate(script.statements):
        expressions = [
            _expression(f"{prefix}{place}_{number}", value, kind, script.varying, fixed)
            for number, (value, kind) in enumerate(zip(statement.values, statement.types, strict=True))
        ]
        sql = _PARAMETER.sub(lambda found, given=expressions: given[int(found[1]) - 1], statement.sql)  # type: ignore[misc]
        lines.append(" ".join(sql.split()) + ";")
    return "\n".join(lines) + "\n"


def _expression(name: str, value: Any, kind: str, varying: Mapping[str, str], fixed: dict[str, str]) -> str:
    if isinstance(value, list) and any(str(item) in varying for item in value):
        return f"(ARRAY[{', '.join(varying[str(item)] for item in value)}])::{kind}"
    if str(value) in varying:
        return f"({varying[str(value)]})::{kind}"
    if value is None:
        return f"NULL::{kind}"
    fixed[name] = msgspec.json.encode(value).decode() if kind == _JSON else _text(value)
    return f"(:{name})::{kind}"


def _written_out(statements: list[Statement]) -> str:
    lines = []
    for each in statements:
        given = [_literal(value, kind) for value, kind in zip(each.values, each.types, strict=True)]
        lines.append(" ".join(_PARAMETER.sub(lambda found, given=given: given[int(found[1]) - 1], each.sql).split()))  # type: ignore[misc]
    return "".join(f"{line};\n" for line in lines)


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return f"NULL::{kind}"
    text = msgspec.json.encode(value).decode() if kind == _JSON else _text(value)
    return "'{}'::{}".format(text.replace("'", "''"), kind)


def _text(value: Any) -> str:
    """A value in PostgreSQL's own text form."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else json.dumps(_text(item)) for item in value) + "}"
    return str(value)


@dataclass(frozen=True, slots=True)
class Pgbench:
    program: Path
    dsn: str
    folder: Path
    clients: int

    def run(
        self,
        scripts: list[Script],
        seconds: float,
        variables: Mapping[str, object] = {},
        *,
        buying: bool = False,
        each: int | None = None,
    ) -> Run:
        """Each transaction is one of the scripts, by turns at random. `buying`: each must have sold a number.

        So many of `each` client where that is told, and else for that long.
        """
        sold = self._sold() if buying else 0
        fixed = {name: str(value) for name, value in variables.items()}
        files = []
        for place, script in enumerate(scripts):
            path = self.folder / f"script_{place}.sql"
            path.write_text(_write(script, f"s{place}_", fixed))
            files += ["-f", str(path)]
        times = ("-T", str(max(1, round(seconds)))) if each is None else ("-t", str(each))
        words = (word for name, value in fixed.items() for word in ("-D", f"{name}={value}"))
        done = self._done("-M", "prepared", "-c", str(self.clients), *times, *words, *files)
        if buying and self._sold() - sold < len(done.latencies):
            raise RuntimeError(f"Of {len(done.latencies)} purchases pgbench made only {self._sold() - sold}")
        return done

    def replay(self, transactions: list[list[Statement]]) -> float:
        """How many seconds one client takes for these, one after the other, each once: their values are written out.

        As each statement is sent once, it is planned once, too.
        """
        path = self.folder / "replayed.sql"
        path.write_text("".join(f"BEGIN;\n{_written_out(each)}COMMIT;\n" for each in transactions))
        [seconds] = self._done("-M", "simple", "-c", "1", "-t", "1", "-f", str(path)).latencies
        return seconds

    def _done(self, *options: str) -> Run:
        for log in self.folder.glob("latency*"):
            log.unlink()
        place_of = urlsplit(self.dsn)
        asked = parse_qs(place_of.query)
        command = [
            *(str(self.program), "-n", "-j", "1", "-l", "--log-prefix", str(self.folder / "latency"), *options),
            *("-h", asked["host"][0], "-p", asked["port"][0], "-U", str(place_of.username), place_of.path.strip("/")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode or rate is None:
            raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}")
        logs = [line.split() for log in self.folder.glob("latency*") for line in log.read_text().splitlines()]
        return Run(per_second=float(rate[1]), latencies=[int(line[2]) / 1e6 for line in logs])

    def _sold(self) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM phone_numbers").fetchone()
        return int(row[0]) if row else 0
