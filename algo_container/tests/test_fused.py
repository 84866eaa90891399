"""A fused block computes what Keras' four layers compute, forwards and backwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainer.fused import BITS, drop_normalise_pool

SEED = (5, 7)
CHANNELS = 64
SHAPE = (6, 8, 4, CHANNELS)


@pytest.fixture
def norm() -> keras.layers.BatchNormalization:
    rng = np.random.default_rng(0)
    layer = keras.layers.BatchNormalization()
    layer.build(SHAPE)
    layer.gamma.assign(rng.normal(1, 1, CHANNELS))  # some of them negative
    layer.beta.assign(rng.normal(0, 1, CHANNELS))
    return layer


def plain(convolved, bias, norm):
    """The same by Keras' own layers; only the dropout mask is the fused block's, from the same random bits."""
    bits = tf.random.stateless_uniform([*convolved.shape[:3], CHANNELS // BITS], SEED, None, None, tf.int32).numpy()
    mask = (bits[..., np.newaxis].view(np.uint32) >> np.arange(BITS, dtype=np.uint32)) & 1
    kept = tf.nn.relu(convolved + bias) * mask.reshape(convolved.shape).astype(np.float32) * 2
    return keras.layers.MaxPooling2D()(norm(kept, training=True)), kept


@pytest.mark.parametrize(("height", "width"), [(8, 4), (7, 5)])
def test_values_statistics_and_gradients_are_those_of_the_plain_layers(norm, height, width):
    rng = np.random.default_rng(1)
    convolved = tf.Variable(rng.normal(0, 1, (6, height, width, CHANNELS)).astype(np.float32))
    bias = keras.Variable(rng.normal(0, 1, CHANNELS).astype(np.float32))
    weights = rng.normal(0, 1, (6, height // 2, width // 2, CHANNELS)).astype(np.float32)
    variables = [convolved, bias.value, norm.gamma.value, norm.beta.value]
    with tf.GradientTape() as tape:
        pooled, mean, variance = drop_normalise_pool(convolved, bias.value, norm, tf.constant(SEED))
        loss = tf.reduce_sum(tf.sin(pooled) * weights)
    gradients = tape.gradient(loss, variables)
    with tf.GradientTape() as tape:
        wanted, kept = plain(convolved, bias.value, norm)
        loss = tf.reduce_sum(tf.sin(wanted) * weights)
    wanted_gradients = tape.gradient(loss, variables)
    assert pooled.numpy() == pytest.approx(wanted.numpy(), abs=1e-4)
    assert mean.numpy() == pytest.approx(kept.numpy().mean((0, 1, 2)), abs=1e-5)
    assert variance.numpy() == pytest.approx(kept.numpy().var((0, 1, 2)), abs=1e-4)
    for got, gradient in zip(gradients, wanted_gradients, strict=True):
        assert tf.convert_to_tensor(got).numpy() == pytest.approx(tf.convert_to_tensor(gradient).numpy(), abs=2e-3)


def test_blank_paper_whose_values_are_all_alike_teaches_the_bias_as_the_plain_layers_do(norm):
    convolved, weights = tf.zeros(SHAPE), np.random.default_rng(2).normal(0, 1, (6, 4, 2, CHANNELS)).astype(np.float32)
    bias = keras.Variable(np.linspace(-1, 1, CHANNELS, dtype=np.float32))
    gradients = []
    for pooled_of in (
        lambda: drop_normalise_pool(convolved, bias.value, norm, tf.constant(SEED))[0],
        lambda: plain(convolved, bias.value, norm)[0],
    ):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(pooled_of()) * weights)
        gradients.append(tf.convert_to_tensor(tape.gradient(loss, bias.value)).numpy())
    assert np.abs(gradients[1]).max() > 0.1
    assert gradients[0] == pytest.approx(gradients[1], abs=2e-3)


def test_half_of_the_values_is_dropped_and_another_half_for_another_seed(norm):
    ones, bias = tf.ones(SHAPE), tf.zeros(CHANNELS)
    _, mean, _ = drop_normalise_pool(ones, bias, norm, tf.constant(SEED))
    _, other, _ = drop_normalise_pool(ones, bias, norm, tf.constant((5, 8)))
    assert mean.numpy().mean() == pytest.approx(1.0, abs=0.03)
    assert np.abs(mean.numpy() - other.numpy()).max() > 0.05
