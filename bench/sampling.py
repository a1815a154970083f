"""Where does a process spend its time? Samples of its Python stack, one with each tick of its processor time.

Taken by a signal, so that they cost a few per cent, where a tracing profiler would double the price of every call.
Compiled code has no place of its own: its time is its caller's, or the loop's where the loop calls it.
"""

import dis
import signal
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

EVERY_SECONDS = 0.001
_RESUME = dis.opmap["RESUME"]
_LOOP = "uvloop, the kernel, decoding of rows"


class Sampler:
    """Counts places of our process. `own` is where the time was spent, `within` also who waited for it."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.within: Counter[str] = Counter()
        self.packages: Counter[str] = Counter()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def counted(self) -> dict[str, dict[str, int]]:
        """The samples by package, by function itself, and by function with all that it calls."""
        return {"packages": dict(self.packages), "own": dict(self.own), "within": dict(self.within)}

    def _sample(self, _: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_lasti in _entries(frame.f_code):
            frame = frame.f_back  # the interpreter looks for signals as it enters a function: the time was its caller's
        if frame is None or _package(frame.f_code) == "asyncio":
            self.packages[_LOOP] += 1
            self.own[_LOOP] += 1
            return
        self.packages[_package(frame.f_code)] += 1
        self.own[_name(frame.f_code)] += 1
        seen = set()
        while frame is not None:
            seen.add(_name(frame.f_code))
            frame = frame.f_back
        self.within.update(seen)


@cache
def _entries(code: CodeType) -> frozenset[int]:
    return frozenset(each.offset for each in dis.get_instructions(code) if each.opcode == _RESUME)


@cache
def _package(code: CodeType) -> str:
    """The package or, for our own code, the file."""
    parts = Path(code.co_filename).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if "nambari" in parts:
        return "/".join(parts[len(parts) - parts[::-1].index("nambari") - 1 :])
    return parts[-2] if len(parts) > 1 and parts[-2] == "asyncio" else "standard library"


@cache
def _name(code: CodeType) -> str:
    return f"{_package(code)}:{code.co_qualname}"
