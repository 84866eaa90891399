"""How memory and time of reading shards grow with rows: every cell checked, then one epoch in random order.

    make bench-shards DATA=folder

The shards are made of MNIST's rows in a temporary folder, 60,000 rows each, each shard with its pictures moved by
another few pixels; beyond ten they are links to the first ones, which reading cannot know. Each run is a process of its
own; its memory is counted from what it takes with its libraries loaded.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from results import Chart, Table, save

ROOT = Path(__file__).resolve().parents[1]
SHARD_ROWS, DISTINCT = 60_000, 10
COUNTS = {"Parquet": (1, 10, 100), "gzipped CSV": (1, 10, 100)}
ENDINGS = {"Parquet": "parquet", "gzipped CSV": "csv.gz"}
BATCH_ROWS = 128
PROGRAM = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, "algo_container")
import numpy as np
from trainer import parquet
from trainer.shards import find_shards, read_shards
from trainer.stream import Stream

def memory_mb(which):
    return int(Path("/proc/self/status").read_text().split(which)[1].split()[0]) * 1024 / 1e6

libraries_mb, started = memory_mb("VmRSS:"), time.perf_counter()
shards = read_shards(find_shards(Path(sys.argv[1])), 0.1)
checked = time.perf_counter()
stream, batch = Stream(shards, np.random.default_rng(1), int(sys.argv[2])), int(sys.argv[2])
for _ in range(len(shards) // batch):
    stream.take()
seconds = time.perf_counter() - checked
print(json.dumps([checked - started, seconds, memory_mb("VmHWM:") - libraries_mb, memory_mb("VmHWM:")]))
"""


def main() -> None:
    """Measure both forms, few shards first."""
    given = next(path for path in sorted(Path(sys.argv[1]).glob("*train.csv*")) if not path.name.startswith("."))
    runs = {form: {count: measure(given, form, count) for count in counts} for form, counts in COUNTS.items()}
    rows = [
        (
            form,
            f"{count * SHARD_ROWS:,}",
            f"{count * SHARD_ROWS / checking_s:,.0f}",
            f"{count * SHARD_ROWS / epoch_s:,.0f}",
            f"{beyond_mb:.0f} MB",
            f"{peak_mb:.0f} MB",
        )
        for form, by_count in runs.items()
        for count, (checking_s, epoch_s, beyond_mb, peak_mb) in by_count.items()
    ]
    for row in rows:
        print(*row, sep=" | ")
    columns = ("form", "rows", "checked, rows a second", "an epoch, rows a second", "peak beyond the libraries", "peak")
    series = {
        form: [(count * SHARD_ROWS, figures[2]) for count, figures in by_count.items()]
        for form, by_count in runs.items()
    }
    chart = Chart(
        "shards_memory", "Reading shards: memory", "rows", "peak beyond the libraries, MB", series, log_x=True
    )
    tables = [Table(f"Shards of {SHARD_ROWS:,} rows, one run each", columns, rows)]
    save("shards", "make bench-shards DATA=folder", {"runs": runs}, tables, [chart])


def measure(given: Path, form: str, count: int) -> list[float]:
    """Give the seconds of checking and of an epoch, and the peak memory beyond the libraries and in all, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        write_shards(given, Path(folder), form, count)
        command = [sys.executable, "-c", PROGRAM, folder, str(BATCH_ROWS)]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    figures: list[float] = json.loads(output)
    return figures


def write_shards(given: Path, folder: Path, form: str, count: int) -> None:
    """Write so many shards of all rows of a CSV, moved in each by another few pixels."""
    with (gzip.open if given.suffix == ".gz" else open)(given, "rt") as file:
        header = next(file).strip()
        cells = np.loadtxt(file, delimiter=",", dtype=np.uint8)[:SHARD_ROWS]
    moves = list(product((0, 1, -1), (0, 1, -1, 2)))
    for number in range(count):
        path = folder / f"train-{number:03}.{ENDINGS[form]}"
        if number >= DISTINCT:
            path.hardlink_to(folder / f"train-{number % DISTINCT:03}.{ENDINGS[form]}")
            continue
        moved = np.roll(cells[:, 1:].reshape(-1, 28, 28), moves[number], axis=(1, 2)).reshape(len(cells), -1)
        write(path, header, np.column_stack([cells[:, 0], moved]))


def write(path: Path, header: str, cells: np.ndarray) -> None:
    """Write one shard."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        columns = {name: cells[:, place] for place, name in enumerate(header.split(","))}
        parquet.write_table(pa.table(columns), path)
        return
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(header + "\n")
        np.savetxt(file, cells, fmt="%d", delimiter=",")


if __name__ == "__main__":
    main()
