"""One training step: vary pictures, draw strokes, and teach the network both which digit and whether it is one."""

from typing import Any

import keras
import tensorflow as tf

from trainer.augmentation import choose_pens, vary_pictures, vary_strokes
from trainer.convolution import convolve
from trainer.cores import PARTS
from trainer.dataset import SIDE
from trainer.fused import drop_normalise_pool
from trainer.graphs import compiled, traced_once, within_a_graph
from trainer.inference import in_parts
from trainer.rendering import render
from trainer.strokes import NOT_A_DIGIT, POINTS

# How much the second question, "is it a digit?", counts beside the first, "which?".
IS_DIGIT_WEIGHT = 0.3
# The layer after Flatten.
FIRST_DENSE = 9


class Lesson(keras.Model):  # type: ignore[misc] # Keras comes without types
    """The network in training, with a second small output on its Dense 256: the log-odds of being a digit at all.

    `fit` takes what `Steps` gives; `evaluate` takes pictures and labels as the network itself does. The step computes
    what Keras' own would, with the fused blocks of `fused.py`. Both outputs learn together, so that the 256 features
    also tell digits from the rest.
    """

    def __init__(self, network: keras.Sequential, seed: int, freeze: bool = False) -> None:
        """Take a network to be taught. freeze: what its convolutions look for stays; only what follows them learns."""
        super().__init__()
        self.network = network
        self.frozen = freeze
        self._set_trainable(not freeze)
        self.is_digit = keras.layers.Dense(1, name="is_digit")
        self.is_digit.build((None, network.layers[-2].units))
        self._seed = seed
        self._loss = keras.metrics.Mean(name="loss")
        self._accuracy = keras.metrics.Mean(name="accuracy")

    def thaw(self) -> None:
        """Leave a network of which every layer can be trained: a model file says that of each."""
        self._set_trainable(True)

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        """Answer as the network does."""
        return in_parts(lambda part: self.network(part, training=False), pictures)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What `fit` and `evaluate` report: loss and accuracy over the digits."""
        return [self._loss, self._accuracy]

    @within_a_graph
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:  # noqa: ANN401 # as Keras hands it over
        """Teach one step of `Steps`."""
        self.learn_from(self.gradients(data))
        return dict(self.get_metrics_result())

    @within_a_graph
    def gradients(self, data: Any) -> list[tf.Tensor]:  # noqa: ANN401 # as above
        """Find what one step of `Steps` would change of each trainable variable, and count its loss and accuracy."""
        (pictures, points, pen), labels = data
        count = tf.shape(pictures)[0]
        # Each core takes a part of its own through all layers, and none waits for another before the sum of gradients.
        digits, drawn = deal(labels[:count]), deal(labels[count:])
        labels = tf.concat([part for kinds in zip(digits, drawn, strict=True) for part in kinds], 0)
        seeds = tf.random.split(tf.stack([self._seed, tf.cast(self.optimizer.iterations.value, tf.int32)]), 2 * PARTS)
        parts = zip(deal(pictures), deal(points), deal(pen), tf.unstack(seeds[:PARTS]), strict=True)
        seen = [vary_and_draw(*part) for part in parts]
        is_digit = labels != NOT_A_DIGIT
        with tf.GradientTape() as tape:
            answers = [self._answer(part, seeds[PARTS + number]) for number, part in enumerate(seen)]
            logits, digit_logits = (tf.concat(answer, 0) for answer in zip(*answers, strict=True))
            of_digits = tf.boolean_mask(
                tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits), is_digit
            )
            which = tf.reduce_mean(of_digits)
            whether = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(is_digit, tf.float32), digit_logits)
            )
            loss = which + IS_DIGIT_WEIGHT * whether
        self._report(which, tf.boolean_mask(logits, is_digit), tf.boolean_mask(labels, is_digit))
        gradients: list[tf.Tensor] = tape.gradient(loss, [variable.value for variable in self.trainable_variables])
        return gradients

    @compiled
    def learn_from(self, gradients: list[tf.Tensor]) -> None:
        """Change what learns by its gradients, in one loop for each variable instead of two dozen."""
        self.optimizer.apply(gradients, self.trainable_variables)

    @within_a_graph
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:  # noqa: ANN401 # as above
        """Examine the network on pictures and labels."""
        pictures, labels = data
        probabilities = self(pictures)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        self._report(tf.reduce_mean(losses), probabilities, tf.cast(labels, tf.int32))
        return dict(self.get_metrics_result())

    def _answer(self, x: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return logits (n, 10) and the log-odds of being a digit (n,), as in training: with dropout, unless frozen."""
        layers = self.network.layers
        x = self._frozen_features(x) if self.frozen else self._learning_features(x, seed)
        features = layers[FIRST_DENSE](x)
        logits = tf.matmul(features, layers[10].kernel.value) + layers[10].bias.value
        return logits, self.is_digit(features)[:, 0]

    def _set_trainable(self, trainable: bool) -> None:
        for layer in self.network.layers[:FIRST_DENSE]:
            layer.trainable = trainable

    def _frozen_features(self, x: tf.Tensor) -> tf.Tensor:
        for layer in self.network.layers[:FIRST_DENSE]:
            x = layer(x, training=False)
        return x

    def _learning_features(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        layers, seeds = self.network.layers, tf.unstack(tf.random.split(seed))
        for convolution, norm, seed in zip(layers[0:8:4], layers[2:8:4], seeds, strict=True):
            convolved = convolve(x, convolution)
            x, mean, variance = drop_normalise_pool(convolved, convolution.bias.value, norm, seed)
            for moving, current in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
                moving.assign(moving.value * norm.momentum + current * (1 - norm.momentum))
        return layers[8](x)

    def _report(self, loss: tf.Tensor, answers: tf.Tensor, labels: tf.Tensor) -> None:
        count = tf.cast(tf.size(labels), tf.float32)
        self._loss.update_state(loss, count)
        self._accuracy.update_state(tf.cast(tf.equal(tf.argmax(answers, 1, tf.int32), labels), tf.float32))


def deal(rows: tf.Tensor) -> list[tf.Tensor]:
    """Give each part every so manyth row, so that all have the same kinds.

    A slice with a step would be the same, a value at a time, and take a thirtieth of a step.
    """
    count = tf.shape(rows)[0]
    return [tf.gather(rows, tf.range(first, tf.maximum(first, count), PARTS)) for first in range(PARTS)]


@traced_once(  # of any number, for all parts of a step, and for whole steps
    [
        tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32),
        tf.TensorSpec([None, POINTS, 2], tf.float32),
        tf.TensorSpec([None, POINTS - 1], tf.float32),
        tf.TensorSpec([2], tf.int32),
    ]
)
def vary_and_draw(pictures: tf.Tensor, points: tf.Tensor, pen: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn a step of `Steps` into pictures float32 (n + m, 28, 28, 1), no two epochs alike."""
    seeds = tf.random.split(seed, 3)
    drawn = render(vary_strokes(points, seeds[0]), pen, *choose_pens(tf.shape(points)[0], seeds[1]))
    return tf.concat([vary_pictures(pictures, seeds[2]), drawn], 0)
