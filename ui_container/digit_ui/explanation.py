"""Why the network answered as it did: the way to its input, what its convolutions see, which pixels decided."""

from dataclasses import dataclass

import numpy as np

from digit_ui.classifier import Classifier
from digit_ui.preprocessing import SIDE

# A pen's line is two to three pixels wide here: a smaller patch leaves it in one piece, a larger one takes several.
PATCH_RADIUS_PX = 2.5
# Close to the least number of single precision: below it a probability comes out as 0, whose logarithm is none.
FLOOR = 1e-37
# A fixed size: for each new one the network would be prepared anew, and its buffers kept.
CHUNK = 64
# In pixels of full ink; what a smaller patch would do is not asked for.
MIN_CHANGE = 0.5


@dataclass(frozen=True)
class Evidence:
    """What spoke for `digit` and against `second`, the next best.

    of_ink, of_paper: float32 (28, 28), by how much the log-odds of the two fall when the ink around a pixel is erased,
    or when ink is put where paper is. Above 0 it spoke for the answer, below 0 against it.
    """

    digit: int
    second: int
    of_ink: np.ndarray
    of_paper: np.ndarray


def weigh(classifier: Classifier, pixels: np.ndarray) -> Evidence:
    """Change one small patch of the picture after the other and see how the answer changes.

    pixels: uint8 (28, 28). Needs nothing of the network but its answers, so it explains any. Source: occlusion
    sensitivity (Zeiler and Fergus, 2014).
    """
    patches = _patches()
    strength = pixels.astype(np.float32) / 255
    erased = strength * (1 - patches)
    inked = np.maximum(strength, patches)
    # What a patch does not change needs no answer: most of the picture is blank, and a line's core is already ink.
    changes = [np.abs(changed - strength).sum(axis=(1, 2)) > MIN_CHANGE for changed in (erased, inked)]
    variants = np.concatenate([strength[np.newaxis], erased[changes[0]], inked[changes[1]]])
    probabilities = _predict(classifier, np.round(variants * 255))
    digit = probabilities[0].argmax()
    second = np.where(np.arange(probabilities.shape[1]) == digit, -1, probabilities[0]).argmax()
    of_digit, of_second = (np.log(np.maximum(probabilities[:, which], FLOOR)) for which in (digit, second))
    log_odds = of_digit - of_second
    falls = log_odds[0] - log_odds[1:]
    of_ink, of_paper = np.split(falls, [int(changes[0].sum())])
    return Evidence(
        int(digit), int(second), _spread(of_ink, changes[0], patches), _spread(of_paper, changes[1], patches)
    )


def _predict(classifier: Classifier, variants: np.ndarray) -> np.ndarray:
    """Ask in chunks of one size, the last one filled up with blank pictures."""
    missing = -len(variants) % CHUNK
    padded = np.concatenate([variants, np.zeros((missing, SIDE, SIDE), dtype=variants.dtype)])
    answers = [classifier.predict(chunk) for chunk in np.split(padded, len(padded) // CHUNK)]
    return np.concatenate(answers)[: len(variants)]


def _patches() -> np.ndarray:
    """Make a soft round patch around every second pixel of every second row: float32 (196, 28, 28) in 0..1."""
    at = np.arange(0.5, SIDE, 2)
    grid = np.arange(SIDE)
    rows = np.square(grid - at[:, np.newaxis])
    distance = np.sqrt(rows[:, np.newaxis, :, np.newaxis] + rows[np.newaxis, :, np.newaxis, :]).reshape(-1, SIDE, SIDE)
    patches: np.ndarray = np.clip(PATCH_RADIUS_PX + 0.5 - distance, 0, 1).astype(np.float32)
    return patches


def _spread(falls: np.ndarray, changed: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Give each pixel the mean of the patches that lie over it."""
    weights = patches[changed]
    total = np.tensordot(falls, weights, 1)
    spread: np.ndarray = total / np.maximum(patches.sum(axis=0), 1e-6)
    return spread.astype(np.float32)
