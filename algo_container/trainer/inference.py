"""Compute what a network makes of many pictures, a block at a time, the parts of a block beside each other."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.cores import PARTS

BLOCK_ROWS = 1_000


def infer(function: Callable[[tf.Tensor], Any], rows: np.ndarray) -> Any:  # noqa: ANN401 # what the function gives
    """Return what a function gives for all rows, as arrays. function: a network, or anything that gives rows for rows.

    It is traced with part of a block at a time, never with more than BLOCK_ROWS rows.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, *rows.shape[1:]], tf.float32)])  # type: ignore[untyped-decorator]
    def of_block(block: tf.Tensor) -> Any:  # noqa: ANN401 # as above
        return in_parts(function, block)

    cut = [tf.constant(rows[start : start + BLOCK_ROWS]) for start in range(0, len(rows), BLOCK_ROWS)]
    # A network refuses a part without rows.
    blocks = [of_block(block) if len(block) >= PARTS else function(block) for block in cut]
    return tf.nest.map_structure(lambda *parts: np.concatenate([part.numpy() for part in parts]), *blocks)


def in_parts(function: Callable[[tf.Tensor], Any], x: tf.Tensor) -> Any:  # noqa: ANN401 # what the function gives
    """Apply a function to each of the parts of x by itself, and put together what it gives."""
    edges = [tf.shape(x)[0] * number // PARTS for number in range(PARTS + 1)]
    outputs = [function(x[low:high]) for low, high in pairwise(edges)]
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *outputs)
