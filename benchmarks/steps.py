"""How long an epoch takes: the trainer's own step against plain `fit` of the same network, in one run.

    make bench-steps

12,000 random pictures, alternating, the first round of each left out because it compiles.
"""

import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "algo_container"))
import keras  # after its log is quietened
import numpy as np
from machine import describe_machine
from trainer.dataset import Part
from trainer.lesson import Lesson
from trainer.network import build_cnn
from trainer.sources import Sources, Steps, gather
from trainer.training import make_reproducible

ROWS, BATCH_SIZE, ROUNDS, EPOCH_ROWS = 12_000, 128, 4, 60_000


def main() -> None:
    """Time both, and the trainer's step with everything that it learns from."""
    make_reproducible(1)
    rng = np.random.default_rng(1)
    part = Part(rng.random((ROWS, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, ROWS).astype(np.uint8))
    everything = gather(part, None, [], 1)
    nothing_drawn = Sources(part, tuple((strokes, 0.0) for strokes, _ in everything.drawings))
    plain = build_cnn()
    plain.compile(keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", jit_compile=False)
    ways = {"plain fit": lambda: plain.fit(part.x, part.y, batch_size=BATCH_SIZE, verbose=0)}
    for name, sources in (("the trainer's step", nothing_drawn), ("the same, drawings among them", everything)):
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
    print(describe_machine())
    baseline = statistics.median(seconds["plain fit"][1:])
    for name, all_rounds in seconds.items():
        rounds = [value * EPOCH_ROWS / ROWS for value in all_rounds[1:]]
        ratio = baseline / statistics.median(all_rounds[1:])
        print(
            f"{name}: {statistics.median(rounds):.1f} s for {EPOCH_ROWS} scanned digits ({min(rounds):.1f} to "
            f"{max(rounds):.1f}, n {len(rounds)}), {ratio:.2f} times as fast as plain fit"
        )


if __name__ == "__main__":
    main()
