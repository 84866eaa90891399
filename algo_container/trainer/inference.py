"""Compute what a network makes of many pictures, a block at a time, the parts of a block beside each other."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.cores import PARTS
from trainer.graphs import traced_once

BLOCK_ROWS = 1_000


def infer(function: Callable[[tf.Tensor], Any], rows: np.ndarray) -> Any:  # noqa: ANN401 # what the function gives
    """Return what a function gives for all rows, as arrays. function: a network, or anything that gives rows for rows.

    It is traced with part of a block at a time, never with more than BLOCK_ROWS rows.
    """

    @traced_once([block_of(rows, tf.float32)])
    def of_block(block: tf.Tensor) -> Any:  # noqa: ANN401 # as above
        return in_parts(function, block)

    blocks = [of_block(block) for block in cut(rows)]
    return tf.nest.map_structure(lambda *parts: np.concatenate([part.numpy() for part in parts]), *blocks)


def cut(rows: np.ndarray) -> list[np.ndarray]:
    """Cut rows into blocks of about the same size, so that none has a single row, which cannot be parted, but one."""
    return np.array_split(rows, -(-len(rows) // BLOCK_ROWS))


def block_of(rows: np.ndarray, dtype: tf.DType) -> tf.TensorSpec:
    """Say what `cut` makes of rows: blocks of any size, or the only row."""
    return tf.TensorSpec([len(rows) if len(rows) < PARTS else None, *rows.shape[1:]], dtype)


def in_parts(function: Callable[[tf.Tensor], Any], x: tf.Tensor) -> Any:  # noqa: ANN401 # what the function gives
    """Apply a function to each of the parts of x by itself, and put together what it gives.

    A single row must be known as one by its shape: a network refuses a part without rows.
    """
    if x.shape[0] is not None and x.shape[0] < PARTS:
        return function(x)
    edges = [tf.shape(x)[0] * number // PARTS for number in range(PARTS + 1)]
    outputs = [function(x[low:high]) for low, high in pairwise(edges)]
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *outputs)
