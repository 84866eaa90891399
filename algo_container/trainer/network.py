"""The network, and the correction its BatchNormalization layers need after training."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from trainer.inference import infer


def build_cnn() -> keras.Sequential:
    """Build the network: (n, 28, 28, 1) in 0..1, ink bright, to (n, 10) probabilities.

    5 x 5 kernels without padding were chosen on a held-out part of the training rows (benchmarks/README.md).
    """
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, activation="relu"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, activation="relu"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="cnn_mnist",
    )


def reestimate_batch_norm(model: keras.Sequential, x: np.ndarray) -> None:
    """Measure every BatchNormalization layer's mean and variance anew over x, with dropout off.

    In training each of them sees what Dropout made of its input, whose variance is twice that of the same input
    at inference; without this step accuracy falls by half a point or more.
    """
    for index, layer in enumerate(model.layers):
        if isinstance(layer, layers.BatchNormalization):
            # In order: what reaches the second layer depends on the first one's new statistics.
            mean, variance = _channel_moments(keras.Model(model.inputs[0], model.layers[index - 1].output), x)
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)


def _channel_moments(model: keras.Model, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and variance of each channel of what a model makes of x."""

    def sums(part: tf.Tensor) -> tf.Tensor:
        values = model(part, training=False)
        count = tf.fill([values.shape[-1]], tf.cast(tf.size(values[..., 0]), tf.float32))
        return tf.stack([count, tf.reduce_sum(values, [0, 1, 2]), tf.reduce_sum(values * values, [0, 1, 2])])[
            tf.newaxis
        ]

    count, total, squares = infer(sums, x).sum(axis=0, dtype=np.float64)
    mean = total / count
    return mean, squares / count - np.square(mean)
