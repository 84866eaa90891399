"""The network and the correction of its BatchNormalization statistics."""

import keras
import numpy as np
import pytest
from trainer.network import build_cnn, reestimate_batch_norm


def test_statistics_are_those_of_the_layers_input_with_dropout_off():
    keras.utils.set_random_seed(3)
    model = build_cnn()
    x = np.random.default_rng(0).random((150, 28, 28, 1), dtype=np.float32)
    reestimate_batch_norm(model, x)
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.BatchNormalization):
            seen = keras.Model(model.inputs[0], model.layers[index - 1].output).predict(x, verbose=0)
            assert np.asarray(layer.moving_mean) == pytest.approx(seen.mean((0, 1, 2)), abs=1e-5)
            assert np.asarray(layer.moving_variance) == pytest.approx(seen.var((0, 1, 2)), abs=1e-5)
