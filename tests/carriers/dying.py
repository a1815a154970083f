"""A process that dies after its n-th step: a statement, a commit, a word with the carrier. Nothing of it runs then."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from nambari.wiring import Services

ASKING = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
OF_CARRIERS = {"order", "find", "configure", "release"}


class Died(BaseException):
    """No Exception: nobody catches it, as nobody does anything after a kill."""


@dataclass
class Life:
    """So many steps are left."""

    steps: int

    def step(self) -> None:
        self.steps -= 1
        if self.steps <= 0:
            raise Died


@dataclass
class Mortal:
    """Something of which each of these calls is a step. A carrier's are two: one may die before it is reached."""

    what: Any
    life: Life
    calls: set[str]
    before: bool = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.what, name)
        return self._stepping(found) if name in self.calls else found

    def _stepping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def stepping(*values: Any, **named: Any) -> Any:
            if self.before:
                self.life.step()
            done = await call(*values, **named)
            self.life.step()
            return done

        return stepping


@dataclass
class MortalDatabase:
    """An open transaction ends with whoever dies, as with a connection that is cut."""

    what: Any
    life: Life

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async with self.what.reading() as connection:
            yield Mortal(connection, self.life, ASKING)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        async with self.what.writing() as connection:
            yield Mortal(connection, self.life, ASKING)
        self.life.step()


def mortal(services: Services, steps: int) -> Services:
    """The same services, for a process that dies after so many steps."""
    life = Life(steps)
    carriers: dict[str, Any] = {
        name: Mortal(each, life, OF_CARRIERS, before=True) for name, each in services.carriers.items()
    }
    return replace(services, database=MortalDatabase(services.database, life), carriers=carriers)  # type: ignore[arg-type]
