"""How long it takes from nothing to a published model that reads 99.2 % of MNIST, and how that grows.

    make bench-training DATA=folder

The trainer is run as a person runs it, `make train QUICK=1`, with as many seeds as --seeds says, with more and fewer
epochs, and with more and fewer rows; the baseline is plain `fit` with batches of 32 for 20 epochs. Seconds are from the
start of the process, reading and all, to its end, or for the baseline to the end of each epoch.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from results import Chart, Spread, Table, save

ROOT = Path(__file__).resolve().parents[1]
BASELINE_EPOCHS = 20
EPOCHS = (1, 3, 5, 8)
ROWS = (1_000, 10_000, 60_000, 180_000, 600_000)


@dataclass(frozen=True)
class Training:
    """One training, from the start of its process to its end. peak_mb: of its resident memory."""

    seconds: float
    accuracy: float
    peak_mb: float


def main() -> None:
    """Measure, print, and leave results/training.json."""
    parser = argparse.ArgumentParser(description="Measure whole trainings.")
    parser.add_argument("data", type=Path, help="folder with MNIST's train.csv.gz and test.csv.gz")
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    quick = [train(chosen.data, SEED=str(seed)) for seed in range(1, chosen.seeds + 1)]
    over_epochs = {number: train(chosen.data, EPOCHS=str(number)) for number in EPOCHS}
    baseline = fit_plainly(chosen.data)
    over_rows = grow(chosen.data)
    seconds, accuracies = Spread([run.seconds for run in quick]), Spread([run.accuracy * 100 for run in quick])
    curve = [*((run.seconds, run.accuracy) for run in over_epochs.values()), (seconds.median, mean_accuracy(quick))]
    charts = [
        Chart(
            "accuracy_over_seconds",
            "Mistakes among MNIST's 10,000 test digits",
            "seconds from the start of the process",
            "read wrong, %",
            {
                "plain fit, an epoch a point": wrong(baseline),
                "make train QUICK=1, another number of epochs a point": wrong(sorted(curve)),
            },
            log_x=True,
            log_y=True,
        ),
        Chart(
            "training_over_rows",
            "One epoch of make train QUICK=1",
            "rows",
            "seconds from start to end",
            {"seconds": [(count, run.seconds) for count, run in over_rows.items()]},
            log_x=True,
            log_y=True,
        ),
        Chart(
            "memory_over_rows",
            "Memory of make train QUICK=1",
            "rows",
            "peak, MB",
            {"resident": [(count, run.peak_mb) for count, run in over_rows.items()]},
            log_x=True,
        ),
    ]
    last_s, last = baseline[-1]
    rows = [
        (f"plain `fit`, batches of 32, {BASELINE_EPOCHS} epochs", f"{last_s:.0f} s (n 1)", f"{last:.2%}", "1"),
        (
            "`make train QUICK=1`",
            seconds.text("s", 1),
            f"mean {mean_accuracy(quick):.2%} ({min(accuracies.values):.2f} to {max(accuracies.values):.2f})",
            f"{last_s / seconds.median:.1f}",
        ),
        *(
            (
                f"the same with `EPOCHS={number}`",
                f"{run.seconds:.1f} s (n 1)",
                f"{run.accuracy:.2%}",
                f"{last_s / run.seconds:.1f}",
            )
            for number, run in over_epochs.items()
        ),
    ]
    growth = [(f"{count:,}", f"{run.seconds:.1f} s", f"{run.peak_mb:.0f} MB") for count, run in over_rows.items()]
    tables = [
        Table(
            "From the start of the process to the end",
            ("training", "time", "MNIST's test digits read right", "times as fast"),
            rows,
        ),
        Table("One epoch, rows repeated", ("rows", "time", "peak memory"), growth),
    ]
    for row in (*rows, *growth):
        print(*row, sep=" | ")
    figures = {
        "baseline": baseline,
        "quick": [vars(run) for run in quick],
        "epochs": {number: vars(run) for number, run in over_epochs.items()},
        "rows": {count: vars(run) for count, run in over_rows.items()},
    }
    save("training", "make bench-training DATA=folder", figures, tables, charts)


def train(data: Path, **options: str) -> Training:
    """Train as `make train QUICK=1` does, with further options by environment, and publish into a folder of its own."""
    with tempfile.TemporaryDirectory() as out:
        environment = {
            **os.environ,
            "QUICK": "1",
            "MIN_ACCURACY": "0",
            "DATA_DIR": str(data),
            "SHARED_DIR": out,
            **options,
        }
        started = time.monotonic()
        with subprocess.Popen(
            [sys.executable, ROOT / "algo_container" / "cnn_mnist.py"], env=environment, stdout=subprocess.DEVNULL
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, "cnn_mnist.py")
        manifest = json.loads((Path(out) / "manifest.json").read_text())
    return Training(seconds, manifest["metrics"]["accuracy"], usage.ru_maxrss * 1024 / 1e6)


def fit_plainly(data: Path, epochs: int = BASELINE_EPOCHS) -> list[tuple[float, float]]:
    """Train the baseline; give seconds since its start and accuracy after each epoch."""
    command = [sys.executable, ROOT / "benchmarks" / "baselines" / "keras_fit.py", data, f"--epochs={epochs}"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        curve = [(time.monotonic() - started, float(line)) for line in process.stdout or ()]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return curve


def grow(data: Path, counts: Iterable[int] = ROWS) -> dict[int, Training]:
    """Train an epoch on more and more rows: MNIST's, repeated where it has too few."""
    runs = {}
    with gzip.open(data / "train.csv.gz", "rt") as file:
        header, *lines = file
    for count in counts:
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "test.csv.gz").symlink_to((data / "test.csv.gz").resolve())
            with (Path(work) / "train.csv").open("w") as file:
                file.writelines([header, *(lines[row % len(lines)] for row in range(count))])
            runs[count] = train(Path(work), EPOCHS="1")
    return runs


def mean_accuracy(runs: list[Training]) -> float:
    """Give the mean of the runs' accuracies."""
    return statistics.mean(run.accuracy for run in runs)


def wrong(curve: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Turn accuracies into shares of mistakes in percent."""
    return [(seconds, 100 * (1 - accuracy)) for seconds, accuracy in curve]


if __name__ == "__main__":
    main()
