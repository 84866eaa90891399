"""model.onnx is the trained network: runtimes that know nothing of Keras answer by it as Keras does."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from trainer.dataset import Digits
from trainer.errors import PublishError
from trainer.network import build_cnn
from trainer.older_model import add_onnx
from trainer.onnx_export import read_with_onnx, write_onnx
from trainer.publishing import onnx_difference, publish

PRETRAINED = Path(__file__).parents[2] / "shared" / "pretrained"


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Sequential, keras.layers.Dense]:
    """A network whose every weight is its own, so that none can stand in another's place unseen."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    network, is_digit = build_cnn(), keras.layers.Dense(1)
    is_digit.build((None, 256))
    for layer in (network, is_digit):
        weights = [
            weight + (rng.uniform(0, 0.1, weight.shape) if weight.ndim == 1 else 0) for weight in layer.get_weights()
        ]
        layer.set_weights(weights)
    return network, is_digit


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (10, 28, 28), dtype=np.uint8)


def test_two_runtimes_answer_as_keras_does_to_any_number_of_pictures(trained, pictures, tmp_path):
    network, is_digit = trained
    write_onnx(network, is_digit, 0.8, tmp_path / "model.onnx")
    x = pictures[..., np.newaxis].astype(np.float32) / 255
    wanted = network.predict(x, verbose=0)
    features = keras.Model(network.inputs, network.layers[-1].input).predict(x, verbose=0)
    wanted_digit = 1 / (1 + np.exp(-np.asarray(is_digit(features))[:, 0]))
    assert np.ptp(wanted, axis=0).max() > 1e-3  # the pictures are told apart
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for count in (1, 10):
        probabilities, digit_probability, answers = session.run(None, {"pictures": x[:count]})
        np.testing.assert_allclose(probabilities, wanted[:count], atol=1e-5)
        np.testing.assert_allclose(digit_probability, wanted_digit[:count], atol=1e-5)
        assert np.array_equal(answers, digit_probability >= np.float32(0.8))
    for got, right in zip(read_with_onnx(tmp_path / "model.onnx", pictures), (wanted, wanted_digit), strict=True):
        np.testing.assert_allclose(got, right, atol=1e-5)


def test_the_same_network_gives_the_same_file(trained, tmp_path):
    for name in ("one", "other"):
        write_onnx(*trained, 0.8, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_layer_that_cannot_be_written_is_named(trained, tmp_path):
    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.UnitNormalization()])
    with pytest.raises(PublishError, match="is a UnitNormalization, which onnx_export.py cannot write"):
        write_onnx(network, trained[1], 0.8, tmp_path / "model.onnx")


def test_nothing_is_published_if_the_file_answers_otherwise(trained, pictures, tmp_path, monkeypatch):
    network, is_digit = trained
    other = build_cnn()
    monkeypatch.setattr("trainer.publishing.write_onnx", lambda _model, *rest: write_onnx(other, *rest))
    with pytest.raises(PublishError, match=r"model\.onnx differs from the trained model by"):
        publish(
            network, is_digit, tmp_path, Digits(np.arange(10, dtype=np.uint8), pictures, {}), {}, lambda _folder: None
        )
    assert not (tmp_path / "manifest.json").exists()
    assert not [path for path in (tmp_path / "versions").iterdir() if not path.name.startswith(".")]


def test_the_shipped_file_is_the_shipped_network():
    probe = json.loads((PRETRAINED / "manifest.json").read_text())["probe"]
    assert onnx_difference(PRETRAINED / "model.onnx", probe) < 1e-5


def test_an_earlier_model_gets_its_file_and_nothing_else_changes(tmp_path):
    folder = Path(shutil.copytree(PRETRAINED, tmp_path / "model"))
    whole = (folder / "manifest.json").read_text()
    manifest = json.loads(whole)
    del manifest["files"]["model.onnx"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shipped = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").unlink()
    add_onnx(folder)
    assert (folder / "manifest.json").read_text() == whole
    assert (folder / "model.onnx").read_bytes() == shipped


def test_an_earlier_model_that_is_another_one_gets_none(tmp_path):
    folder = Path(shutil.copytree(PRETRAINED, tmp_path / "model"))
    (folder / "model.onnx").unlink()
    build_cnn().save(folder / "model.h5", include_optimizer=False)
    with pytest.raises(PublishError, match="its answers to the probe differ by"):
        add_onnx(folder)
    assert not (folder / "model.onnx").exists()
    with pytest.raises(PublishError, match="expected a folder with one model"):
        add_onnx(tmp_path)
