"""How long an epoch takes: the trainer's own step against plain `fit` of the same network, in one run.

    make bench-steps

12,000 random pictures, alternating, the first round of each left out because it compiles.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "algo_container"))
import keras  # after its log is quietened
import numpy as np
from results import Spread, Table, save
from trainer.dataset import Part
from trainer.lesson import Lesson
from trainer.network import build_cnn
from trainer.sources import Sources, Steps, gather
from trainer.training import make_reproducible

ROWS, BATCH_SIZE, ROUNDS, EPOCH_ROWS = 12_000, 128, 4, 60_000
BASELINE = "plain `fit`, nothing varied"


def main() -> None:
    """Time both, and the trainer's step with everything that it learns from."""
    make_reproducible(1)
    rng = np.random.default_rng(1)
    part = Part(rng.random((ROWS, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, ROWS).astype(np.uint8))
    everything = gather(part, None, [], 1)
    nothing_drawn = Sources(part, tuple((strokes, 0.0) for strokes, _ in everything.drawings))
    plain = build_cnn()
    plain.compile(keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    ways = {BASELINE: lambda: plain.fit(part.x, part.y, batch_size=BATCH_SIZE, verbose=0)}
    for name, sources in (
        ("the trainer's step, pictures varied", nothing_drawn),
        ("the same with the drawings, 60 % more rows", everything),
    ):
        lesson = Lesson(build_cnn(), 1)
        lesson.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
        steps = Steps(sources, BATCH_SIZE, 1)
        ways[name] = lambda lesson=lesson, steps=steps: lesson.fit(steps, verbose=0)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + ROUNDS):
        for name, way in ways.items():
            started = time.monotonic()
            way()
            seconds[name].append(time.monotonic() - started)
    epochs = {
        name: Spread([value * EPOCH_ROWS / ROWS for value in all_rounds[1:]]) for name, all_rounds in seconds.items()
    }
    baseline = epochs[BASELINE].median
    rows = [
        (name, epoch.text("s", 1), f"{baseline / epoch.median:.2f} times as fast") for name, epoch in epochs.items()
    ]
    for row in rows:
        print(*row, sep=" | ")
    table = Table(f"An epoch of {EPOCH_ROWS} scanned digits", ("step", "time", "against plain `fit`"), rows)
    save("steps", "make bench-steps", {name: epoch.values for name, epoch in epochs.items()}, [table])


if __name__ == "__main__":
    main()
