"""Feedback as something to learn from and to be examined on: who is on which side, and in which form."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.dataset import Part, normalise
from trainer.feedback_store import Labelled
from trainer.strokes import ANONYMOUS, Strokes

# Of the drawings, to be examined on; by whole persons if that takes no more than the second share.
EXAMINED_SHARE, MAX_EXAMINED_SHARE = 0.2, 0.4
LEAST_EXAMINED = 5


@dataclass(frozen=True)
class Sides:
    """learned and examined: drawings on either side; by: what the sides were told apart by, "person" or "drawing"."""

    learned: list[Labelled]
    examined: list[Labelled]
    by: str


def take_sides(drawings: Sequence[Labelled], known: Collection[str], seed: int) -> Sides:
    """Hold out a share of the drawings: all by some persons where sessions tell persons apart, else some of all.

    known: the ids of what the parent has learned, on which nobody can be examined any more. Another seed holds out
    others, so that nobody's hand is left out for ever. Where too little is new, nothing is held out.
    """
    rng = np.random.default_rng(seed)
    new = [row for row, drawing in enumerate(drawings) if drawing.id not in known]
    wanted = min(max(LEAST_EXAMINED, round(EXAMINED_SHARE * len(drawings))), len(new) // 2)
    if wanted < LEAST_EXAMINED:
        return Sides(list(drawings), [], "drawing")
    known_persons = {drawing.session for drawing in drawings if drawing.id in known}
    of_new_persons = [row for row in new if drawings[row].session not in known_persons]
    examined = _whole_persons(drawings, of_new_persons, wanted, rng)
    by = "person" if examined else "drawing"
    if not examined:
        examined = {new[place] for place in rng.permutation(len(new))[:wanted]}
    return Sides(
        [drawing for row, drawing in enumerate(drawings) if row not in examined],
        [drawing for row, drawing in enumerate(drawings) if row in examined],
        by,
    )


def as_pictures(drawings: Sequence[Labelled]) -> Part:
    """Give the drawings as the network saw them."""
    pixels = np.stack([drawing.pixels for drawing in drawings])
    return Part(normalise(pixels), np.array([drawing.label for drawing in drawings], dtype=np.uint8))


def as_strokes(drawings: Sequence[Labelled]) -> Strokes | None:
    """Give those of the drawings of which the strokes are known; None if there is none."""
    drawn = [(*drawing.strokes, drawing.label) for drawing in drawings if drawing.strokes is not None]
    if not drawn:
        return None
    points, pen, labels = zip(*drawn, strict=True)
    return Strokes(np.stack(points), np.stack(pen), np.array(labels, dtype=np.int32), np.full(len(drawn), ANONYMOUS))


def digest(drawings: Sequence[Labelled]) -> str:
    """Give the SHA-256 by which it can be told whether drawings and labels are still the same."""
    content = hashlib.sha256()
    for drawing in sorted(drawings, key=lambda drawing: drawing.id):
        content.update(
            f"{drawing.id} {drawing.label} {hashlib.sha256(drawing.pixels.tobytes()).hexdigest()}\n".encode()
        )
    return content.hexdigest()


def _whole_persons(
    drawings: Sequence[Labelled], rows: Sequence[int], wanted: int, rng: np.random.Generator
) -> set[int]:
    """Choose persons among those of the rows until there are enough drawings; none if that takes too many."""
    by_person: dict[str, list[int]] = {}
    for row in rows:
        session = drawings[row].session
        if session is not None:
            by_person.setdefault(session, []).append(row)
    chosen: set[int] = set()
    for person in rng.permutation(sorted(by_person)):
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(by_person[person]) <= MAX_EXAMINED_SHARE * len(drawings):
            chosen.update(by_person[person])
    return chosen if len(chosen) >= wanted else set()
