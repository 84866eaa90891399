"""The convolutions of a training step, which take three quarters of its time: in bfloat16 where that is faster.

Products of bfloat16 are summed in float32, the weights stay float32, and the network that is published computes in
float32 as ever. One convolution of 128 x 12 x 12 x 32 with its gradients: 27.4 ms in float32, 17.2 ms so (one core of
an AMD EPYC 9004; benchmarks/README.md says what it does to a training).
"""

import functools
from pathlib import Path

import keras
import tensorflow as tf

CPUINFO = Path("/proc/cpuinfo")
# Fewer channels make it no faster.
LEAST_CHANNELS = 32


def convolve(x: tf.Tensor, convolution: keras.layers.Conv2D) -> tf.Tensor:
    """Compute a layer's convolution alone, without its bias and activation: float32 (n, height, width, filters)."""
    kernel, padding = convolution.kernel.value, convolution.padding.upper()
    if x.shape[-1] < LEAST_CHANNELS or not has_fast_bfloat16():
        return tf.nn.conv2d(x, kernel, 1, padding)
    return tf.cast(tf.nn.conv2d(tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16), 1, padding), tf.float32)


@functools.cache
def has_fast_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 faster than float32, by its own account.

    Intel's without AMX have the instructions too, but take nearly twice as long with them.
    """
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return "amx_bf16" in flags or ("avx512_bf16" in flags and any("AuthenticAMD" in line for line in lines))
