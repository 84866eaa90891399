"""Measure the server under load, and what it costs to start and to hold, against a tutorial's server in the same run.

    make bench-serving

Load comes from `wrk` in a process of its own: each client sends a drawing of 280 x 280 px, waits for the answer, and
sends the next. Rounds alternate between the servers, so that what else the machine does meets them all.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from load import Load, load
from results import Chart, Spread, Table, save
from servers import ROOT, TUTORIAL, TUTORIAL_GUNICORN, cpu_s, ours, tutorial
from stages import bodies
from starts import environment_mb, starts
from swapping import SWAPS, swap_under_load

CLIENTS = (1, 8, 64, 256)
WORKERS = (1, 2, 4)
ROUNDS = 5
SECONDS = 3
REPETITIONS = 400
# A tutorial's server goes on with requests whose clients have gone.
SETTLE_S = 1.5
OURS = "this server"


@dataclass(frozen=True)
class Round:
    """What came of one round, and the processor's milliseconds for each answer, which other work disturbs less."""

    load: Load
    cpu_ms: float


def main() -> None:
    """Measure everything and leave the results."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with ours(work) as (url, _):  # the first start is measured elsewhere
            load(f"{url}/predict", bodies()["PNG"], "application/json", clients=8, seconds=1)
        compared = compare(work)
        grown = {workers: grow(work, workers) for workers in WORKERS}
        inside = in_process(work, REPETITIONS)
        start_s, resident = starts(work)
        quiet, swapping = swap_under_load(work)
    per_second = {server: Spread([one.load.per_second for one in rounds]) for server, rounds in compared.items()}
    figures = {
        "compared": {server: [asdict(one) for one in rounds] for server, rounds in compared.items()},
        "grown": {workers: {clients: vars(got) for clients, got in row.items()} for workers, row in grown.items()},
        **inside,
        "start_s": start_s,
        "worker_mb": resident,
        "swap": {"quiet": vars(quiet), "swapping": vars(swapping)},
    }
    tables = [
        Table(
            f"8 clients, {ROUNDS} rounds of {SECONDS} s",
            ("server", "answers a second", "p50", "p99", "not 200", "against `app.run()`", "CPU an answer"),
            [
                (
                    server,
                    per_second[server].text(digits=0),
                    Spread([one.load.p50_ms for one in rounds]).text("ms", 1),
                    Spread([one.load.p99_ms for one in rounds]).text("ms", 1),
                    str(sum(one.load.failed for one in rounds)),
                    f"{per_second[server].median / per_second[TUTORIAL].median:.1f} times",
                    Spread([one.cpu_ms for one in rounds]).text("ms", 1),
                )
                for server, rounds in compared.items()
            ],
        ),
        Table(
            f"Workers and clients, one round of {SECONDS} s each",
            ("workers", "clients", "answers a second", "p50", "p99", "slowest", "503", "unanswered"),
            [
                (
                    str(workers),
                    str(clients),
                    f"{got.per_second:.0f}",
                    *(f"{ms:.1f} ms" for ms in (got.p50_ms, got.p99_ms, got.most_ms)),
                    str(got.statuses.get(503, 0)),
                    str(got.unanswered),
                )
                for workers, row in grown.items()
                for clients, got in row.items()
            ],
        ),
        *(
            Table(
                f"One answer, sent as {form}, n {REPETITIONS}",
                ("stage", "p50", "p99"),
                [(stage, f"{at(times, 0.5):.3f} ms", f"{at(times, 0.99):.3f} ms") for stage, times in parts.items()],
            )
            for form, parts in inside["stages"].items()
        ),
        Table(
            "Start, memory, batches, swap",
            ("figure", "measured"),
            [
                ("installed environment, bytecode included", f"{environment_mb():.0f} MB"),
                *((way, Spread(seconds).text("s")) for way, seconds in start_s.items()),
                ("resident memory of a worker after 2,000 answers to 64 clients", Spread(resident).text("MB", 0)),
                ("a batch of 256", Spread(inside["batches"]).text("pictures a second", 0)),
                (
                    "slowest of 8 clients' requests, without a swap",
                    f"{quiet.most_ms:.0f} ms, p99 {quiet.p99_ms:.1f} ms",
                ),
                (
                    f"the same during {SWAPS} swaps",
                    f"{swapping.most_ms:.0f} ms, p99 {swapping.p99_ms:.1f} ms, {swapping.failed} failed",
                ),
            ],
        ),
    ]
    charts = [
        Chart(
            "serving-rate", "Answers a second", "clients", "answers a second", lines(grown, "per_second"), log_x=True
        ),
        Chart("serving-p99", "99 % answered within", "clients", "ms", lines(grown, "p99_ms"), log_x=True, log_y=True),
    ]
    save("serving", "make bench-serving", figures, tables, charts)
    for table in tables:
        print(f"\n{table.title}", *(" | ".join(row) for row in (table.columns, *table.rows)), sep="\n")


def compare(
    work: Path,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    tutorials: Sequence[str] = (TUTORIAL, TUTORIAL_GUNICORN),
) -> dict[str, list[Round]]:
    """Put our server and the tutorials' under the load of 8 clients, in turns."""
    pictures = bodies()["PNG"]
    answers: dict[str, list[Round]] = {way: [] for way in (OURS, *tutorials)}
    with contextlib.ExitStack() as stack:
        servers = {OURS: stack.enter_context(ours(work))}
        servers |= {way: stack.enter_context(tutorial(way)) for way in tutorials}
        for turn in range(-1, rounds):  # the first one warms up
            for server, (url, pid) in servers.items():
                time.sleep(SETTLE_S)
                before_s = cpu_s(pid)
                got = load(f"{url}/predict", pictures, "application/json", clients=8, seconds=seconds)
                if turn >= 0:
                    answers[server].append(Round(got, (cpu_s(pid) - before_s) / got.answers * 1e3))
    return answers


def grow(work: Path, workers: int, clients: tuple[int, ...] = CLIENTS, seconds: float = SECONDS) -> dict[int, Load]:
    """Put our server with so many workers under the load of more and more clients."""
    with ours(work, WEB_CONCURRENCY=str(workers)) as (url, _):
        pictures = bodies()["PNG"]
        load(f"{url}/predict", pictures, "application/json", clients=8, seconds=1)
        return {count: load(f"{url}/predict", pictures, "application/json", count, seconds) for count in clients}


def in_process(work: Path, repetitions: int) -> dict:
    """Give the milliseconds of each stage of an answer and the rates of batches, from a process of its own."""
    command = [sys.executable, ROOT / "benchmarks" / "stages.py", work / "cache", str(repetitions)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    measured: dict = json.loads(output.splitlines()[-1])
    return measured


def lines(grown: dict[int, dict[int, Load]], figure: str) -> dict[str, list[tuple[float, float]]]:
    """Give a line of a chart for each number of workers."""
    return {
        f"{workers} worker{'s' if workers > 1 else ''}": [
            (clients, getattr(got, figure)) for clients, got in row.items()
        ]
        for workers, row in grown.items()
    }


def at(values: list[float], share: float) -> float:
    """Give the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
