"""Publish a model as a whole or not at all; shared/README.md holds the protocol and manifest.schema.json its form."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import absl.logging
import keras
import numpy as np

from trainer.artefacts import ARTEFACTS
from trainer.dataset import LABELS, PIXEL_MAX, SIDE, Digits, normalise
from trainer.digest import sha256
from trainer.disk import flush
from trainer.errors import PublishError
from trainer.json_text import to_json_text
from trainer.onnx_export import read_with_onnx, write_onnx
from trainer.versions import in_service, is_refused, next_time, not_written, only_publisher, shelve

SCHEMA_VERSION = 1
ONNX_NAME = "model.onnx"
# Chosen on letters of fonts and on the digits of six writers: lower, clumsy letters pass; higher, hasty digits do not.
MIN_DIGIT_PROBABILITY = 0.8
# Kernels of another runtime add up in another order; what they agree on is far closer than any two digits.
PROBE_TOLERANCE = 1e-3


def publish(
    model: keras.Model,
    is_digit: keras.layers.Dense,
    shared_dir: Path,
    test: Digits,
    facts: Mapping[str, object],
    write_extras: Callable[[Path], object],
) -> str:
    """Publish `model` in `shared_dir` and return its version; one that the gate refused is kept, but not served.

    is_digit: the layer that makes the log-odds of being a digit from what reaches the model's last layer;
    facts: the manifest's metrics, training and data and, of a retrained one, parent, base, feedback and gate;
    write_extras: adds what people look at to the version's folder. Raises PublishError if the folder cannot be written,
    the model does not read back as it was, or its parent is no longer in service; what was published before then stays
    as it is.
    """
    probe = make_probe(model, is_digit, test)
    try:
        with only_publisher(shared_dir, store_may_be_away=True):
            _check_parent(shared_dir, facts)
            partial = shared_dir / "versions" / f".partial-{os.getpid()}"
            partial.mkdir(parents=True)
            _write_model(model, is_digit, partial)
            _check_read_back(partial, probe)
            created_at = next_time(shared_dir)
            version = f"{created_at:%Y%m%dT%H%M%SZ}-{sha256(partial / 'model.h5')[:8]}"
            manifest = _manifest(version, created_at, partial, probe, facts)
            write_extras(partial)
            (partial / "manifest.json").write_text(to_json_text(manifest), encoding="utf-8")
            shelve(shared_dir, partial, version, serve=not is_refused(facts))
            return version
    except OSError as error:
        raise not_written(shared_dir, error) from error


def check_writable(shared_dir: Path, store_may_be_away: bool = False) -> None:
    """Raise PublishError now rather than after the training if nothing can be published in `shared_dir`.

    Where that is the copy of an object store, ObjectStoreError if that is away, unless it may be.
    """
    try:
        with only_publisher(shared_dir, store_may_be_away):
            (shared_dir / "versions").mkdir(exist_ok=True)
            flush(shared_dir / "versions")
    except OSError as error:
        raise not_written(shared_dir, error) from error


def make_probe(model: keras.Model, is_digit: keras.layers.Dense, test: Digits) -> dict[str, object]:
    """Take the first test row of every digit and what the model makes of it, for a reader to compare with."""
    rows = [int(np.flatnonzero(test.labels == label)[0]) for label in LABELS]
    pixels = test.pixels[rows]
    both = keras.Model(model.inputs, [model.outputs[0], keras.ops.sigmoid(is_digit(model.layers[-1].input))])
    outputs, digit_probabilities = both.predict(normalise(pixels), verbose=0)
    return {
        "inputs": pixels.reshape(len(rows), -1).tolist(),
        "outputs": [[round(float(value), 6) for value in row] for row in outputs],
        "is_digit": [round(float(value), 6) for value in digit_probabilities[:, 0]],
        "tolerance": PROBE_TOLERANCE,
    }


def probe_difference(model: keras.Model, probe: Mapping[str, object]) -> float:
    """Give the largest difference of the model's answers to the probe's pictures from those in the probe."""
    pixels = np.array(probe["inputs"], dtype=np.uint8).reshape(-1, SIDE, SIDE)
    return float(np.abs(model.predict(normalise(pixels), verbose=0) - np.array(probe["outputs"])).max())


def onnx_difference(path: Path, probe: Mapping[str, object]) -> float:
    """Give the largest difference of a file's answers to the probe's pictures from those in the probe."""
    pixels = np.array(probe["inputs"], dtype=np.uint8).reshape(-1, SIDE, SIDE)
    answers = zip(read_with_onnx(path, pixels), (probe["outputs"], probe["is_digit"]), strict=True)
    return max(float(np.abs(got - np.array(wanted)).max()) for got, wanted in answers)


def _check_parent(shared_dir: Path, facts: Mapping[str, object]) -> None:
    """Refuse to replace what the gate did not compare with."""
    now = in_service(shared_dir)
    if facts.get("parent") is not None and (now is None or now[0]["version"] != facts["parent"]):
        raise PublishError(
            f"version {facts['parent']}, from which this model was retrained, went out of service meanwhile; "
            "nothing is published: retrain from the one that serves now"
        )


def _manifest(
    version: str, created_at: datetime, folder: Path, probe: dict[str, object], facts: Mapping[str, object]
) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "version": version,
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%SZ}",
        "parent": None,
        "keras_version": keras.__version__,
        "input": {"shape": [SIDE, SIDE, 1], "divisor": PIXEL_MAX, "ink": "bright"},
        "labels": list(LABELS),
        "files": {
            name: {"sha256": sha256(folder / name), "size_bytes": (folder / name).stat().st_size} for name in ARTEFACTS
        },
        **facts,
        "probe": probe,
    }


def _write_model(model: keras.Model, is_digit: keras.layers.Dense, folder: Path) -> None:
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    # This form, not save_weights(): Keras 3 reads its own weights file under no name but `*.weights.h5`.
    absl.logging.set_verbosity(absl.logging.ERROR)  # Keras warns that HDF5 is its older form; readers of it are many
    model.save(folder / "model.h5", include_optimizer=False)
    kernel, bias = (keras.ops.convert_to_numpy(weights).ravel() for weights in (is_digit.kernel, is_digit.bias))
    test = {"weights": kernel.tolist(), "bias": float(bias[0]), "min_probability": MIN_DIGIT_PROBABILITY}
    (folder / "is_digit.json").write_text(to_json_text(test), encoding="utf-8")
    write_onnx(model, is_digit, MIN_DIGIT_PROBABILITY, folder / ONNX_NAME)


def _check_read_back(folder: Path, probe: dict[str, object]) -> None:
    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.h5")
    difference = probe_difference(model, probe)
    if not difference <= PROBE_TOLERANCE:
        raise PublishError(f"the written model differs from the trained one by {difference:.2g}; nothing is published")
    difference = onnx_difference(folder / ONNX_NAME, probe)
    if not difference <= PROBE_TOLERANCE:
        raise PublishError(f"{ONNX_NAME} differs from the trained model by {difference:.2g}; nothing is published")
