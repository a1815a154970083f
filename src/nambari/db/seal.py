"""Is a file what was written? A last line with the hash of all before it, which pg_restore does not read.

Its own checks find what is missing or cannot be unpacked, and no letter that has changed in the schema.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import IO

WORD = b"\nnambari sha256 "
SEAL = re.compile(rb"\nnambari sha256 ([0-9a-f]{64})\n")
LENGTH = len(WORD) + 64 + 1
CHUNK = 1 << 20


def put(path: Path) -> int:
    """At the end of a file, which then is on the disk; how many bytes it has."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(WORD + _digest(file, end).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def broken(file: IO[bytes]) -> bool:
    """Whether the file has changed since it was sealed; one that never was is judged by others."""
    end = max(0, file.seek(0, os.SEEK_END) - LENGTH)
    file.seek(end)
    found = SEAL.fullmatch(file.read())
    return found is not None and found[1].decode() != _digest(file, end)


def _digest(file: IO[bytes], end: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while end > 0 and (chunk := file.read(min(CHUNK, end))):
        digest.update(chunk)
        end -= len(chunk)
    file.seek(0, os.SEEK_END)
    return digest.hexdigest()
