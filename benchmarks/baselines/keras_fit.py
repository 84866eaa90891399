"""Train the same network as a tutorial does: `fit` with batches of 32 for 20 epochs.

A line an epoch on standard output: the share of the test rows read right. With --time-alone epochs of random pictures
instead, a line each: its seconds.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "algo_container"))
import numpy as np
import pandas as pd
from trainer.network import build_cnn


def main() -> None:
    """Train, and say after each epoch how far it is."""
    parser = argparse.ArgumentParser(description="Train with plain `fit`.")
    parser.add_argument("data", type=Path, nargs="?", help="folder with train.csv.gz and test.csv.gz")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--time-alone", type=int, metavar="ROWS")
    parser.add_argument("--clock", choices=("monotonic", "process_time"), default="monotonic")
    chosen = parser.parse_args()
    model = build_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    if chosen.time_alone:
        rng = np.random.default_rng(1)
        x, y = rng.random((chosen.time_alone, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, chosen.time_alone)
        clock = getattr(time, chosen.clock)
        for _ in range(chosen.epochs):
            started = clock()
            model.fit(x, y, batch_size=chosen.batch_size, verbose=0)
            print(clock() - started, flush=True)
        return
    (x, y), test = read(chosen.data / "train.csv.gz"), read(chosen.data / "test.csv.gz")
    for _ in range(chosen.epochs):
        history = model.fit(x, y, batch_size=chosen.batch_size, validation_data=test, verbose=0).history
        print(history["val_accuracy"][0], flush=True)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a CSV in Kaggle's layout: pictures float32 (n, 28, 28, 1) in 0..1, and labels (n,)."""
    rows = pd.read_csv(path).to_numpy()
    return rows[:, 1:].reshape(-1, 28, 28, 1).astype("float32") / 255, rows[:, 0]


if __name__ == "__main__":
    main()
