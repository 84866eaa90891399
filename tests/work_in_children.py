"""Does one piece of a trainer's work after another, each in a child that may be killed at any moment.

python -P work_in_children.py SHARED_DIR [DATA], with the trainer's own Python, code and tests (PYTHONPATH). A line of
input is a kind of work, a seed, and before which replacement of a file it dies by itself (0: before none). The answers
are the child's process, and "killed", "failed" or "done" with what it gave. DATA: the CSVs, which only `retrain` and
`watch` need.

TensorFlow is imported here and started only in the children; run eagerly, it learns little, but at once.
"""

import os
import sys
import traceback
from pathlib import Path

import cnn_mnist
import keras
import numpy as np
import tensorflow as tf
from conftest import digit_table
from trainer import retraining, watching
from trainer.dataset import Digits
from trainer.network import build_cnn
from trainer.publishing import publish
from trainer.settings import Settings, read_settings
from trainer.store_mark import begin_copy
from trainer.versions import in_service, manifests, roll_back


def untrained(settings: Settings, seed: int) -> str:
    """Publish a network that has learned nothing; give its version."""
    if settings.store is not None:
        begin_copy(settings.shared_dir, settings.store, Path("none"))
    table = digit_table(10, 0).to_numpy(dtype=np.uint8)
    source = {"file": "test.csv", "rows": 10, "sha256": "0" * 64}
    test = Digits(table[:, 0], table[:, 1:].reshape(-1, 28, 28), source)
    facts = {
        "metrics": {"dataset": "test.csv", "n": 10, "correct": 1, "accuracy": 0.1, "accuracy_ci95": [0.0, 0.4]},
        "training": {
            "rows": 10,
            "epochs": 1,
            "batch_size": 1,
            "seed": seed,
            "validation_share": 0.0,
            "duration_s": 0.0,
        },
        "data": {"train": source, "test": source},
    }
    keras.utils.set_random_seed(seed)
    model, is_digit = build_cnn(), keras.layers.Dense(1)
    is_digit.build((None, 256))
    return publish(model, is_digit, settings.shared_dir, test, facts, lambda folder: (folder / "x").touch())


def go_back(settings: Settings, seed: int) -> str:
    """Put one of the other versions into service."""
    now = in_service(settings.shared_dir)[0]["version"]
    others = [
        manifest["version"]
        for manifest in manifests(settings.shared_dir)
        if manifest["version"] != now and manifest.get("gate", {}).get("verdict") != "refused"
    ]
    return roll_back(settings.shared_dir, np.random.default_rng(seed).choice(others))[0]


def run(settings: Settings, mode: str) -> int:
    """Do what the command line does."""
    tf.config.run_functions_eagerly(mode == "--retrain")
    data = ["--data", str(settings.data_dir), "--min-accuracy", "0", "--retrain-after", "1000000"]
    status = cnn_mnist.main([mode, "--out", str(settings.shared_dir), *data])
    if status not in (0, 3):
        raise RuntimeError(f"{mode} ended with status {status}, expected 0 or 3")
    return status


WORK = {
    "publish": untrained,
    "rollback": go_back,
    "retrain": lambda settings, _seed: run(settings, "--retrain"),
    "watch": lambda settings, _seed: run(settings, "--watch"),
}


def die_before(replacement: int) -> None:
    """Have this process killed before so manieth replacement of a file."""
    replace, left = os.replace, [replacement]

    def replace_or_die(*paths: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        replace(*paths)

    os.replace = replace_or_die


def main() -> None:
    """Work as long as there is input."""
    retraining.EPOCHS, retraining.STEPS, retraining.FORMS, retraining.NON_DIGITS = 1, 3, 30, 30
    retraining.EXAMINED_FORMS, retraining.TRUSTED_ROWS, retraining.UNSURE_ROWS = 20, 200, 50
    watching.POLL_INTERVAL_S = 0.02
    out, *data = sys.argv[1:]
    settings = read_settings(["--out", out, *(["--data", data[0]] if data else [])])
    for line in sys.stdin:
        kind, seed, dies_before = line.split()
        answers, gives = os.pipe()
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            print(os.getpid(), file=sys.__stdout__, flush=True)
            die_before(int(dies_before))
            try:
                os.write(gives, str(WORK[kind](settings, int(seed))).encode())
            except BaseException:  # noqa: BLE001 # whatever it is, it is told
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(gives)
        _, status = os.waitpid(child, 0)
        with os.fdopen(answers) as answer:
            given = answer.read()
        print("killed" if os.WIFSIGNALED(status) else f"done {given}" if status == 0 else "failed", flush=True)


if __name__ == "__main__":
    main()
