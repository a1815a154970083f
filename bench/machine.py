"""On what was it measured? Enough to read the figures by; nothing that names the machine."""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

BLOCK = bytes(8192)


def describe(dsn: str, folder: Path) -> dict[str, Any]:
    with psycopg.connect(dsn) as connection:
        asked = "SHOW server_version", "SHOW shared_buffers", "SHOW synchronous_commit", "SHOW fsync"
        version, buffers, commit, fsync = ((connection.execute(sql).fetchone() or ("",))[0] for sql in asked)
    return hardware() | {
        "PostgreSQL": f"{version}, shared_buffers {buffers}, synchronous_commit {commit}, fsync {fsync}",
        "disk": f"8 KiB are durable after {sync_milliseconds(folder):.2f} ms (median of 100)",
    }


def hardware() -> dict[str, Any]:
    """What can be told without a database."""
    return {
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB, {platform.system()}"
        f" {platform.machine()}, load {os.getloadavg()[0]:.1f} before the start",
        "Python": platform.python_version(),
    }


def sync_milliseconds(folder: Path) -> float:
    """The floor under any commit."""
    path = folder / "sync"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(100):
            begun = time.perf_counter()
            file.write(BLOCK)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    path.unlink()
    return statistics.median(taken) * 1e3
