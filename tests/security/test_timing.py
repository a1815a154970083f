"""Can anyone look at the time of refusals? `make timing` runs as a whole; what it measures is not looked at."""

import re
import subprocess
import sys
from pathlib import Path

from tests.security.timing import ASKED

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_operation_is_printed() -> None:
    command = [sys.executable, "-m", "tests.security.timing", "--rounds", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    one = r" *\d+ \(p95 +\d+\) +"
    told = re.findall(rf"^(\w+) +(\S+) +another's{one}nothing{one}ratio \d+\.\d\d$", done.stdout, re.MULTILINE)
    assert told == [(method, path) for method, path, _ in ASKED]
