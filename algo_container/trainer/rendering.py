"""Draw strokes as the user interface shows them to the network: fitted into 20 x 20, centred by mass, in 28 x 28."""

import tensorflow as tf

from trainer.dataset import SIDE
from trainer.graphs import compiled

BOX = 20.0
CENTRE = 14.0
# A segment where the pen is lifted is moved so far away that it leaves no ink.
AWAY = 1e6


@compiled
def render(points: tf.Tensor, pen: tf.Tensor, width_px: tf.Tensor, softness_px: tf.Tensor) -> tf.Tensor:
    """Return pictures float32 (n, 28, 28, 1) in 0..1, ink bright, for drawings as in Strokes, of any size and place.

    width_px (n,): of the line in the 28 x 28; softness_px (n,): over how much of it an edge goes from ink to paper.
    A pixel's ink follows from its distance to the nearest segment: round caps and joins, and no raster in between.
    """
    width = width_px[:, tf.newaxis, tf.newaxis]
    low, high = tf.reduce_min(points, 1, keepdims=True), tf.reduce_max(points, 1, keepdims=True)
    points = points * (BOX - width) / tf.maximum(tf.reduce_max(high - low, 2, keepdims=True), 1e-3)
    start, step = points[:, :-1], points[:, 1:] - points[:, :-1]
    start += _offset(points, start, step, pen, width)

    grid = tf.range(SIDE, dtype=tf.float32)
    x = grid[tf.newaxis, tf.newaxis, tf.newaxis, :] - _to_pixels(start[..., 0])
    y = grid[tf.newaxis, tf.newaxis, :, tf.newaxis] - _to_pixels(start[..., 1])
    dx, dy = _to_pixels(step[..., 0]), _to_pixels(step[..., 1])
    along = tf.clip_by_value((x * dx + y * dy) / (dx * dx + dy * dy + 1e-6), 0.0, 1.0)
    squares = tf.square(x - along * dx) + tf.square(y - along * dy) + AWAY * _to_pixels(1.0 - pen)
    distance = tf.sqrt(tf.reduce_min(squares, 1))
    ink = tf.clip_by_value((width / 2 - distance) / softness_px[:, tf.newaxis, tf.newaxis] + 0.5, 0.0, 1.0)
    return (ink / tf.maximum(tf.reduce_max(ink, [1, 2], keepdims=True), 1e-3))[..., tf.newaxis]


def _offset(points: tf.Tensor, start: tf.Tensor, step: tf.Tensor, pen: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Bring the ink's centre of mass to the middle, as far as the whole drawing stays inside."""
    mass = ((tf.norm(step, axis=-1) + 1e-3) * pen)[..., tf.newaxis]
    centroid = tf.reduce_sum((start + step / 2) * mass, 1, keepdims=True) / tf.reduce_sum(mass, 1, keepdims=True)
    low, high = tf.reduce_min(points, 1, keepdims=True), tf.reduce_max(points, 1, keepdims=True)
    return tf.clip_by_value(CENTRE - centroid, width / 2 - 0.5 - low, SIDE - 0.5 - width / 2 - high)


def _to_pixels(values: tf.Tensor) -> tf.Tensor:
    return values[:, :, tf.newaxis, tf.newaxis]
