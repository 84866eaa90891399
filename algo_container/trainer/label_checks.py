"""Look at feedback before it is learned from: what is doubtful is held back for a person to decide."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.neighbors import NearestNeighbors

from trainer.feedback_store import Labelled

# Between two drawings as the network sees them, 0 to 1 a pixel (Euclidean). Of one writer's drawings of one digit the
# two most alike are further apart than this; the same drawing, moved by a pixel's fraction, is nearer.
NEAR_DUPLICATE_DISTANCE = 1.0
# A day: more of one digit than anybody writes for the fun of it.
MAX_PER_SESSION_AND_DIGIT = 50
# Below this probability of being a digit at all it is most likely none.
MIN_DIGIT_PROBABILITY = 0.05
# So many of the drawings that are most alike must have its label to support it.
NEIGHBOURS, MIN_SUPPORT = 10, 3


@dataclass(frozen=True)
class Opinion:
    """What the model in service makes of n pictures.

    probabilities: float (n, 10); digit_probabilities: float (n,); features: float (n, m), by which likeness is judged.
    """

    probabilities: np.ndarray
    digit_probabilities: np.ndarray
    features: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Opinion":
        return Opinion(self.probabilities[rows], self.digit_probabilities[rows], self.features[rows])


def held_back(
    drawings: Sequence[Labelled], opinion: Opinion, trusted_labels: np.ndarray, trusted: Opinion
) -> dict[str, dict[str, Any]]:
    """Give for each doubtful drawing, by its id, the reason and what it is told by, as in `training/checks.json`.

    opinion: of the drawings; trusted: of examples whose labels are known. What a person vouched for is never held back.
    """
    found = dict(_floods(drawings))
    left = np.array([row for row, drawing in enumerate(drawings) if drawing.id not in found], dtype=int)
    found |= _misfits([drawings[row] for row in left], opinion[left], trusted_labels, trusted)
    vouched = {drawing.id for drawing in drawings if drawing.accepted}
    # Last: a copy with a label that is held back anyway must not take the honest one with it.
    found |= _copies([drawing for drawing in drawings if drawing.id not in found or drawing.id in vouched])
    return {identity: facts for identity, facts in found.items() if identity not in vouched}


def _copies(drawings: Sequence[Labelled]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Find drawings that are the same, or nearly, as an earlier one; with another label one of the two is wrong."""
    first: dict[tuple[int, bytes], Labelled] = {}
    for drawing in drawings:
        original = first.setdefault((drawing.label, drawing.pixels.tobytes()), drawing)
        if original is not drawing:
            yield drawing.id, {"reason": "duplicate", "of": original.id}
    once = list(first.values())  # a thousand copies of one drawing would be a million pairs
    if not once:
        return
    pixels = np.stack([drawing.pixels for drawing in once]).reshape(len(once), -1) / np.float32(255)
    neighbours = NearestNeighbors(radius=NEAR_DUPLICATE_DISTANCE).fit(pixels)
    for row, others in enumerate(neighbours.radius_neighbors(pixels, return_distance=False)):
        conflicts = [other for other in others if once[other].label != once[row].label]
        copies = [other for other in others if other < row and once[other].label == once[row].label]
        if conflicts:
            yield once[row].id, {"reason": "conflict", "of": once[min(conflicts)].id}
        elif copies:
            yield once[row].id, {"reason": "near_duplicate", "of": once[min(copies)].id}


def _floods(drawings: Sequence[Labelled]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Find what one session sent of one digit in a day beyond measure; all that name no session count as one."""
    sent: dict[tuple[str | None, int, date], int] = defaultdict(int)
    for drawing in drawings:
        if drawing.accepted:
            continue
        source = (drawing.session, drawing.label, drawing.day)
        sent[source] += 1
        if sent[source] > MAX_PER_SESSION_AND_DIGIT:
            yield drawing.id, {"reason": "flood"}


def _misfits(
    drawings: Sequence[Labelled], opinion: Opinion, trusted_labels: np.ndarray, trusted: Opinion
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Find what looks like no digit, and labels that the model contradicts while no similar drawing supports them."""
    if not drawings:
        return
    labels = np.array([drawing.label for drawing in drawings])
    accepted = np.array([drawing.accepted for drawing in drawings])
    contradicted = _contradicted(labels, opinion, trusted_labels, trusted)
    supported = _supported(labels, opinion, ~contradicted | accepted, trusted_labels, trusted)
    for row, drawing in enumerate(drawings):
        answer = int(opinion.probabilities[row].argmax())
        if opinion.digit_probabilities[row] < MIN_DIGIT_PROBABILITY:
            yield drawing.id, {"reason": "not_a_digit", "confidence": float(opinion.digit_probabilities[row])}
        elif contradicted[row] and not supported[row]:
            confidence = float(opinion.probabilities[row, answer])
            yield drawing.id, {"reason": "contradicted", "answer": answer, "confidence": round(confidence, 4)}


def _contradicted(labels: np.ndarray, opinion: Opinion, trusted_labels: np.ndarray, trusted: Opinion) -> np.ndarray:
    """Find labels against which the model speaks with confidence, by confident learning.

    Source: Northcutt, Jiang and Chuang, "Confident Learning", 2021, as cleanlab has it. What is confident for a digit
    follows from how sure the model is of the examples of it, most of which are trusted ones.
    """
    issues: np.ndarray = find_label_issues(
        np.concatenate([trusted_labels, labels]),
        np.concatenate([trusted.probabilities, opinion.probabilities]),
        filter_by="low_self_confidence",
        n_jobs=1,  # a pool of processes takes longer to start than this takes
    )
    disagrees: np.ndarray = opinion.probabilities.argmax(axis=1) != labels
    doubtful: np.ndarray = issues[len(trusted_labels) :] & disagrees
    return doubtful


def _supported(
    labels: np.ndarray, opinion: Opinion, may_support: np.ndarray, trusted_labels: np.ndarray, trusted: Opinion
) -> np.ndarray:
    """Find labels that enough of the most similar examples have; contradicted ones cannot support each other."""
    every = _directions(np.concatenate([trusted.features, opinion.features]))
    known = np.concatenate([trusted_labels, labels])
    may = np.concatenate([np.ones(len(trusted_labels), dtype=bool), may_support])
    nearest = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, int(may.sum()))).fit(every[may])
    neighbours = np.flatnonzero(may)[nearest.kneighbors(every[len(trusted_labels) :], return_distance=False)]
    own = np.arange(len(trusted_labels), len(known))[:, np.newaxis]
    agrees: np.ndarray = ((known[neighbours] == labels[:, np.newaxis]) & (neighbours != own)).sum(axis=1)
    enough: np.ndarray = agrees >= MIN_SUPPORT
    return enough


def _directions(features: np.ndarray) -> np.ndarray:
    """Scale to length 1: what the network tells digits apart by is the direction."""
    directions: np.ndarray = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return directions
