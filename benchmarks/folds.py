"""The stroke file, and which writers each fold's model must not see."""

import gzip
import json
from pathlib import Path

import numpy as np

FOLDS = 5
FOLDS_DIR = Path(__file__).parent / "folds"
SEED = 0
# Its six writers were looked at while the recipe and the threshold for what is no digit were chosen.
TUNED_ON_FOLD = 1


def read_samples(path: Path) -> list[dict]:
    """Read the stroke file."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def unseen_writers(samples: list[dict], fold: int) -> list[str]:
    """Name the writers of a fold: every fifth of a fixed shuffle."""
    writers = sorted({sample["writer"] for sample in samples})
    return sorted(np.random.default_rng(SEED).permutation(writers)[fold::FOLDS].tolist())
