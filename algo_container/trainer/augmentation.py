"""Vary pictures and strokes as hands, pens and canvases do. Every call with the same seed varies alike."""

import math

import numpy as np
import tensorflow as tf

from trainer.dataset import SIDE
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
    seeds = tf.random.split(seed, 6)
    middle = (SIDE - 1) / 2
    at = tf.einsum("nij,pj->npi", _affine(seeds[0], count, ROTATION, SHEAR, STRETCH, SIZE), GRID - middle) + middle
    at += tf.random.stateless_uniform([count, 1, 2], seeds[1], -SHIFT_PX, SHIFT_PX)
    strength = tf.random.stateless_uniform([count, 1, 1], seeds[2], 0.0, ELASTIC_PX)
    at += tf.einsum("pk,nkc->npc", BUMPS, tf.random.stateless_normal([count, KNOTS**2, 2], seeds[3]) * strength)
    varied = _thicken(_sample(pictures, at), tf.random.stateless_uniform([count, 1, 1, 1], seeds[4], THINNER, THICKER))
    contrast = tf.random.stateless_uniform([count, 1, 1, 1], seeds[5], 1.0, CONTRAST)
    return tf.clip_by_value((varied - 0.5) * contrast + 0.5, 0.0, 1.0)


def vary_strokes(points: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn, slant, stretch and bend drawings as in Strokes, float32 (n, POINTS, 2), and let the hand tremble."""
    count = tf.shape(points)[0]
    seeds = tf.random.split(seed, 7)
    points = tf.einsum("nij,npj->npi", _affine(seeds[0], count, PEN_ROTATION, PEN_SHEAR, PEN_STRETCH, 1.0), points)
    waves = tf.random.stateless_normal([count, WAVES, 2], seeds[1], stddev=4.0)
    phases = tf.random.stateless_uniform([count, 1, WAVES], seeds[2], 0.0, 2 * math.pi)
    bend = tf.random.stateless_uniform([count, 1, 1], seeds[3], 0.0, BEND)
    swing = tf.random.stateless_normal([count, WAVES, 2], seeds[4]) * bend
    points += tf.einsum("npk,nkc->npc", tf.sin(tf.einsum("npi,nki->npk", points, waves) + phases), swing)
    tremor = tf.random.stateless_uniform([count, 1, 1], seeds[5], 0.0, TREMOR)
    modes = tf.random.stateless_normal([count, TREMOR_MODES, 2], seeds[6]) * tremor
    return points + tf.einsum("nkc,kp->npc", modes, TREMOR_BASIS)


def choose_pens(count: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Choose each drawing's line width (evenly on a logarithmic scale) and softness, both (n,) in pixels of 28 x 28."""
    seeds = tf.random.split(seed, 2)
    width = tf.exp(tf.random.stateless_uniform([count], seeds[0], *map(math.log, LINE_PX)))
    return width, tf.random.stateless_uniform([count], seeds[1], *SOFTNESS_PX)


def _affine(seed: tf.Tensor, count: int, rotation: float, shear: float, stretch: float, size: float) -> tf.Tensor:
    """Draw matrices (n, 2, 2), each parameter uniform up to its bound on both sides."""
    angle, slant, longer, larger = tf.unstack(
        tf.random.stateless_uniform([4, count], seed, -1.0, 1.0)
        * tf.constant([[rotation], [shear], [math.log(stretch)], [math.log(size)]])
    )
    cos, sin, longer = tf.cos(angle), tf.sin(angle), tf.exp(longer)
    rows = [
        [cos * longer, cos * slant * longer - sin / longer],
        [sin * longer, sin * slant * longer + cos / longer],
    ]
    return tf.exp(larger)[:, tf.newaxis, tf.newaxis] * tf.stack([tf.stack(row, -1) for row in rows], -2)


def _sample(pictures: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Read the pictures at places (n, 784, 2), x and y in pixels, between four pixels; outside is paper."""
    count, side = tf.shape(pictures)[0], SIDE + 2
    flat = tf.reshape(tf.pad(pictures[..., 0], [[0, 0], [1, 1], [1, 1]]), [count, side * side])
    at = tf.clip_by_value(at + 1.0, 0.0, side - 1.001)
    corner = tf.floor(at)
    x, y = tf.unstack(at - corner, axis=-1)
    column, row = tf.unstack(tf.cast(corner, tf.int32), axis=-1)
    index = row * side + column

    def pixel(offset: int) -> tf.Tensor:
        return tf.gather(flat, index + offset, batch_dims=1)

    upper = pixel(0) * (1 - x) + pixel(1) * x
    lower = pixel(side) * (1 - x) + pixel(side + 1) * x
    return tf.reshape(upper * (1 - y) + lower * y, [count, SIDE, SIDE, 1])


def _thicken(pictures: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Go by a share towards each pixel's brightest neighbour or, below 0, towards its darkest one."""
    padded = tf.pad(pictures, [[0, 0], [1, 1], [1, 1], [0, 0]])
    near = [padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], pictures]
    brightest, darkest = tf.reduce_max(near, 0), tf.reduce_min(near, 0)
    return pictures + tf.where(share > 0, share * (brightest - pictures), share * (pictures - darkest))


def _bumps() -> np.ndarray:
    """Spread KNOTS x KNOTS cubic B-splines over the picture: float32 (784, KNOTS * KNOTS)."""
    knots = np.linspace(-3, SIDE + 2, KNOTS)
    distance = np.abs(np.arange(SIDE)[:, np.newaxis] - knots) / (knots[1] - knots[0])
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    spline = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    bumps: np.ndarray = np.einsum("yi,xj->yxij", spline, spline).reshape(SIDE**2, KNOTS**2).astype(np.float32)
    return bumps


def _tremor_basis() -> np.ndarray:
    """Make slow swings along the line, weaker the faster they are: float32 (TREMOR_MODES, POINTS)."""
    mode = np.arange(1, TREMOR_MODES + 1)[:, np.newaxis]
    basis: np.ndarray = np.cos(np.pi * mode * (np.arange(POINTS) + 0.5) / POINTS) / np.sqrt(mode)
    return basis.astype(np.float32)


GRID = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2).astype(np.float32)
BUMPS = _bumps()
TREMOR_BASIS = _tremor_basis()
