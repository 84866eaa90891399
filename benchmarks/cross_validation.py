"""Train once for each fifth of the writers, without them, so that every writer is read by a network that never saw any.

    make cross-validation DATA=folder STROKES=file.jsonl.gz EPOCHS=12

Leaves each fold's model in benchmarks/folds/<fold>/ with the names of its unseen writers; `make bench-drawn` measures
them. The trainer itself is run, as a person would run it, on a stroke file without the fold's writers.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from folds import FOLDS, FOLDS_DIR, read_samples, unseen_writers

ROOT = Path(__file__).resolve().parents[1]
KEPT = ("model.json", "model.h5", "is_digit.json", "model.onnx", "manifest.json")


def main() -> None:
    """Train the folds that are asked for, all by default."""
    parser = argparse.ArgumentParser(description="Train a model for each fifth of the writers, without them.")
    parser.add_argument("data", type=Path, help="folder with MNIST's CSVs")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("folds", type=int, nargs="*", default=list(range(FOLDS)), help="which folds, from 0")
    chosen = parser.parse_args()
    samples = read_samples(chosen.strokes)
    for fold in chosen.folds:
        train(fold, samples, chosen.data)


def train(fold: int, samples: list[dict], data: Path) -> None:
    """Train on the writers outside the fold and keep the model."""
    unseen = unseen_writers(samples, fold)
    with tempfile.TemporaryDirectory() as work:
        strokes, out = Path(work) / "strokes.jsonl.gz", Path(work) / "out"
        with gzip.open(strokes, "wt") as file:
            file.writelines(json.dumps(sample) + "\n" for sample in samples if sample["writer"] not in unseen)
        print(f"fold {fold}: without {', '.join(unseen)}", flush=True)
        program = [sys.executable, ROOT / "algo_container" / "cnn_mnist.py"]
        options = ["--data", data, "--strokes", strokes, "--out", out, "--validation-share", "0"]
        subprocess.run([*program, *options], check=True)
        folder = FOLDS_DIR / str(fold)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in KEPT:
            shutil.copy(out / name, folder / name)
        (folder / "unseen_writers.json").write_text(json.dumps(unseen) + "\n")


if __name__ == "__main__":
    main()
