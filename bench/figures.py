"""What is a measurement? One run's rate and latencies; and of several runs, the medians."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Run:
    """Latencies are in seconds; the costs are seconds of processor time per request, where they were measured."""

    per_second: float
    latencies: list[float]
    server_seconds: float | None = None
    database_seconds: float | None = None
    generator_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the runs of one thing."""

    per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float | None
    database_us: float | None
    generator_us: float | None


def summarize(runs: list[Run]) -> Figures:
    def microseconds(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) * 1e6 if known else None

    return Figures(
        per_second=median(run.per_second for run in runs),
        p50_ms=median(percentile(run.latencies, 0.50) for run in runs) * 1e3,
        p99_ms=median(percentile(run.latencies, 0.99) for run in runs) * 1e3,
        server_us=microseconds([run.server_seconds for run in runs]),
        database_us=microseconds([run.database_seconds for run in runs]),
        generator_us=microseconds([run.generator_seconds for run in runs]),
    )


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
