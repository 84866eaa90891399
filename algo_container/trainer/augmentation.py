"""Vary pictures and strokes as hands, pens and canvases do. Every call with the same seed varies alike."""

import functools
import math

import numpy as np
import tensorflow as tf

from trainer.dataset import SIDE
from trainer.graphs import compiled
from trainer.strokes import POINTS

# Of pictures. Scanned digits vary by themselves: as far again as they do, and no further, or MNIST suffers.
ROTATION, SHEAR, STRETCH, SIZE = 0.15, 0.15, 1.075, 1.06  # radians, share, factor, factor
SHIFT_PX, ELASTIC_PX = 1.3, 1.0
THINNER, THICKER = -0.35, 0.6  # shares of a pixel on each side
CONTRAST = 1.5  # up to; reading between pixels blurs, and MNIST's edges are sharp
# Of strokes. Thirty writers are few: wide enough to reach other people's slant and proportions.
PEN_ROTATION, PEN_SHEAR, PEN_STRETCH = 0.25, 0.35, 1.25
BEND, TREMOR = 0.05, 0.03  # of the drawing's longer side
LINE_PX = (0.9, 4.0)  # what lines of 10 to 22 px on a canvas of 280 px come to, and a little more
SOFTNESS_PX = (0.8, 1.7)

KNOTS = 5
WAVES = 3
TREMOR_MODES = 8


