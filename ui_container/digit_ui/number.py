"""Read a number of several digits: which pieces of ink make a digit is what the network finds most like digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from digit_ui.classifier import Classifier, Readings
from digit_ui.pieces import Box, Piece, Sheet, height_of
from digit_ui.preprocessing import SIDE, to_network_input
from digit_ui.problems import Problem

MAX_DIGITS = 32
# A digit is never in more.
MAX_PIECES_OF_A_DIGIT = 12
# In heights of its line.
MAX_WIDTH = 1.4
# For each new number of pictures the network would be prepared anew.
CHUNK = 32

# Below it a probability says no more.
FLOOR = 1e-5
# What counts against a digit, in units of log-probability: ink that was cut through at its left side and empty paper
# within it, each for a whole height; how much lower than LOW it is.
CUT = 1.0
GAP = 10.0
LOW = 0.5
LOWNESS = 10.0


@dataclass(frozen=True)
class ReadDigit:
    """A digit of a number."""

    digit: int
    confidence: float
    is_digit: bool
    box: Box


@dataclass(frozen=True)
class _Group:
    """Neighbouring pieces that may be a digit. start, stop: their places in the line."""

    start: int
    stop: int
    pieces: Sequence[Piece]


def read_number(sheet: Sheet, classifier: Classifier) -> list[ReadDigit]:
    """Read the digits in their order. Raises Problem 422 if there are too many."""
    groups = [_groups(line) for line in sheet.lines]
    inputs = np.stack([to_network_input(sheet.ink(group.pieces)) for of_line in groups for group in of_line])
    readings = _read(classifier, inputs)
    digits = []
    ends = list(accumulate(map(len, groups)))
    for line, of_line, end in zip(sheet.lines, groups, ends, strict=True):
        first = end - len(of_line)
        scores = _scores(of_line, readings, first, height_of(line))
        for chosen in _best_way(of_line, scores, len(line)):
            probabilities = readings.probabilities[first + chosen]
            digit = int(probabilities.argmax())
            digits.append(
                ReadDigit(
                    digit,
                    float(probabilities[digit]),
                    bool(readings.is_digit[first + chosen]),
                    sheet.box(of_line[chosen].pieces),
                )
            )
    if len(digits) > MAX_DIGITS:
        raise Problem(
            422,
            "too_many_digits",
            f"the number has {len(digits)} digits, expected at most {MAX_DIGITS}; send it in parts",
        )
    return digits


def _groups(line: Sequence[Piece]) -> list[_Group]:
    most = MAX_WIDTH * height_of(line)
    groups = []
    for start in range(len(line)):
        for stop in range(start + 1, min(start + MAX_PIECES_OF_A_DIGIT, len(line)) + 1):
            pieces = line[start:stop]
            width = max(piece.box[2] for piece in pieces) - min(piece.box[0] for piece in pieces)
            if stop == start + 1 or width <= most:
                groups.append(_Group(start, stop, pieces))
    return groups


def _read(classifier: Classifier, inputs: np.ndarray) -> Readings:
    blank = np.zeros((-len(inputs) % CHUNK, SIDE, SIDE), dtype=inputs.dtype)
    return classifier.read(np.concatenate([inputs, blank]))


def _scores(groups: Sequence[_Group], readings: Readings, first: int, height: float) -> list[float]:
    """Say how much each group is like a digit, as a log-probability."""
    return [
        float(np.log(max(readings.probabilities[first + place].max(), FLOOR)))
        + float(np.log(max(readings.digit_probabilities[first + place], FLOOR)))
        - _oddness(group.pieces, height)
        for place, group in enumerate(groups)
    ]


def _oddness(pieces: Sequence[Piece], height: float) -> float:
    """Say how much speaks against a digit of these pieces, whatever they look like."""
    top, bottom = min(piece.box[1] for piece in pieces), max(piece.box[3] for piece in pieces)
    lowness = max(0.0, LOW - (bottom - top) / height)
    reach = accumulate((piece.box[2] for piece in pieces), max)
    gap = max((piece.box[0] - right for piece, right in zip(pieces[1:], reach, strict=False)), default=0.0)
    return CUT * pieces[0].cut + GAP * max(0.0, gap) / height + LOWNESS * lowness


def _best_way(groups: Sequence[_Group], scores: Sequence[float], count: int) -> list[int]:
    """Choose the groups that are best together and leave no piece out, by dynamic programming."""
    best = [0.0] + [-np.inf] * count
    last = [-1] * (count + 1)
    for place in sorted(range(len(groups)), key=lambda place: groups[place].stop):
        group = groups[place]
        score = best[group.start] + scores[place]
        if score > best[group.stop]:
            best[group.stop], last[group.stop] = score, place
    way: list[int] = []
    while count:
        way.append(last[count])
        count = groups[last[count]].start
    return way[::-1]
