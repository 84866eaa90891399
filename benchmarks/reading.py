"""How MNIST's training CSV is read, against plain `pandas.read_csv`: time and peak memory, and how both grow with rows.

    make bench-reading DATA=folder

Each run is a process of its own, on a copy of the CSV, so that nothing is kept beside yours. Alternating.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from results import Chart, Spread, Table, save

ROOT = Path(__file__).resolve().parents[1]
REPETITIONS = 5
GROWTH_ROWS = (1_000, 10_000, 60_000, 600_000)
FIRST, LATER, BASELINE = (
    "first start, every cell checked",
    "later start",
    "baseline: `pandas.read_csv`, nothing checked",
)
READERS = {
    FIRST: "from trainer.dataset import read_digits as read",
    LATER: "from trainer.dataset import read_digits as read",
    BASELINE: "from pandas import read_csv as read",
}
GROWING = (FIRST, LATER)  # not the baseline: it takes 6.7 GB for 600,000 rows
Runs = dict[str, list[tuple[float, float]]]  # of each way, the runs: seconds, MB (10^6 bytes)
PROGRAM = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, "algo_container")
import trainer.dataset
{reader}

def peak_mb():  # of this process alone: getrusage counts its parent's, too
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6

before, started = peak_mb(), time.perf_counter()
kept = read(Path(sys.argv[1]))
print(json.dumps([time.perf_counter() - started, peak_mb() - before]))
"""


def main() -> None:
    """Measure the CSV of the folder as it is, and copies of it with fewer and more rows once."""
    given = next(path for path in sorted(Path(sys.argv[1]).glob("*train.csv*")) if not path.name.startswith("."))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(given, folder))
        runs = measure(path, REPETITIONS)
        growth = {rows: measure(with_rows(path, rows), 1, GROWING) for rows in GROWTH_ROWS}
    tables = [table_of(given.name, runs), growth_table(growth)]
    for row in [row for table in tables for row in table.rows]:
        print(*row, sep=" | ")
    charts = [growth_chart(growth, 0, "time", "s"), growth_chart(growth, 1, "memory", "MB")]
    save("reading", "make bench-reading DATA=folder", {given.name: runs, "growth": growth}, tables, charts)


def measure(path: Path, repetitions: int, ways: Sequence[str] = tuple(READERS)) -> Runs:
    """Read the CSV in these ways, alternating, each in a process of its own."""
    runs: Runs = {way: [] for way in ways}
    for _ in range(repetitions):
        for kept in path.parent.glob(f".{path.name}.*"):
            kept.unlink()
        for way in ways:  # the later start after the first
            command = [sys.executable, "-c", PROGRAM.format(reader=READERS[way]), str(path)]
            output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            runs[way].append(tuple(json.loads(output)))
    return runs


def with_rows(path: Path, rows: int) -> Path:
    """Write a gzipped CSV of so many rows beside another one: its rows, and from the first again where they end."""
    grown = path.with_name(f"{rows}.csv.gz")
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        header, *lines = file
    with gzip.open(grown, "wb", compresslevel=1) as file:
        file.writelines([header, *islice(cycle(lines), rows)])
    return grown


def table_of(name: str, runs: Runs) -> Table:
    """Compare the ways."""
    seconds, megabytes = (
        {way: Spread([figures[place] for figures in all_figures]) for way, all_figures in runs.items()}
        for place in (0, 1)
    )
    rows = [
        (
            way,
            seconds[way].text("s"),
            f"{seconds[BASELINE].median / seconds[way].median:.1f} times as fast",
            megabytes[way].text("MB", 0),
        )
        for way in runs
    ]
    title = f"`{name}`, memory beyond the imported libraries"
    return Table(title, ("way", "time", "against `pandas.read_csv`", "peak memory"), rows)


def growth_table(growth: dict[int, Runs]) -> Table:
    """Say what every number of rows takes."""
    rows = [
        (f"{count:,}", *(f"{seconds:.2f} s, {megabytes:.0f} MB" for ((seconds, megabytes),) in runs.values()))
        for count, runs in growth.items()
    ]
    return Table("Fewer of its rows and more, repeated; one run each", ("rows", *GROWING), rows)


def growth_chart(growth: dict[int, Runs], place: int, what: str, unit: str) -> Chart:
    """Draw one of the figures over the rows."""
    series = {way: [(count, runs[way][0][place]) for count, runs in growth.items()] for way in GROWING}
    title = f"Reading a gzipped CSV: {what}"
    return Chart(f"reading_{what}", title, "rows", unit, series, log_x=True, log_y=True)


if __name__ == "__main__":
    main()
