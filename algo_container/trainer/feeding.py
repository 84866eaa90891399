"""Hand TensorFlow what Python makes, a few steps ahead of what it computes."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.dataset import SIDE, Part
from trainer.inference import block_of, cut
from trainer.strokes import POINTS

# What Keras does between steps costs a tenth of them; so many are left to TensorFlow alone.
STEPS_AT_ONCE = 8
# Of `Steps`.
STEP = (
    (
        tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32),
        tf.TensorSpec([None, POINTS, 2], tf.float32),
        tf.TensorSpec([None, POINTS - 1], tf.float32),
    ),
    tf.TensorSpec([None], tf.int32),
)


def feed(make: Callable[[], Iterable[Any]], count: int, signature: Any = STEP) -> tf.data.Dataset:  # noqa: ANN401 # TF's
    """Give `fit` what `make` makes, which is called for each epoch. count: how many that is."""
    options = tf.data.Options()
    # TensorFlow's tuning sleeps twice as long each time, and who ends an epoch waits for it: at worst as long again as
    # the epoch took. Keras' own ways to feed `fit` leave it on.
    options.autotune.enabled = False
    steps = tf.data.Dataset.from_generator(make, output_signature=signature)
    return steps.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2 * STEPS_AT_ONCE).with_options(options)


def feed_blocks(part: Part) -> tf.data.Dataset:
    """Give `evaluate` pictures and labels, a block at a time."""
    parts = list(map(Part, cut(part.x), cut(part.y)))

    def blocks() -> Iterable[tuple[np.ndarray, np.ndarray]]:
        for block in parts:
            yield block.normalised, block.y

    return feed(blocks, len(parts), (block_of(part.x, tf.float32), block_of(part.y, tf.uint8)))
