"""Choose kernel size and padding of the convolutions on held-out training rows; the test set takes no part.

    make bench-kernels DATA=folder

Trains the project's network on 12,000 rows for 6 epochs in four forms, with the trainer's own schedule, variations and
re-estimation of the BatchNormalization statistics, and examines each on 6,000 other rows. Time is given as a ratio
against the form that the project uses, measured in the same run.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "algo_container"))
import keras  # after the variable above
import tensorflow as tf
from trainer.dataset import Part, find_csvs, read_digits, split  # from the folder just named
from trainer.digit_forms import draw_digits
from trainer.lesson import Lesson
from trainer.network import build_cnn
from trainer.progress import Progress
from trainer.sources import Sources
from trainer.training import Recipe, fit, make_reproducible

FORMS = [(5, "valid"), (3, "valid"), (3, "same"), (5, "same")]
ROWS = 12_000
HELD_OUT_SHARE = 0.1
EPOCHS = 6
BATCH_SIZE = 128
SEEDS = (1, 2)


def main() -> None:
    """Train every form with every seed and print a table."""
    parser = argparse.ArgumentParser(description="Compare kernel sizes and paddings on held-out training rows.")
    parser.add_argument("data", type=Path, help="folder with MNIST's CSVs")
    paths = find_csvs(parser.parse_args().data)
    if paths is None:
        sys.exit("no train.csv and test.csv in this folder")
    train, held_out = split(read_digits(paths["train"]), HELD_OUT_SHARE, seed=1)
    train = Part(train.x[:ROWS], train.y[:ROWS])
    print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, {os.cpu_count()} cores")
    baseline_s = None
    for kernel, padding in FORMS:
        runs = [train_form(kernel, padding, seed, train, held_out) for seed in SEEDS]
        accuracies = [accuracy for accuracy, _ in runs]
        epoch_s = statistics.mean(duration for _, duration in runs)
        baseline_s = baseline_s or epoch_s
        print(
            f"{kernel} x {kernel} {padding:5}  held-out accuracy {statistics.mean(accuracies):.2%} "
            f"({min(accuracies):.2%} to {max(accuracies):.2%}, {len(runs)} seeds, n = {len(held_out.y)})  "
            f"{epoch_s:.1f} s an epoch, {epoch_s / baseline_s:.2f} times the first",
            flush=True,
        )


def train_form(kernel: int, padding: str, seed: int, train: Part, held_out: Part) -> tuple[float, float]:
    """Train one form; return its accuracy on the held-out rows and its seconds an epoch."""
    make_reproducible(seed)
    config = build_cnn().get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "Conv2D":
            layer["config"].update(kernel_size=(kernel, kernel), padding=padding)
        layer.pop("build_config", None)  # it remembers the shapes of the original form
    model = keras.Sequential.from_config(config)
    started = time.monotonic()
    with Path(os.devnull).open("w") as silence:
        scanned_alone = Sources(train, ((draw_digits(1, seed)[0], 0.0),))
        how = Recipe(EPOCHS, BATCH_SIZE, seed)
        fit(Lesson(model, seed), scanned_alone, None, how, Progress(silence, EPOCHS))
    epoch_s = (time.monotonic() - started) / EPOCHS
    answers = model.predict(held_out.normalised, batch_size=1000, verbose=0).argmax(axis=1)
    return float((answers == held_out.y).mean()), epoch_s


if __name__ == "__main__":
    main()
