"""In which order is it measured? Each case on the service, under pgbench and as a constant, by turns."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.cases import Case
from bench.figures import Figures, summarize
from bench.load import compose
from bench.pgbench import Pgbench
from bench.stage import Samples, Service

ALONE = {
    "country": "country=US",
    "type": "country=US&type=mobile",
    "area code": "country=US&area_code=210",
    "locality": "country=GB&locality=Town+210",
    "price": "country=US&max_monthly_cost_cents=300",
    "price, below all": "country=US&max_monthly_cost_cents=1",
    "1 digit": "country=US&contains=7",
    "3 digits": "country=US&contains=555",
    "3 digits, area code": "country=US&area_code=210&contains=555",
    "5 digits": "country=US&contains=55512",
    "8 digits, no match": "country=US&contains=99999999",
    "555*12": "country=US&contains=555*12",
    "5*5*5*1": "country=US&contains=5*5*5*1",
    "9*9*9*9*9*9, no match": "country=US&contains=9*9*9*9*9*9",
    "offset 100,000": "country=US&offset=100000",
}
"""Searches that are also measured one at a time, to see what each costs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case, beside what bounds it."""

    name: str
    bytes: int
    ours: Figures
    pgbench: Figures
    constant: Figures

    @property
    def of_pgbench(self) -> float:
        return self.ours.per_second / self.pgbench.per_second

    @property
    def of_constant(self) -> float:
        return self.ours.per_second / self.constant.per_second


@dataclass(frozen=True, slots=True)
class Bench:
    """All there is to measure with; `tell` hears what is being done."""

    ours: Service
    constant: Service
    pgbench: Pgbench
    rounds: int
    seconds: float
    tell: Callable[[str], None]

    def measure(self, case: Case) -> Row:
        ours, under_pgbench, constant = [], [], []
        status = case.exchange.status
        if not case.buys:  # connections, plans and what is loaded at the first request are there by then
            self.ours.load(case.work().clients, self.seconds / 4, status, once=case.once)
        for turn in range(1, self.rounds + 1):
            self.tell(f"{case.name}, round {turn} of {self.rounds}")
            work = case.work()
            ours.append(self.ours.load(work.clients, self.seconds, status, once=case.once))
            under_pgbench.append(
                self.pgbench.run(work.scripts, self.seconds, work.variables, buying=case.buys, each=work.each)
            )
            constant.append(self.constant.load(work.clients, self.seconds, status))
        return Row(case.name, len(case.exchange.body), summarize(ours), summarize(under_pgbench), summarize(constant))

    def sample(self, case: Case) -> Samples:
        """Where the service spends its time on this case."""
        self.tell(f"{case.name}, sampled")
        return self.ours.sampled(case.work().clients, self.seconds, case.exchange.status, once=case.once)

    def measure_alone(self, secret: str) -> dict[str, Figures]:
        """Each search on one connection: what it takes when nothing else runs."""
        figures = {}
        for name, query in ALONE.items():
            self.tell(f"search alone: {name}")
            request = compose("GET", f"/v1/phone-numbers/available?{query}", secret)
            figures[name] = summarize([self.ours.load([[request]], self.seconds / 4, 200)])
        return figures
