"""The pieces of ink that a number is written in: each is a digit or a part of one, in lines from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from digit_ui.picture import STROKE_BOX_PX, STROKE_WIDTH_PX, Strokes, draw_strokes, extent_of_strokes, ink_of_strokes
from digit_ui.preprocessing import CROP_SHARE, MIN_CONTRAST, SPECK_SHARE, large_pieces
from digit_ui.problems import Problem

# More than the longest number is written in; bounds the work.
MAX_PIECES = 256
# Wider strokes are drawn finer, to bound memory.
MAX_WIDTH_PX = 8192
# A line of writing is at least so high, in heights of the highest; what is lower belongs to the nearest.
MIN_LINE_HEIGHT = 0.5
# What is so many times as wide as high is no digit, but a line.
FLAT = 8
LEAST_HEIGHT = 1e-9

# In heights of the line: how close to each other cuts are looked for, and how far one may bend.
CUT_STEP = 0.1
CUT_BEND = 0.15
# Two cuts nearer to each other are one.
SAME_CUT = 0.04
# What goes through more ink follows a line instead of crossing it.
MAX_CUT_INK = 0.6
# Cuts are looked for in a picture whose line is about so high.
CUT_HEIGHT_PX = 64

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Piece:
    """A piece of ink.

    box: left, top, right, bottom on its sheet; content: bool (height, width), which of the box's pixels it has, or its
    stroke; cut: how much ink divides it from the piece at its left, in heights of the line.
    """

    box: Box
    content: np.ndarray
    cut: float = 0.0


class Sheet(Protocol):
    """What is written, in pieces. lines: from the top down, the pieces of each from left to right."""

    lines: list[list[Piece]]

    def ink(self, pieces: Sequence[Piece]) -> np.ndarray:
        """Give the ink of some pieces alone, uint8 or float32 (height, width)."""

    def box(self, pieces: Sequence[Piece]) -> Box:
        """Say where they lie: left, top, right, bottom in the units of what was sent."""


class StrokeSheet:
    """Strokes: each is a piece."""

    def __init__(self, strokes: Strokes) -> None:
        """Take strokes of any unit. Raises Problem 422 if there are none, or more than a number has."""
        drawn = [np.array(stroke, dtype=np.float64) for stroke in strokes if stroke]
        pieces = [Piece((*path.min(axis=0), *path.max(axis=0)), path) for path in drawn]
        extent_of_strokes(strokes)
        _check_count(len(pieces))
        self.lines = _in_lines([piece for piece in pieces if not _is_slip(piece, pieces)] or pieces)

    def ink(self, pieces: Sequence[Piece]) -> np.ndarray:
        """Draw some strokes alone, as `/predict` would."""
        return ink_of_strokes([piece.content.tolist() for piece in pieces])

    def box(self, pieces: Sequence[Piece]) -> Box:
        """Say where their points lie."""
        return _around(pieces)


class InkSheet:
    """Connected ink, cut wherever two digits may touch: more often than is right."""

    def __init__(self, ink: np.ndarray, scale: float = 1, origin: tuple[float, float] = (0, 0), rim: float = 0) -> None:
        """Take ink as `ink_of_wide_picture` gives it.

        scale, origin: pixel (x, y) is (x, y) * scale + origin in the units of what was sent; rim: pixels of a piece's
        box at each side that are the pen's. Raises Problem 422 if there is no ink, or more than a number has.
        """
        strongest = float(ink.max(initial=0))
        if strongest < MIN_CONTRAST:
            raise Problem(422, "nothing_drawn", "nothing is drawn")
        self._ink, self._scale, self._origin, self._rim = ink, scale, origin, rim
        numbers, boxes = large_pieces(ink >= CROP_SHARE * strongest)
        sides = boxes[:, 2:] - boxes[:, :2]
        is_drawing = sides.max(axis=1) >= SPECK_SHARE * sides[:, 0].max()
        is_drawing &= ndimage.maximum(ink, numbers, range(1, len(boxes) + 1)) >= MIN_CONTRAST
        whole = [
            Piece((left, top, right, bottom), numbers[top:bottom, left:right] == place + 1)
            for place, (top, left, bottom, right) in enumerate(boxes.tolist())
            if is_drawing[place]
        ]
        self.lines = []
        for line in _in_lines(whole):
            height = height_of(line)
            _check_count(sum(piece.box[2] - piece.box[0] for piece in line) / (CUT_STEP * height))
            self.lines.append(_from_left_to_right([part for piece in line for part in _cut(piece, height)]))

    def ink(self, pieces: Sequence[Piece]) -> np.ndarray:
        """Give the ink of some pieces alone."""
        left, top, right, bottom = map(int, _around(pieces))
        alone = np.zeros((bottom - top, right - left), dtype=self._ink.dtype)
        for piece in pieces:
            x, y, to_x, to_y = map(int, piece.box)
            place = alone[y - top : to_y - top, x - left : to_x - left]
            place[piece.content] = self._ink[y:to_y, x:to_x][piece.content]
        return alone

    def box(self, pieces: Sequence[Piece]) -> Box:
        """Say where they lie in what was sent."""
        left, top, right, bottom = _around(pieces)
        (x, y), rim = self._origin, self._rim
        return (
            x + (left + rim) * self._scale,
            y + (top + rim) * self._scale,
            x + (right - rim) * self._scale,
            y + (bottom - rim) * self._scale,
        )


def sheet_of_strokes(strokes: Strokes) -> Sheet:
    """Take each stroke as a piece or, if one is so wide that it may be several digits, the ink that they leave."""
    sheet = StrokeSheet(strokes)
    if not any(_may_be_several(piece, height_of(line)) for line in sheet.lines for piece in line):
        return sheet
    low, high = extent_of_strokes(strokes)
    width, height = high - low
    scale = min(STROKE_BOX_PX / min(map(height_of, sheet.lines)), MAX_WIDTH_PX / max(width, height))
    origin = tuple((low - STROKE_WIDTH_PX / scale).tolist())
    return InkSheet(draw_strokes(strokes, scale), 1 / scale, origin, STROKE_WIDTH_PX / 2)


def height_of(pieces: Sequence[Piece]) -> float:
    """Give the height of the tallest piece; of a flat line or a dot what a pen's width would make of it."""
    heights = [max(bottom - top, (right - left) / FLAT) for left, top, right, bottom in (piece.box for piece in pieces)]
    return max(*heights, LEAST_HEIGHT)


