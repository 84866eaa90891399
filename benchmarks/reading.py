"""Measure how MNIST's training CSV is read, against plain `pandas.read_csv`, each run in a process of its own.

make bench-reading DATA=folder
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPETITIONS = 5
WAYS = {
    "read_digits, every cell checked": "from trainer.dataset import read_digits; read = lambda: read_digits(path)",
    "baseline: pandas.read_csv, nothing checked": "import pandas; read = lambda: pandas.read_csv(path)",
}
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, "algo_container")
path = Path(sys.argv[1])
import trainer.dataset
{way}
before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
read()
seconds = time.perf_counter() - started
print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024 / 1e6]))
"""


def main() -> None:
    """Print seconds and peak MB (10^6 bytes, beyond the imported libraries) of each way, alternating them."""
    folder = Path(sys.argv[1]).resolve()
    path = next(path for path in sorted(folder.glob("*train.csv*")))
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(REPETITIONS):
        for name, way in WAYS.items():
            command = [sys.executable, "-c", PROGRAM.format(way=way), str(path)]
            output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            runs[name].append(tuple(json.loads(output)))
    print(f"{path.name}, {REPETITIONS} runs each, alternating")
    for name, figures in runs.items():
        seconds, megabytes = zip(*figures, strict=True)
        print(
            f"{name}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
            f"peak {statistics.median(megabytes):.0f} MB ({min(megabytes):.0f} to {max(megabytes):.0f})"
        )


if __name__ == "__main__":
    main()
