"""Whether the server stays as it is: eight clients ask without pause for ten minutes.

    make soak (MINUTES=10)

It ends with status 1 if one request failed, or if memory or waiting grew: the medians of the last quarter of the time
are compared with those of the second one, the first being for warming up.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from load import load
from results import Chart, Spread, Table, save
from servers import ours, workers_mb
from stages import bodies

CLIENTS = 8
SLICE_S = 10
# What no leak explains: a garbage collection, a page of an allocator, another process on the machine.
MEMORY_NOISE, WAITING_NOISE = 1.05, 1.5


@dataclass(frozen=True)
class Slice:
    """What one slice of the time was like. memory_mb: resident, of all workers."""

    answers: int
    failed: int
    p50_ms: float
    p99_ms: float
    memory_mb: float


def main() -> None:
    """Measure, print, leave results/soak.json, and fail if something failed or grew."""
    parser = argparse.ArgumentParser(description="Keep the server under load.")
    parser.add_argument("--minutes", type=float, default=10)
    slices = soak(parser.parse_args().minutes)
    quarter = len(slices) // 4
    second, last = slices[quarter : 2 * quarter], slices[-quarter:]
    answers, failed = sum(part.answers for part in slices), sum(part.failed for part in slices)
    measured = {
        "memory of all workers": ("MB", "memory_mb", MEMORY_NOISE),
        "p50": ("ms", "p50_ms", WAITING_NOISE),
        "p99": ("ms", "p99_ms", WAITING_NOISE),
    }
    grown = {name: growth(second, last, figure) for name, (_, figure, _) in measured.items()}
    rows = [
        (
            name,
            *(Spread([getattr(part, figure) for part in parts]).text(unit, 1) for parts in (second, last)),
            f"{grown[name]:.2f}",
        )
        for name, (unit, figure, _) in measured.items()
    ]
    tables = [
        Table(
            f"{answers:,} answers to {CLIENTS} clients in {len(slices) * SLICE_S / 60:.0f} minutes, {failed} failed",
            ("slices of 10 s", "second quarter", "last quarter", "ratio of the medians"),
            rows,
        )
    ]
    minutes = [(number + 1) * SLICE_S / 60 for number in range(len(slices))]
    charts = [
        Chart(
            f"soak_{figure}",
            f"Under load of {CLIENTS} clients",
            "minutes",
            f"{name}, {unit}",
            {name: list(zip(minutes, (getattr(part, figure) for part in slices), strict=True))},
        )
        for name, (unit, figure, _) in measured.items()
        if figure != "p50_ms"
    ]
    save("soak", "make soak", {"slices": [vars(part) for part in slices]}, tables, charts)
    print(tables[0].title, *(" | ".join(row) for row in rows), sep="\n")
    worse = [name for name, (_, _, noise) in measured.items() if grown[name] > noise]
    if failed or worse:
        sys.exit(f"{failed} requests failed; grown: {', '.join(worse) or 'nothing'}")


def soak(minutes: float) -> list[Slice]:
    """Keep the server under load, a slice of SLICE_S after the other."""
    pictures = bodies()["PNG"]
    slices = []
    with tempfile.TemporaryDirectory() as work, ours(Path(work)) as (url, pid):
        for _ in range(max(4, round(minutes * 60 / SLICE_S))):
            loaded = load(f"{url}/predict", pictures, "application/json", CLIENTS, SLICE_S)
            slices.append(Slice(loaded.answers, loaded.failed, loaded.p50_ms, loaded.p99_ms, sum(workers_mb(pid))))
    return slices


def growth(before: list[Slice], after: list[Slice], figure: str) -> float:
    """Give the ratio of the medians of a figure."""
    medians = [statistics.median(getattr(part, figure) for part in parts) for parts in (after, before)]
    return medians[0] / medians[1]


if __name__ == "__main__":
    main()
