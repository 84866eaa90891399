"""Read, check and normalise digits in Kaggle's CSV layout: `label,1x1,...,28x28`."""

import csv
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from trainer import careful_csv, csv_cache, plain_csv
from trainer.digest import sha256
from trainer.errors import DatasetError

SIDE = 28
LABELS = range(10)
PIXEL_MAX = 255
COLUMNS = ["label", *(f"{row}x{column}" for row in range(1, SIDE + 1) for column in range(1, SIDE + 1))]
LIMITS = {"label": max(LABELS)} | dict.fromkeys(COLUMNS[1:], PIXEL_MAX)
FILE_NAMES = {
    "train": ("train.csv", "train.csv.gz", "mnist_train.csv", "mnist_train.csv.gz"),
    "test": ("test.csv", "test.csv.gz", "mnist_test.csv", "mnist_test.csv.gz"),
}
UNREADABLE = (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)


@dataclass(frozen=True)
class Digits:
    """Labelled pictures. labels: uint8 (n,); pixels: uint8 (n, 28, 28), ink is bright."""

    labels: np.ndarray
    pixels: np.ndarray
    source: dict[str, object]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Part:
    """Pictures for the network. x: float32 (n, 28, 28, 1) in 0..1, or uint8 before they are normalised; y: uint8 (n,).

    uint8 takes a fourth of the memory.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def normalised(self) -> np.ndarray:
        """The pictures as the network takes them."""
        return normalise(self.x) if self.x.dtype == np.uint8 else self.x


def find_csvs(data_dir: Path) -> dict[str, Path] | None:
    """Find the train and test CSV in `data_dir`; None when neither is there.

    Raises DatasetError if only one of the two is there: halves of two data sets must not be mixed.
    """
    found = {
        part: next((data_dir / name for name in names if (data_dir / name).is_file()), None)
        for part, names in FILE_NAMES.items()
    }
    present = {part: path for part, path in found.items() if path is not None}
    if not present:
        return None
    for part, path in found.items():
        if path is None:
            other = next(iter(present.values()))
            raise DatasetError(
                f"{data_dir}: {other.name} is there, but no {part} file; put {part}.csv beside it "
                f"(accepted names: {', '.join(FILE_NAMES[part])}), or remove {other.name} to have both fetched"
            )
    return present


def read_digits(path: Path) -> Digits:
    """Read one CSV or gzipped CSV in Kaggle's layout and check every cell of it.

    Raises DatasetError naming the file, the row and the column, what was there and what was wanted.
    """
    try:
        digest = sha256(path)
        cells = csv_cache.load(path, digest, LIMITS)
        if cells is None:
            cells = _read_cells(path)
            if sha256(path) == digest:  # what changed while it was read must not be kept under its old name
                csv_cache.store(path, digest, cells)
    except UNREADABLE as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error}); it may be cut off: copy or fetch it again"
        ) from error
    labels, pixels = cells[:, 0].copy(), cells[:, 1:].reshape(-1, SIDE, SIDE)
    return Digits(labels, pixels, {"file": path.name, "rows": len(labels), "sha256": digest})


def normalise(pixels: np.ndarray) -> np.ndarray:
    """Scale uint8 (n, 28, 28) to float32 (n, 28, 28, 1) in 0..1, on the fixed range 0..255.

    The range is fixed, not fitted, so that no batch's own extremes change what a grey value means.
    """
    scaler = MinMaxScaler(copy=False).fit(np.array([[0], [PIXEL_MAX]], dtype=np.float32))
    column = pixels.astype(np.float32).reshape(-1, 1)
    scaled: np.ndarray = scaler.transform(column)
    return scaled.reshape(-1, SIDE, SIDE, 1)


def split(digits: Digits, validation_share: float, seed: int) -> tuple[Part, Part | None]:
    """Hold out a stratified share of the digits for validation; None when the share is 0."""
    x = digits.pixels[..., np.newaxis]
    if validation_share == 0:
        return Part(x, digits.labels), None
    try:
        fit_rows, held_rows = train_test_split(
            np.arange(len(digits)), test_size=validation_share, stratify=digits.labels, random_state=seed
        )
    except ValueError as error:
        raise DatasetError(
            f"{digits.source['file']}: {len(digits)} rows are too few to hold out {validation_share:.0%} of every "
            f"digit ({error}); add rows or set --validation-share 0"
        ) from error
    return Part(x[fit_rows], digits.labels[fit_rows]), Part(x[held_rows], digits.labels[held_rows])


def _read_cells(path: Path) -> np.ndarray:
    """Read the file itself, uint8 (rows, 785), with at least one row of every digit. Raises DatasetError."""
    try:
        cells = _join(plain_csv.read_blocks(path, LIMITS))
    except plain_csv.NotPlainError:
        cells = _join(careful_csv.read_blocks(path, LIMITS))
    if not len(cells):
        raise DatasetError(f"{path.name}: has a header but no rows, expected at least one row of every digit 0-9")
    missing = sorted(set(LABELS) - set(np.unique(cells[:, 0]).tolist()))
    if missing:
        raise DatasetError(
            f"{path.name}: none of its {len(cells)} rows has the label {', '.join(map(str, missing))}, "
            "expected at least one row of every digit 0-9"
        )
    return cells


def _join(blocks: Iterable[np.ndarray]) -> np.ndarray:
    joined = bytearray()  # which grows in place; a list of blocks, joined, would be all of them twice
    for block in blocks:
        joined += block.tobytes()
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, len(LIMITS))
