"""Bring ink into the form that MNIST's digits have; nothing else in the project does this."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from digit_ui.problems import Problem

SIDE = 28
BOX = 20
# MNIST's pictures have their centre of mass on pixel 14, counted from 0 (the mean over its test set is 14.0).
CENTRE = 14
# Fainter than this against the paper (of 255) is a blank sheet: JPEG noise and scanner grain reach about 20.
MIN_CONTRAST = 32
# Of the strongest ink. What is fainter is not part of the digit.
CROP_SHARE = 0.15
# Beside the drawing a piece is a slip of the pointer or a speck on the paper if its longer side is below this share of
# the largest piece's. Within the drawing it stays: it moves nothing, and two dots may make a face of what seemed a 0.
SPECK_SHARE = 0.2
# Anywhere it is grain below this share of the largest piece's area.
GRAIN_AREA_SHARE = 0.002

Extent = tuple[slice, slice]


@dataclass(frozen=True)
class Steps:
    """The way from ink to the network's input, each a grey picture with bright ink.

    ink: float32 (height, width) in 0..1, faint parts and specks removed; cropped: to the ink; fitted: into 20 x 20;
    centred: uint8 (28, 28), what the network sees.
    """

    ink: np.ndarray
    cropped: np.ndarray
    fitted: np.ndarray
    centred: np.ndarray


def to_network_input(ink: np.ndarray) -> np.ndarray:
    """Crop to the ink, fit it into 20 x 20 keeping its aspect, and place it by centre of mass in 28 x 28.

    ink: uint8 or float32 (height, width), 0 is paper, any positive scale up to 255. Returns uint8 (28, 28), ink bright.
    Raises Problem 422 "nothing is drawn" if there is no ink.
    Source: the description of MNIST by LeCun, Cortes and Burges.
    """
    return _centre(_fit(_cut_out(ink)[0]))


def steps_to_network_input(ink: np.ndarray) -> Steps:
    """Do what `to_network_input` does and keep every step of it. Raises the same Problem."""
    cropped, extent = _cut_out(ink)
    whole = np.zeros(ink.shape, dtype=np.float32)
    whole[extent] = cropped
    fitted = _fit(cropped)
    return Steps(whole, cropped, fitted, _centre(fitted))


def _cut_out(ink: np.ndarray) -> tuple[np.ndarray, Extent]:
    """Give the drawing without what is faint and without specks, in 0..1, and where it lies."""
    rows, columns = _extent(ink)  # what follows costs as much as it has pixels
    ink = ink[rows, columns].astype(np.float32)
    strongest = float(ink.max(initial=0))
    if strongest < MIN_CONTRAST:
        raise Problem(422, "nothing_drawn", "nothing is drawn")
    is_ink = _without_specks(ink >= CROP_SHARE * strongest)
    inner = _extent(is_ink)
    cropped = ink[inner] * is_ink[inner]
    return cropped / cropped.max(), (_within(rows, inner[0]), _within(columns, inner[1]))


def large_pieces(is_ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell the connected pieces of ink apart, without grain.

    is_ink: bool (height, width). Returns int (height, width), 0 for paper, else a piece's number from 1, and of each
    piece its top, left, bottom and right, int (n, 4).
    """
    pieces, _ = _without_grain(is_ink)
    return pieces, _boxes(pieces)


def _without_grain(is_ink: np.ndarray) -> tuple[np.ndarray, int]:
    """Give the pieces, int (height, width), and how many they are."""
    pieces, count = ndimage.label(is_ink, structure=np.ones((3, 3)))
    if count < 2:
        return pieces, count
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    large = areas >= GRAIN_AREA_SHARE * areas.max()
    return (np.concatenate([[0], np.cumsum(large[1:])]) * large)[pieces], int(large.sum())


def _boxes(pieces: np.ndarray) -> np.ndarray:
    boxes = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in ndimage.find_objects(pieces)]
    return np.array(boxes, dtype=int).reshape(-1, 4)


def _without_specks(is_ink: np.ndarray) -> np.ndarray:
    pieces, count = _without_grain(is_ink)
    if count == 1:  # as nearly always; looking for boxes takes as long as telling pieces apart
        one: np.ndarray = pieces > 0
        return one
    boxes = _boxes(pieces)
    starts, stops = boxes[:, :2], boxes[:, 2:]
    longer_sides = (stops - starts).max(axis=1)
    is_drawing = longer_sides >= SPECK_SHARE * longer_sides.max()
    first, last = starts[is_drawing].min(axis=0), stops[is_drawing].max(axis=0)
    is_within = ((starts >= first) & (stops <= last)).all(axis=1)
    kept: np.ndarray = np.concatenate([[False], is_drawing | is_within])[pieces]
    return kept


def _extent(ink: np.ndarray) -> Extent:
    """Give the rows and the columns that hold all ink."""
    picture = Image.fromarray(ink.view(np.uint8) if ink.dtype == bool else ink)
    left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)  # in half the time that NumPy takes
    return slice(top, bottom), slice(left, right)


def _within(outer: slice, inner: slice) -> slice:
    """Give a part of a part as a part of the whole."""
    return slice(outer.start + inner.start, outer.start + inner.stop)


def _fit(ink: np.ndarray) -> np.ndarray:
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return ink
    fitted = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))
    # A thin line loses strength when it is averaged down; MNIST's lines are saturated at their core. Beside an edge the
    # cubic goes below 0.
    saturated: np.ndarray = np.maximum(fitted / fitted.max(), 0)
    return saturated


def _centre(ink: np.ndarray) -> np.ndarray:
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    # In whole numbers: of a straight line the centre lies just between two pixels, and the last digit of a fraction,
    # which differs between machines and from a browser's, would choose one.
    grey = np.round(ink * 255).astype(np.int64)
    height, width = grey.shape
    total = int(grey.sum())
    top = _offset(int(grey.sum(axis=1) @ np.arange(height)) / total, height)
    left = _offset(int(grey.sum(axis=0) @ np.arange(width)) / total, width)
    canvas[top : top + height, left : left + width] = grey
    return canvas


def _offset(centre_of_mass: float, length: int) -> int:
    return min(max(round(CENTRE - centre_of_mass), 0), SIDE - length)
