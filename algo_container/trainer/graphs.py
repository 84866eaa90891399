"""How functions become graphs of TensorFlow's: as they are written.

None but `Fitting` in together.py lets a loop or a branch depend on what is computed. To look for that, as TensorFlow
does by itself, takes a second at each start.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tensorflow as tf

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Make a graph of a function, compiled by XLA to few loops."""
    graph: Function = tf.function(function, jit_compile=True, autograph=False)
    return graph


def traced_once(signature: Sequence[tf.TensorSpec]) -> Callable[[Function], Function]:
    """Make a graph of a function that is called with tensors of this signature."""

    def trace(function: Function) -> Function:
        graph: Function = tf.function(function, input_signature=signature, autograph=False)
        return graph

    return trace


def within_a_graph(function: Function) -> Function:
    """Take a function as it is written where a graph is made of what calls it, as Keras does."""
    unconverted: Function = tf.autograph.experimental.do_not_convert(function)
    return unconverted
