"""Publish a model as a whole or not at all; shared/README.md holds the protocol and manifest.schema.json its form."""

import contextlib
import errno
import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import absl.logging
import keras
import numpy as np

from trainer.dataset import LABELS, PIXEL_MAX, SIDE, Digits, normalise
from trainer.digest import sha256
from trainer.errors import PublishError
from trainer.json_text import to_json_text
from trainer.published import ARTEFACTS

SCHEMA_VERSION = 1
# Chosen on letters of fonts and on the digits of six writers: lower, clumsy letters pass; higher, hasty digits do not.
MIN_DIGIT_PROBABILITY = 0.8
# Kernels of another runtime add up in another order; what they agree on is far closer than any two digits.
PROBE_TOLERANCE = 1e-3
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def publish(
    model: keras.Model,
    is_digit: keras.layers.Dense,
    shared_dir: Path,
    test: Digits,
    facts: Mapping[str, object],
    write_extras: Callable[[Path], object],
) -> str:
    """Publish `model` in `shared_dir` and return its version.

    is_digit: the layer that makes the log-odds of being a digit from what reaches the model's last layer;
    facts: the manifest's metrics, training and data; write_extras: adds what people look at to the version's folder.
    Raises PublishError if the folder cannot be written or the model does not read back as it was; what was
    published before then stays as it is.
    """
    probe = make_probe(model, is_digit, test)
    try:
        with _only_publisher(shared_dir):
            versions = shared_dir / "versions"
            for leftover in versions.glob(".partial-*"):  # a publisher that was killed; the lock says it is not at work
                shutil.rmtree(leftover)
            partial = versions / f".partial-{os.getpid()}"
            partial.mkdir(parents=True)
            _write_model(model, is_digit, partial)
            _check_read_back(partial, probe)
            version = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{sha256(partial / 'model.h5')[:8]}"
            manifest = _manifest(version, partial, probe, facts)
            write_extras(partial)
            (partial / "manifest.json").write_text(to_json_text(manifest), encoding="utf-8")
            for path in [*partial.iterdir(), partial]:
                _flush(path)
            with _uninterrupted():
                partial.rename(versions / version)
                _flush(versions)
                for name in _commit_order(shared_dir):
                    _replace(shared_dir / name, (versions / version / name).read_bytes())
            return version
    except OSError as error:
        raise _not_written(shared_dir, error) from error


def check_writable(shared_dir: Path) -> None:
    """Raise PublishError now rather than after the training if nothing can be published in `shared_dir`."""
    try:
        with _only_publisher(shared_dir):
            (shared_dir / "versions").mkdir(exist_ok=True)
            _flush(shared_dir / "versions")
    except OSError as error:
        raise _not_written(shared_dir, error) from error


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


def _not_written(shared_dir: Path, error: OSError) -> PublishError:
    return PublishError(
        f"{shared_dir}: the model could not be written ({error.strerror or error}); what was published before is "
        "untouched: make room or mend the folder's permissions, then train again"
    )


def _manifest(version: str, folder: Path, probe: dict[str, object], facts: Mapping[str, object]) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "version": version,
        "created_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
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


def _check_read_back(folder: Path, probe: dict[str, object]) -> None:
    model = keras.models.model_from_json((folder / "model.json").read_text(encoding="utf-8"))
    model.load_weights(folder / "model.h5")
    pixels = np.array(probe["inputs"], dtype=np.uint8).reshape(-1, SIDE, SIDE)
    difference = float(np.abs(model.predict(normalise(pixels), verbose=0) - np.array(probe["outputs"])).max())
    if not difference <= PROBE_TOLERANCE:
        raise PublishError(f"the written model differs from the trained one by {difference:.2g}; nothing is published")


def _commit_order(shared_dir: Path) -> tuple[str, ...]:
    """Put the manifest last: a reader takes it as the commit.

    But first where there is none yet: a reader would then take the two files, one of them new and one old, for a
    pair of the user's own. What the manifest names is whole in its version's folder by now.
    """
    if (shared_dir / "manifest.json").exists():
        return (*ARTEFACTS, "manifest.json")
    return ("manifest.json", *ARTEFACTS)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a Ctrl-C or a stop wait until what has begun to be visible is whole.

    Not by a signal mask: that is the thread's own, and TensorFlow's threads would let the signal in.
    """
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for interruption in came:
        signal.raise_signal(interruption)


@contextlib.contextmanager
def _only_publisher(shared_dir: Path) -> Iterator[None]:
    shared_dir.mkdir(parents=True, exist_ok=True)
    with (shared_dir / ".publish.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content)
    _flush(temporary)
    os.replace(temporary, path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until the disk holds the file or the folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Folders that a hypervisor shares with its machine cannot be flushed; their files can.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)
