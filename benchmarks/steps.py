"""How long an epoch takes: the trainer's own step against plain `fit` of the same network, in one run.

    make bench-steps

On random pictures. The ways alternate, each in processes of its own, because TensorFlow divides a process's cores
between operations once and for all; of each process the first epoch, which compiles, is left out.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

from results import Spread, Table, save

ROWS, BATCH_SIZE, EPOCHS, ROUNDS, EPOCH_ROWS = 12_000, 128, 3, 2, 60_000
BASELINE, OURS = "plain `fit`, nothing varied", "the trainer's step, pictures varied"
# Shares of a step for drawn forms and for what is no digit.
WAYS = {
    OURS: (0.0, 0.0),
    "the quick mixture: 19 % more rows": (3 / 32, 1 / 16),
    "the thorough mixture: 61 % more rows": (0.22, 0.16),
}
FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Time every way, or be the process that times one."""
    parser = argparse.ArgumentParser(description="Time an epoch.")
    parser.add_argument("way", nargs="?", choices=WAYS)
    parser.add_argument("--clock", choices=("monotonic", "process_time"), default="monotonic")
    chosen = parser.parse_args()
    if chosen.way is not None:
        print(json.dumps(time_lesson(*WAYS[chosen.way], ROWS, EPOCHS, chosen.clock)))
        return
    seconds = compare([BASELINE, *WAYS], ROUNDS)
    baseline = seconds[BASELINE].median
    rows = [
        (name, epoch.text("s", 1), f"{baseline / epoch.median:.2f} times as fast") for name, epoch in seconds.items()
    ]
    for row in rows:
        print(*row, sep=" | ")
    table = Table(f"An epoch of {EPOCH_ROWS} scanned digits", ("step", "time", "against plain `fit`"), rows)
    save("steps", "make bench-steps", {name: epoch.values for name, epoch in seconds.items()}, [table])


def compare(names: list[str], rounds: int, clock: str = "monotonic") -> dict[str, Spread]:
    """Time ways by turns; give the seconds of an epoch of EPOCH_ROWS digits.

    clock: `process_time` counts those of the processor, on which other work has little influence.
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            seconds[name] += [value * EPOCH_ROWS / ROWS for value in epochs_of(name, clock)]
    return {name: Spread(values) for name, values in seconds.items()}


def epochs_of(name: str, clock: str) -> list[float]:
    """Time a way in a process of its own: seconds an epoch of ROWS digits."""
    program = [FOLDER / "steps.py", name, f"--clock={clock}"]
    if name == BASELINE:
        options = {"time-alone": ROWS, "batch-size": BATCH_SIZE, "epochs": 1 + EPOCHS, "clock": clock}
        program = [FOLDER / "baselines" / "keras_fit.py", *(f"--{key}={value}" for key, value in options.items())]
    output = subprocess.run([sys.executable, *program], check=True, capture_output=True, text=True).stdout
    values: list[float] = [float(line) for line in output.split()] if name == BASELINE else json.loads(output)
    return values[1:]


def time_lesson(forms: float, non_digits: float, count: int, epochs: int, clock: str) -> list[float]:
    """Time epochs of the trainer's own step on `count` scanned digits, the first one, which compiles, among them."""
    sys.path.insert(0, str(FOLDER.parent / "algo_container"))
    from trainer.cores import divide_cores

    divide_cores()  # before TensorFlow is imported

    import keras
    import numpy as np
    from trainer.dataset import Part
    from trainer.digit_forms import draw_digits
    from trainer.feeding import STEPS_AT_ONCE, feed
    from trainer.lesson import Lesson
    from trainer.network import build_cnn
    from trainer.non_digits import draw_non_digits
    from trainer.sources import Sources, Steps
    from trainer.training import make_reproducible

    make_reproducible(1)
    rng = np.random.default_rng(1)
    part = Part(rng.random((count, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, count).astype(np.uint8))
    drawn, shapes = draw_digits(1_000, 1)
    sources = Sources(part, ((drawn, forms), (draw_non_digits(1_000, 1, shapes), non_digits)))
    lesson, orders = Lesson(build_cnn(), 1), itertools.count()
    steps = feed(lambda: Steps(sources, BATCH_SIZE, next(orders)), sources.steps(BATCH_SIZE))
    lesson.compile(keras.optimizers.Adam(1e-3, use_ema=True), jit_compile=False, steps_per_execution=STEPS_AT_ONCE)
    seconds, now = [], getattr(time, clock)
    for _ in range(1 + epochs):
        started = now()
        lesson.fit(steps, shuffle=False, verbose=0)
        seconds.append(now() - started)
    return seconds


if __name__ == "__main__":
    main()