def _may_be_several(stroke: Piece, height: float) -> bool:
    return height < stroke.box[2] - stroke.box[0] < FLAT * height


def _around(pieces: Sequence[Piece]) -> Box:
    lefts, tops, rights, bottoms = zip(*(piece.box for piece in pieces), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _is_slip(piece: Piece, pieces: Sequence[Piece]) -> bool:
    """Tell a slip of the pointer: as small, with the pen's width around it, as what is a speck on paper."""
    left, top, right, bottom = piece.box
    pen = STROKE_WIDTH_PX / STROKE_BOX_PX * height_of(pieces)
    return max(right - left, bottom - top) + pen < SPECK_SHARE * (height_of(pieces) + pen)


def _in_lines(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Part pieces where an empty strip lies between two lines of writing."""
    bands: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.box[1]):
        if bands and piece.box[1] <= _around(bands[-1])[3]:
            bands[-1].append(piece)
        else:
            bands.append([piece])
    least = MIN_LINE_HEIGHT * max(map(_height_of_band, bands))
    lines = [band for band in bands if _height_of_band(band) >= least]
    for band in bands:
        if _height_of_band(band) < least:
            min(lines, key=lambda line: _gap(line, band)).extend(band)
    return [_from_left_to_right(line) for line in lines]


def _height_of_band(band: Sequence[Piece]) -> float:
    _, top, _, bottom = _around(band)
    return bottom - top


def _gap(line: Sequence[Piece], band: Sequence[Piece]) -> float:
    (_, top, _, bottom), (_, band_top, _, band_bottom) = _around(line), _around(band)
    return max(band_top - bottom, top - band_bottom)


def _from_left_to_right(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda piece: piece.box[0] + piece.box[2])


def _cut(piece: Piece, height: float) -> list[Piece]:
    """Cut a piece at every place where two digits may touch. height: of its line."""
    mask = piece.content
    step = max(1, round(height / CUT_HEIGHT_PX))
    cuts = _find_cuts(mask[::step, ::step], height / step)
    part_of = mask.astype(np.int16)  # its number from 1
    for way, _ in cuts:
        edge = np.repeat(way, step)[: len(mask), np.newaxis] * step
        part_of += mask & (np.arange(mask.shape[1]) >= edge)
    left, top, _, _ = piece.box
    parts = []
    for place, (cut, found) in enumerate(
        zip([piece.cut, *(cut for _, cut in cuts)], ndimage.find_objects(part_of), strict=False)
    ):
        if found is not None:
            rows, columns = found
            box = (left + columns.start, top + rows.start, left + columns.stop, top + rows.stop)
            parts.append(Piece(box, part_of[found] == place + 1, cut))
    return parts


def _find_cuts(mask: np.ndarray, height: float) -> list[tuple[np.ndarray, float]]:
    """Find ways from the top down through little ink, by dynamic programming.

    mask: bool (rows, columns); height: of the line, in rows. Returns from left to right, of each, the column in every
    row, int (rows,), and the ink in heights.
    """
    rows, columns = mask.shape
    bend = max(1, round(CUT_BEND * height))
    middles = np.arange(0, columns, CUT_STEP * height).astype(int)[1:]
    if not len(middles):
        return []
    windows = np.clip(middles[:, np.newaxis] + np.arange(-bend, bend + 1), 0, columns - 1)
    # A little for every sidestep, so that a way without need is straight.
    sidestep = np.array([0.02, 0, 0.02])[:, np.newaxis, np.newaxis]
    costs = np.zeros(windows.shape)
    choices = np.zeros((rows, *windows.shape), dtype=int)
    for row in range(rows):
        padded = np.pad(costs, ((0, 0), (1, 1)), constant_values=np.inf)
        before = np.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]]) + sidestep
        choices[row] = before.argmin(axis=0) - 1
        costs = before.min(axis=0) + mask[row, windows]
    every = np.arange(len(middles))
    at = costs.argmin(axis=1)
    totals = costs.min(axis=1) / height
    ways = np.zeros((len(middles), rows), dtype=int)
    for row in reversed(range(rows)):
        ways[:, row] = windows[every, at]
        at = at + choices[row, every, at]
    return _distinct(ways, totals, SAME_CUT * height)


def _distinct(ways: np.ndarray, costs: np.ndarray, least_distance: float) -> list[tuple[np.ndarray, float]]:
    """Keep, of ways that are nearly the same, the one through the least ink, and none that follows a line."""
    kept: list[int] = []
    for place in np.argsort(costs, kind="stable").tolist():
        if costs[place] > MAX_CUT_INK:
            break
        if all(np.abs(ways[place] - ways[other]).mean() >= least_distance for other in kept):
            kept.append(place)
    kept.sort(key=lambda place: float(ways[place].mean()))
    untangled = np.maximum.accumulate(ways[kept], axis=0)
    return [(way, float(costs[place])) for way, place in zip(untangled, kept, strict=True)]


def _check_count(count: float) -> None:
    if count > MAX_PIECES:
        raise Problem(
            422,
            "too_many_digits",
            "the drawing is wider, or has more strokes, than a number of 32 digits; send it in parts",
        )
