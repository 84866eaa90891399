"""What each lever of the training is worth: the same short training with and without it, on writers it never saw.

    make bench-recipe DATA=folder STROKES=file.jsonl.gz

Each variant is trained in a process of its own, with the trainer's own code, for 3 epochs of the scanned digits, and
examined on 6,000 held-out rows of MNIST's train.csv and on the unseen writers of fold 1. The first row is the baseline.
A step has 128 rows: the more of them are drawings, the more steps an epoch of the scanned digits takes.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from folds import read_samples, unseen_writers
from machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
FOLD, EPOCHS, BATCH_SIZE, SEED = 1, 3, 128, 1
HELD_OUT_SHARE = 0.1
# Shares of a step for strokes, drawn forms and non-digits; whether the scanned digits are varied; averaged weights.
VARIANTS = {
    "scanned digits as they are": (0.0, 0.0, 0.0, False, True),
    "scanned digits, varied": (0.0, 0.0, 0.0, True, True),
    "varied, with drawn forms": (0.0, 0.22, 0.0, True, True),
    "varied, with strokes": (0.22, 0.0, 0.0, True, True),
    "all: strokes, forms, non-digits": (0.16, 0.06, 0.16, True, True),
    "all, without averaged weights": (0.16, 0.06, 0.16, True, False),
}


def main() -> None:
    """Train every variant, or the one that is named, and print what it reads."""
    parser = argparse.ArgumentParser(description="Measure each lever of the training alone.")
    parser.add_argument("data", type=Path, help="folder with MNIST's CSVs")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("variant", nargs="?", choices=VARIANTS)
    chosen = parser.parse_args()
    if chosen.variant is not None:
        print(json.dumps(train(chosen.variant, chosen.data, chosen.strokes)))
        return
    rows = {}
    for variant in VARIANTS:
        command = [sys.executable, __file__, chosen.data, chosen.strokes, variant]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows[variant] = json.loads(output.splitlines()[-1])
        print(f"{variant}: {rows[variant]}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recipe.json").write_text(
        json.dumps({"machine": describe_machine(), "epochs": EPOCHS, "fold": FOLD, **rows}, indent=1) + "\n"
    )


def train(variant: str, data: Path, strokes_file: Path) -> dict[str, float]:
    """Train one variant; return its shares of right answers and its seconds."""
    sys.path.insert(0, str(ROOT / "algo_container"))
    import numpy as np
    from trainer import augmentation, training
    from trainer.dataset import find_csvs, read_digits, split
    from trainer.digit_forms import draw_digits
    from trainer.evaluation import draw_once, evaluate_drawn, predict
    from trainer.lesson import Lesson
    from trainer.network import build_cnn
    from trainer.non_digits import draw_non_digits
    from trainer.progress import Progress
    from trainer.sources import Sources
    from trainer.strokes import read_strokes

    of_strokes, of_forms, of_non_digits, varied, averaged = VARIANTS[variant]
    if not varied:
        for name in ("ROTATION", "SHEAR", "SHIFT_PX", "ELASTIC_PX", "THINNER", "THICKER"):
            setattr(augmentation, name, 0.0)
        augmentation.STRETCH = augmentation.SIZE = augmentation.CONTRAST = 1.0
    paths = find_csvs(data)
    strokes, drawings, _ = read_strokes(strokes_file)
    unseen = np.isin(strokes.writers, unseen_writers(read_samples(strokes_file), FOLD))
    seen_drawings = [drawing for drawing, out in zip(drawings, unseen, strict=True) if not out]
    scanned, held_out = split(read_digits(paths["train"]), HELD_OUT_SHARE, SEED)
    sources = Sources(
        scanned,
        (
            (strokes[~unseen], of_strokes),
            (draw_digits(12_000, SEED)[0], of_forms),
            (draw_non_digits(24_000, SEED, seen_drawings), of_non_digits),
        ),
    )
    training.make_reproducible(SEED)
    network = build_cnn()
    how = training.Recipe(EPOCHS, BATCH_SIZE, SEED)
    if not averaged:
        how = replace(how, averaged_steps=1)
    done = training.fit(Lesson(network, SEED), sources, None, how, Progress(sys.stderr, EPOCHS))
    answers = network.predict(held_out.normalised, batch_size=1_000, verbose=0).argmax(axis=1)
    return {
        "mnist_held_out": float((answers == held_out.y).mean()),
        "unseen_writers": evaluate_drawn(predict(network, draw_once(strokes[unseen], SEED)), strokes[unseen])[
            "mean_over_writers"
        ],
        "seconds": round(done.duration_s, 1),
    }


if __name__ == "__main__":
    main()