def vary_pictures(pictures: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn, slant, stretch, shift, bend, thin or thicken float32 (n, 28, 28, 1) in 0..1. seed: int32 (2,)."""
    count = tf.shape(pictures)[0]
    seeds = tf.random.split(seed, 2)
    angle, slant, longer, larger, x, y, elastic, thickness, contrast = tf.unstack(
        tf.random.stateless_uniform([9, count], seeds[0])
    )
    matrix = _affine(
        _between(angle, -ROTATION, ROTATION),
        _between(slant, -SHEAR, SHEAR),
        _between(longer, -math.log(STRETCH), math.log(STRETCH)),
        _between(larger, -math.log(SIZE), math.log(SIZE)),
    )
    bends = (
        tf.random.stateless_normal([count, 2, KNOTS**2], seeds[1]) * _between(elastic, 0.0, ELASTIC_PX)[:, None, None]
    )
    shift = _between(tf.stack([x, y], -1), -SHIFT_PX, SHIFT_PX)[..., tf.newaxis]
    # Where each pixel is read is a sum of the same few maps for all pictures: one product of matrices gives all places.
    at = tf.matmul(tf.reshape(tf.concat([matrix, shift, bends], -1), [2 * count, len(MAPS)]), MAPS) + MIDDLE
    read = _sample(pictures, tf.reshape(at, [count, 2, SIDE**2]))
    return _sharpen(read, _between(thickness, THINNER, THICKER), _between(contrast, 1.0, CONTRAST))


def vary_strokes(points: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn, slant, stretch and bend drawings as in Strokes, float32 (n, POINTS, 2), and let the hand tremble."""
    count = tf.shape(points)[0]
    seeds = tf.random.split(seed, 2)
    angle, slant, longer, bend, tremor, *phases = tf.unstack(tf.random.stateless_uniform([5 + WAVES, count], seeds[0]))
    matrix = _affine(
        _between(angle, -PEN_ROTATION, PEN_ROTATION),
        _between(slant, -PEN_SHEAR, PEN_SHEAR),
        _between(longer, -math.log(PEN_STRETCH), math.log(PEN_STRETCH)),
        tf.zeros(count),
    )
    normal = tf.random.stateless_normal([count, 2, 2 * WAVES + TREMOR_MODES], seeds[1])
    waves, swing, modes = tf.split(normal, [WAVES, WAVES, TREMOR_MODES], -1)
    moved = tf.matmul(matrix, points, transpose_b=True)  # (n, 2, POINTS)
    angles = tf.matmul(4.0 * waves, moved, transpose_a=True) + 2 * math.pi * tf.stack(phases, -1)[..., tf.newaxis]
    moved += tf.matmul(swing * _between(bend, 0.0, BEND)[:, tf.newaxis, tf.newaxis], tf.sin(angles))
    moved += tf.tensordot(modes * _between(tremor, 0.0, TREMOR)[:, tf.newaxis, tf.newaxis], TREMOR_BASIS, 1)
    return tf.transpose(moved, [0, 2, 1])


def choose_pens(count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose each drawing's line width (evenly on a logarithmic scale) and softness, both (n,) in pixels of 28 x 28."""
    seeds = tf.random.split(seed, 2)
    width = tf.exp(tf.random.stateless_uniform([count], seeds[0], *map(math.log, LINE_PX)))
    return width, tf.random.stateless_uniform([count], seeds[1], *SOFTNESS_PX)


def _between(share: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Go from `low` to `high` by a share in 0..1."""
    return low + (high - low) * share


def _affine(angle: tf.Tensor, slant: tf.Tensor, longer: tf.Tensor, larger: tf.Tensor) -> tf.Tensor:
    """Make matrices (n, 2, 2) that turn, slant, stretch and enlarge; the last two are logarithms."""
    cos, sin, longer, size = tf.cos(angle), tf.sin(angle), tf.exp(longer), tf.exp(larger)
    rows = [
        [cos * longer, cos * slant * longer - sin / longer],
        [sin * longer, sin * slant * longer + cos / longer],
    ]
    return size[:, tf.newaxis, tf.newaxis] * tf.stack([tf.stack(row, -1) for row in rows], -2)


@compiled
def _sample(pictures: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Read the pictures at places (n, 2, 784), x and y in pixels, between four pixels; outside is paper."""
    count, side = tf.shape(pictures)[0], SIDE + 2
    flat = tf.reshape(tf.pad(pictures[..., 0], [[0, 0], [1, 1], [1, 1]]), [-1])
    at = tf.clip_by_value(at + 1.0, 0.0, side - 1.001)
    corner = tf.floor(at)
    x, y = tf.unstack(at - corner, axis=1)
    column, row = tf.unstack(tf.cast(corner, tf.int32), axis=1)
    index = tf.range(count)[:, tf.newaxis] * side * side + row * side + column

    def pixel(offset: int) -> tf.Tensor:
        return tf.gather(flat, index + offset)

    upper = pixel(0) * (1 - x) + pixel(1) * x
    lower = pixel(side) * (1 - x) + pixel(side + 1) * x
    return tf.reshape(upper * (1 - y) + lower * y, [count, SIDE, SIDE, 1])


@compiled
def _sharpen(pictures: tf.Tensor, thickness: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Thicken or thin the lines, and raise the contrast.

    thickness (n,): share of the way towards each pixel's brightest neighbour or, below 0, towards its darkest one. A
    function of its own: XLA would read each pixel's place anew for each of its neighbours.
    """
    share, contrast = thickness[:, tf.newaxis, tf.newaxis, tf.newaxis], contrast[:, tf.newaxis, tf.newaxis, tf.newaxis]
    padded = tf.pad(pictures, [[0, 0], [1, 1], [1, 1], [0, 0]])
    near = [padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], pictures]
    brightest, darkest = functools.reduce(tf.maximum, near), functools.reduce(tf.minimum, near)
    varied = pictures + tf.where(share > 0, share * (brightest - pictures), share * (pictures - darkest))
    return tf.clip_by_value((varied - 0.5) * contrast + 0.5, 0.0, 1.0)


def _bumps() -> np.ndarray:
    """Spread KNOTS x KNOTS cubic B-splines over the picture: float32 (KNOTS * KNOTS, 784)."""
    knots = np.linspace(-3, SIDE + 2, KNOTS)
    distance = np.abs(np.arange(SIDE)[:, np.newaxis] - knots) / (knots[1] - knots[0])
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    spline = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    bumps: np.ndarray = np.einsum("yi,xj->ijyx", spline, spline).reshape(KNOTS**2, SIDE**2).astype(np.float32)
    return bumps


def _tremor_basis() -> np.ndarray:
    """Make slow swings along the line, weaker the faster they are: float32 (TREMOR_MODES, POINTS)."""
    mode = np.arange(1, TREMOR_MODES + 1)[:, np.newaxis]
    basis: np.ndarray = np.cos(np.pi * mode * (np.arange(POINTS) + 0.5) / POINTS) / np.sqrt(mode)
    return basis.astype(np.float32)


MIDDLE = (SIDE - 1) / 2
# Each pixel's x and y from the middle, 1, and the bumps: float32 (3 + KNOTS * KNOTS, 784).
COLUMNS, ROWS = (axis.reshape(1, -1) - MIDDLE for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
MAPS = np.concatenate([COLUMNS, ROWS, np.ones((1, SIDE**2)), _bumps()]).astype(np.float32)
TREMOR_BASIS = _tremor_basis()
