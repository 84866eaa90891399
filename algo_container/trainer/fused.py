"""ReLU, Dropout, BatchNormalization and MaxPooling of one block in two passes over memory instead of a dozen.

The layers stay the network's own; in a training step this computes what they would, and its gradient. On a CPU half of
a plain step goes into writing and reading what these layers pass to each other (benchmarks/README.md). XLA compiles
each function here to one loop; it must not compile the convolutions, which it does ten times slower than oneDNN.
"""

from typing import Any

import keras
import tensorflow as tf

from trainer.graphs import compiled

BITS = 32


def drop_normalise_pool(
    convolved: tf.Tensor, bias: tf.Tensor, norm: keras.layers.BatchNormalization, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the pooled block (n, h / 2, w / 2, c), and mean and variance (c,) of what BatchNormalization saw.

    convolved: (n, h, w, c) without its bias, c a multiple of 32; seed: int32 (2,). Dropout's rate is
    a half, so that a random bit decides on a value.
    """
    shape = tf.shape(convolved)
    bits = tf.random.stateless_uniform(
        [shape[0], shape[1], shape[2], convolved.shape[-1] // BITS], seed, None, None, tf.int32
    )
    epsilon = tf.constant(norm.epsilon, tf.float32)

    @tf.custom_gradient  # type: ignore[untyped-decorator] # TensorFlow comes without types
    def block(convolved: tf.Tensor, bias: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:  # noqa: ANN401 # TF's
        pooled, mean, variance, extremes = _forward(convolved, bias, bits, gamma, beta, epsilon)

        def gradient(upstream: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return tuple(_backward(convolved, bias, bits, gamma, epsilon, mean, variance, extremes, upstream))

        return (pooled, mean, variance), gradient

    pooled, mean, variance = block(convolved, bias, norm.gamma.value, norm.beta.value)
    return pooled, mean, variance


def _forward(
    convolved: tf.Tensor, bias: tf.Tensor, bits: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    extremes, sums, squares = _fours(convolved, bias, bits, gamma)
    return (*_normalise(extremes, sums, squares, _count(convolved), gamma, beta, epsilon), extremes)


@compiled
def _fours(convolved: tf.Tensor, bias: tf.Tensor, bits: tf.Tensor, gamma: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Give of every four values that are pooled the extreme, the sum and the sum of squares."""
    kept = _relu_dropped(convolved, bias, bits)
    # The largest normalised value of four comes from their largest, or with a negative gamma from their smallest: so
    # only a quarter of the values has to be normalised.
    sign = tf.sign(gamma)
    return sign * _pool(sign * kept), _sum_of_four(kept), _sum_of_four(kept * kept)


@compiled
def _normalise(
    extremes: tf.Tensor,
    sums: tf.Tensor,
    squares: tf.Tensor,
    count: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    epsilon: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Give the normalised extremes, and mean and variance.

    A function of its own: a sum over all that a channel has is fast only if what is summed lies in memory. XLA would
    compute it anew within the sum, channel after channel, one value at a time.
    """
    mean = tf.reduce_sum(sums, [0, 1, 2]) / count
    variance = tf.reduce_sum(squares, [0, 1, 2]) / count - mean * mean
    return gamma * tf.math.rsqrt(variance + epsilon) * (extremes - mean) + beta, mean, variance


@compiled
def _backward(
    convolved: tf.Tensor,
    bias: tf.Tensor,
    bits: tf.Tensor,
    gamma: tf.Tensor,
    epsilon: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    extremes: tf.Tensor,
    upstream: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Give the gradients of convolved, bias, gamma and beta; the dropout of the way there is made again."""
    kept = _relu_dropped(convolved, bias, bits)
    count = _count(kept)
    scale = tf.math.rsqrt(variance + epsilon)
    of_beta = tf.reduce_sum(upstream, [0, 1, 2])
    of_gamma = tf.reduce_sum(upstream * (extremes - mean) * scale, [0, 1, 2])
    # Blank paper gives four equal values: they share what MaxPooling would give to the first of them.
    ties = tf.add_n([tf.cast(tf.equal(part, extremes), tf.float32) for part in _quarters(kept)])
    unpooled = tf.where(tf.equal(kept, _repeat(extremes, kept)), _repeat(upstream / ties, kept), 0.0)
    of_kept = gamma * scale * (unpooled - of_beta / count - (kept - mean) * scale * of_gamma / count)
    of_convolved = tf.where(kept > 0, 2.0 * of_kept, 0.0)
    return of_convolved, tf.reduce_sum(of_convolved, [0, 1, 2]), of_gamma, of_beta


def _count(x: tf.Tensor) -> tf.Tensor:
    """Give how many values a channel has."""
    return tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32)


def _relu_dropped(convolved: tf.Tensor, bias: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Take ReLU, keep each value with a probability of a half, and double what is kept."""
    shifted = tf.bitwise.right_shift(bits[..., tf.newaxis], tf.range(BITS, dtype=tf.int32))
    kept = tf.reshape(tf.bitwise.bitwise_and(shifted, 1), tf.shape(convolved))
    return tf.nn.relu(convolved + bias) * tf.cast(kept, tf.float32) * 2.0


def _pool(x: tf.Tensor) -> tf.Tensor:
    upper_left, upper_right, lower_left, lower_right = _quarters(x)
    return tf.maximum(tf.maximum(upper_left, upper_right), tf.maximum(lower_left, lower_right))


def _sum_of_four(x: tf.Tensor) -> tf.Tensor:
    """Add up every four that are pooled together, and with them what an odd last row or column leaves over."""
    return tf.add_n(_quarters(tf.pad(x, [[0, 0], [0, x.shape[1] % 2], [0, x.shape[2] % 2], [0, 0]])))


def _quarters(x: tf.Tensor) -> list[tf.Tensor]:
    """Split every four into their places, and leave an odd last row or column out, as MaxPooling does."""
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    return [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]


def _repeat(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Give each value to the four places that it was the pool of, and 0 to what was in no pool."""
    count, (height, width, channels) = tf.shape(x)[0], x.shape[1:]
    wide = tf.broadcast_to(x[:, :, tf.newaxis, :, tf.newaxis, :], [count, height, 2, width, 2, channels])
    whole = tf.reshape(wide, [count, 2 * height, 2 * width, channels])
    return tf.pad(whole, [[0, 0], [0, like.shape[1] % 2], [0, like.shape[2] % 2], [0, 0]])
