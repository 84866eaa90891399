"""Fetch MNIST where no CSV is present: from Kaggle, and failing that from the Keras project's mirror."""

import contextlib
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from trainer.dataset import COLUMNS, find_csvs, read_digits
from trainer.errors import DatasetError, DownloadError

KAGGLE_DATASET = "oddrational/mnist-in-csv"
TIMEOUT_S = 30
ROWS = {"train": 60_000, "test": 10_000}

log = logging.getLogger(__name__)


def fetch_csvs(data_dir: Path) -> dict[str, Path]:
    """Leave a checked `train.csv` and `test.csv` in `data_dir` and return their paths.

    Sources: the public Kaggle data set oddrational/mnist-in-csv, then `keras.datasets.mnist`.
    Raises DownloadError, in one sentence, if neither answers or neither holds what MNIST holds, and DatasetError if
    nothing can be written in `data_dir`.
    """
    _check_writable(data_dir)
    for name, source in (("Kaggle", _from_kaggle), ("the Keras mirror", _from_keras)):
        # Beside their final place: the rename at the end is then atomic, and a failure leaves no CSV behind.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=data_dir) as folder:
            try:
                fetched = source(Path(folder))
                for part, path in fetched.items():
                    _check_size(part, path)
            except Exception as error:  # noqa: BLE001 # any failure of a client we do not own means: try the next
                log.warning("MNIST could not be fetched from %s: %s", name, _one_line(error))
                continue
            for part, path in fetched.items():
                os.replace(path, data_dir / f"{part}.csv")
            log.info("fetched MNIST from %s into %s", name, data_dir)
            return {part: data_dir / f"{part}.csv" for part in fetched}
    raise DownloadError(
        f"{data_dir} holds no data and MNIST could not be fetched: put train.csv and test.csv (mnist_train.csv and "
        f"mnist_test.csv of kaggle.com/datasets/{KAGGLE_DATASET}) into {data_dir} and run this again."
    )


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".fetch-", dir=data_dir):
            pass
    except OSError as error:
        raise DatasetError(
            f"{data_dir} holds no data, and none can be fetched into it ({error.strerror}): put train.csv and test.csv "
            "there, or make room or mend the folder's permissions, then run this again"
        ) from error


def _from_kaggle(folder: Path) -> dict[str, Path]:
    with _environment(KAGGLEHUB_CACHE=str(folder / "kaggle")), contextlib.redirect_stdout(sys.stderr):
        import kagglehub  # here, because it reads its environment and the disk when it is imported

        found = find_csvs(Path(kagglehub.dataset_download(KAGGLE_DATASET)))
    if found is None:
        raise DatasetError(f"the Kaggle data set {KAGGLE_DATASET} holds no CSV by a known name")
    return {part: Path(shutil.move(path, folder / f"{part}.csv")) for part, path in found.items()}


def _from_keras(folder: Path) -> dict[str, Path]:
    with contextlib.redirect_stdout(sys.stderr):
        import keras  # here, because TensorFlow takes seconds to start

        # Keras' own client has no time-out: a mirror that stops answering would hold the trainer for ever.
        socket.setdefaulttimeout(TIMEOUT_S)
        try:
            (train_x, train_y), (test_x, test_y) = keras.datasets.mnist.load_data()
        finally:
            socket.setdefaulttimeout(None)
    return {
        part: _write_csv(folder / f"{part}.csv", x, y)
        for part, x, y in (("train", train_x, train_y), ("test", test_x, test_y))
    }


def _write_csv(path: Path, pixels: np.ndarray, labels: np.ndarray) -> Path:
    table = np.column_stack([labels, pixels.reshape(len(labels), -1)])
    pd.DataFrame(table, columns=COLUMNS).to_csv(path, index=False)
    return path


def _check_size(part: str, path: Path) -> None:
    rows = len(read_digits(path))
    if rows != ROWS[part]:
        raise DatasetError(f"{path.name}: has {rows} rows, expected the {ROWS[part]} of MNIST")


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
