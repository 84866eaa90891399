"""A convolution computes the same in bfloat16, nearly, and takes it only from processors that are faster with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from trainer import convolution
from trainer.convolution import convolve, has_fast_bfloat16

FLAGS = "flags\t\t: fpu avx512f {}\n"


@pytest.fixture
def layer() -> keras.layers.Conv2D:
    keras.utils.set_random_seed(1)
    layer = keras.layers.Conv2D(64, 5)
    layer.build((None, 12, 12, 32))
    return layer


def values_and_gradients(layer, x, upstream):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = convolve(x, layer)
    return (y, *tape.gradient(y, [x, layer.kernel.value], upstream))


def test_values_and_gradients_are_float32_and_within_two_percent_of_exact_ones(layer, monkeypatch):
    rng = np.random.default_rng(1)
    x, upstream = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ((8, 12, 12, 32), (8, 8, 8, 64)))
    results = {}
    for fast in (True, False):
        monkeypatch.setattr(convolution, "has_fast_bfloat16", lambda fast=fast: fast)
        results[fast] = values_and_gradients(layer, x, upstream)
    for coarse, exact in zip(results[True], results[False], strict=True):
        assert coarse.dtype == tf.float32
        error = np.linalg.norm(coarse.numpy() - exact.numpy()) / np.linalg.norm(exact.numpy())
        assert 0 < error < 0.02
    exact = tf.nn.conv2d(x, layer.kernel.value, 1, "VALID")
    assert np.array_equal(results[False][0], exact)


@pytest.mark.parametrize(
    ("cpuinfo", "fast"),
    [
        ("vendor_id\t: AuthenticAMD\n" + FLAGS.format("avx512_bf16"), True),
        ("vendor_id\t: AuthenticAMD\n" + FLAGS.format(""), False),
        ("vendor_id\t: GenuineIntel\n" + FLAGS.format("avx512_bf16"), False),
        ("vendor_id\t: GenuineIntel\n" + FLAGS.format("avx512_bf16 amx_bf16"), True),
        ("CPU part\t: 0xd40\n", False),
        (None, False),
    ],
)
def test_the_processor_says_whether_it_is_faster_with_bfloat16(tmp_path, monkeypatch, cpuinfo, fast):
    monkeypatch.setattr(convolution, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    has_fast_bfloat16.cache_clear()
    assert has_fast_bfloat16() is fast
    has_fast_bfloat16.cache_clear()
