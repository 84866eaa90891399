"""How training grows with workers: pictures a second, the share of time in which gradients are exchanged, accuracy.

    make bench-workers DATA=folder

1, 2 and 4 workers on this machine, each bound to its share of the cores, so that the others take nothing from it but
where they are more than the cores. Twice: whole trainings of the quick recipe, for their accuracy; and steps on random
pictures, by turns with and without the exchange, for its share. That share holds the wait for the slowest worker, too.
The exchange is between processes of one machine; another network is slower by what its bytes and its latency cost.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results import Chart, Spread, Table, save

ROOT = Path(__file__).resolve().parents[1]
COUNTS = (1, 2, 4)
ROWS, BATCH_SIZE, STEPS, ROUNDS = 12_000, 256, 40, 4
TIMEOUT_S = 1_500
ALONE = "without TF_CONFIG"


@dataclass(frozen=True)
class Rate:
    """Pictures a second over all workers, in each round; share: of the time, that the exchange and its wait take."""

    exchanging: Sequence[float]
    silent: Sequence[float]
    parameters: int

    @property
    def share(self) -> Spread:
        """By how much the rounds without an exchange are shorter."""
        pairs = zip(self.exchanging, self.silent, strict=True)
        return Spread([100 * (1 - exchanging / silent) for exchanging, silent in pairs])


@dataclass(frozen=True)
class Whole:
    """A whole training, from the start of the first process to the end of the last."""

    seconds: float
    accuracy: float


def main() -> None:
    """Measure, or be one of the workers that are measured."""
    parser = argparse.ArgumentParser(description="Measure training by several workers.")
    parser.add_argument("data", type=Path, nargs="?", help="folder with MNIST's train.csv.gz and test.csv.gz")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help="be one of the workers")
    chosen = parser.parse_args()
    if chosen.worker:
        print(json.dumps(time_steps()))
        return
    rates = {count: rate_of(count) for count in COUNTS}
    wholes = {count: [train(chosen.data, count, seed, chosen.epochs) for seed in seeds(chosen)] for count in COUNTS}
    wholes[0] = [train(chosen.data, 0, seed, chosen.epochs) for seed in seeds(chosen)]
    figures: dict[str, object] = {
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "rates": {count: {**asdict(rate), "share": rate.share.values} for count, rate in rates.items()},
        "trainings": {count or ALONE: [asdict(whole) for whole in runs] for count, runs in wholes.items()},
    }
    tables = [rates_table(rates), wholes_table(wholes, chosen.epochs)]
    for row in [row for table in tables for row in table.rows]:
        print(*row, sep=" | ")
    medians = [(count, Spread(rate.exchanging).median) for count, rate in rates.items()]
    chart = Chart(
        "workers",
        "Training by several workers on the same cores",
        "workers",
        "pictures a second",
        {"all workers together": medians},
    )
    save("workers", "make bench-workers DATA=folder", figures, tables, [chart])


def seeds(chosen: argparse.Namespace) -> range:
    """Give the seeds of the whole trainings."""
    return range(1, chosen.seeds + 1)


def rates_table(rates: dict[int, Rate]) -> Table:
    """Compare the numbers of workers by their steps."""
    one = Spread(rates[1].exchanging).median
    rows = [
        (
            str(count),
            f"{max(1, (os.cpu_count() or 1) // count)}{', shared by two' if count > (os.cpu_count() or 1) else ''}",
            Spread(rate.exchanging).text(digits=0),
            f"{Spread(rate.exchanging).median / one:.2f}",
            rate.share.text("%", 1),
            f"{2 * (count - 1) / count * 4 * rate.parameters / 1e6:.2f} MB",
        )
        for count, rate in rates.items()
    ]
    columns = (
        "workers",
        "cores each",
        "pictures a second",
        "against one",
        "exchange, of the time",
        "sent a step by each",
    )
    return Table(f"Steps of {BATCH_SIZE} pictures over all workers", columns, rows)


def wholes_table(wholes: dict[int, list[Whole]], epochs: int) -> Table:
    """Compare the numbers of workers by what comes of them."""
    rows = [
        (
            str(count) if count else f"1, {ALONE}",
            Spread([whole.seconds for whole in runs]).text("s", 1),
            f"{statistics.mean(whole.accuracy for whole in runs):.2%}",
            ", ".join(f"{whole.accuracy:.2%}" for whole in runs),
        )
        for count, runs in sorted(wholes.items())
    ]
    title = f"Whole trainings of the quick recipe, {epochs} epochs"
    return Table(title, ("workers", "time", "MNIST's test digits read right, mean", "each"), rows)


def rate_of(count: int) -> Rate:
    """Time the steps of so many workers."""
    outputs = run_workers(count, [sys.executable, str(ROOT / "benchmarks" / "workers.py"), "--worker"])
    timed = [json.loads(output.splitlines()[-1]) for output in outputs]
    # All take every step together, so each worker's time is that of all; without the exchange the slowest's is.
    exchanging, silent = (
        [STEPS * BATCH_SIZE / max(seconds) for seconds in zip(*(worker[way] for worker in timed), strict=True)]
        for way in ("exchanging", "silent")
    )
    return Rate(exchanging, silent, timed[0]["parameters"])


def train(data: Path, count: int, seed: int, epochs: int) -> Whole:
    """Train once, by so many workers; 0 for an ordinary training, to which nobody says of workers."""
    with tempfile.TemporaryDirectory() as out:
        options = [
            "--quick",
            f"--epochs={epochs}",
            f"--seed={seed}",
            "--min-accuracy=0",
            f"--data={data}",
            f"--out={out}",
        ]
        command = [sys.executable, str(ROOT / "algo_container" / "cnn_mnist.py"), *options]
        started = time.monotonic()
        run_workers(count, command)
        seconds = time.monotonic() - started
        manifest = json.loads((Path(out) / "manifest.json").read_text())
    return Whole(seconds, manifest["metrics"]["accuracy"])


def run_workers(count: int, command: list[str]) -> list[str]:
    """Run so many workers on this machine, each on its share of the cores; give what each has printed."""
    cores = sorted(os.sched_getaffinity(0))
    each = max(1, len(cores) // max(1, count))
    addresses = free_addresses(max(1, count))
    processes = []
    for index in range(max(1, count)):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, **({"TF_CONFIG": json.dumps(config)} if count else {})}
        own = [str(cores[(index * each + place) % len(cores)]) for place in range(each)]
        bound = ["taskset", "--cpu-list", ",".join(own), *command]
        # Of the cores that it has been bound to, a worker would take only its share again.
        environment |= {"TF_NUM_INTEROP_THREADS": "2", "TF_NUM_INTRAOP_THREADS": str(max(1, each // 2))}
        processes.append(subprocess.Popen(bound, env=environment, stdout=subprocess.PIPE, text=True))
    try:
        outputs = [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process in processes:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    return outputs


def free_addresses(count: int) -> list[str]:
    """Find so many ports of this machine."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def time_steps() -> dict[str, object]:
    """Time, as one of the workers, rounds of STEPS steps with and without the exchange, by turns."""
    sys.path.insert(0, str(ROOT / "algo_container"))
    from trainer.cluster import read_cluster

    cluster = read_cluster(os.environ)
    if cluster is None:
        sys.exit("TF_CONFIG is not set, but this is one of the workers that are measured")

    import numpy as np
    import tensorflow as tf
    from trainer.dataset import Part
    from trainer.lesson import Lesson
    from trainer.network import build_cnn
    from trainer.sources import QUICK, gather
    from trainer.team import Team
    from trainer.together import Fitting
    from trainer.training import Recipe, make_reproducible

    class Silent(Team):
        """A team of which nobody hears the others."""

        def __init__(self, team: Team) -> None:
            vars(self).update(vars(team))

        def sum(self, values: Any) -> Any:  # noqa: ANN401 # TensorFlow's; it looks for this name by itself
            return values

    team = Team(cluster)
    make_reproducible(1)
    rng = np.random.default_rng(cluster.index)
    part = Part(rng.integers(0, 256, (ROWS, 28, 28, 1), np.uint8), rng.integers(0, 10, ROWS).astype(np.uint8))
    sources = gather(part, None, [], 1, QUICK)
    ways = {}
    for way, told in (("exchanging", team), ("silent", Silent(team))):
        fitting = Fitting(told, Lesson(build_cnn(), 1), sources, Recipe(1, BATCH_SIZE, 1, steps=(1 + ROUNDS) * STEPS))
        ways[way] = (fitting, iter(fitting.batches(0)))
    seconds: dict[str, object] = {way: [] for way in ways}
    for number in range(1 + ROUNDS):  # the first one compiles
        for way, (fitting, batches) in ways.items():
            team.total(np.zeros(1))
            began = time.monotonic()
            fitting.learn(batches, tf.constant(STEPS))
            if number:
                seconds[way].append(time.monotonic() - began)
    team.total(np.zeros(1))
    seconds["parameters"] = sum(int(np.prod(variable.shape)) for variable in fitting.lesson.trainable_variables)
    return seconds


if __name__ == "__main__":
    main()
