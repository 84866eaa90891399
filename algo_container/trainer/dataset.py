"""Read, check and normalise digits in Kaggle's CSV layout: `label,1x1,...,28x28`."""

import csv
import gzip
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from trainer.digest import sha256
from trainer.errors import DatasetError

SIDE = 28
LABELS = range(10)
PIXEL_MAX = 255
COLUMNS = ["label", *(f"{row}x{column}" for row in range(1, SIDE + 1) for column in range(1, SIDE + 1))]
FILE_NAMES = {
    "train": ("train.csv", "train.csv.gz", "mnist_train.csv", "mnist_train.csv.gz"),
    "test": ("test.csv", "test.csv.gz", "mnist_test.csv", "mnist_test.csv.gz"),
}
# Enough rows that the parser's fixed cost a chunk vanishes, few enough that its int64 copy stays near 13 MB.
BLOCK_ROWS = 2_000
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
    """Normalised pictures for the network. x: float32 (n, 28, 28, 1) in 0..1; y: uint8 (n,)."""

    x: np.ndarray
    y: np.ndarray


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
        _check_header(path)
        # Bytearrays grow in place; joining a list of blocks would hold every pixel twice.
        labels_bytes, pixels_bytes = bytearray(), bytearray()
        for block in _read_blocks(path):
            labels_bytes += block[:, 0].tobytes()
            pixels_bytes += block[:, 1:].tobytes()
    except UNREADABLE as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error}); it may be cut off: copy or fetch it again"
        ) from error
    if not labels_bytes:
        raise DatasetError(f"{path.name}: has a header but no rows, expected at least one row of every digit 0-9")
    labels = np.frombuffer(labels_bytes, dtype=np.uint8)
    pixels = np.frombuffer(pixels_bytes, dtype=np.uint8).reshape(-1, SIDE, SIDE)
    missing = sorted(set(LABELS) - set(np.unique(labels).tolist()))
    if missing:
        raise DatasetError(
            f"{path.name}: none of its {len(labels)} rows has the label {', '.join(map(str, missing))}, "
            "expected at least one row of every digit 0-9"
        )
    return Digits(labels, pixels, {"file": path.name, "rows": len(labels), "sha256": sha256(path)})


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
    x = normalise(digits.pixels)
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


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _check_header(path: Path) -> None:
    with _open_text(path) as file:
        header = next(csv.reader(file), None)
    if not header:
        raise DatasetError(f"{path.name}: is empty, expected the header label,1x1,...,28x28")
    for position, (got, wanted) in enumerate(zip(header, COLUMNS, strict=False), start=1):
        if got.strip() != wanted:
            raise DatasetError(f"{path.name}: header column {position} is {got[:40]!r}, expected {wanted!r}")
    if len(header) != len(COLUMNS):
        raise DatasetError(f"{path.name}: the header has {len(header)} columns, expected {len(COLUMNS)}")


def _read_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield uint8 (rows, 785) blocks; int64 first, because pandas wraps 256 to 0 when asked for uint8."""
    options = {"header": 0, "names": COLUMNS, "index_col": False, "dtype": np.int64, "chunksize": BLOCK_ROWS}
    try:
        with warnings.catch_warnings(), pd.read_csv(path, **options) as frames:
            warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas only warns where it drops a column
            for frame in frames:
                block = frame.to_numpy()
                if block.size and not (block.min() >= 0 and block.max() <= PIXEL_MAX and block[:, 0].max() in LABELS):
                    raise _first_fault(path)
                yield block.astype(np.uint8)
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:  # a ParserError is a ValueError
        raise _first_fault(path) from error


def _first_fault(path: Path) -> DatasetError:
    """Read the file again, slowly, for the first cell that is wrong; pandas does not say where it is."""
    with _open_text(path) as file:
        rows = csv.reader(file)
        next(rows)
        for number, row in enumerate((row for row in rows if row), start=1):
            where = f"{path.name}: row {number}"
            if len(row) != len(COLUMNS):
                return DatasetError(f"{where} has {len(row) - 1} pixels, expected {len(COLUMNS) - 1}")
            for column, cell in zip(COLUMNS, row, strict=True):
                limit = max(LABELS) if column == "label" else PIXEL_MAX
                if not cell.strip():
                    return DatasetError(f"{where}, column {column}: is empty, expected a whole number 0-{limit}")
                if not _is_whole(cell, limit):
                    return DatasetError(f"{where}, column {column}: {cell[:40]!r}, expected a whole number 0-{limit}")
    return DatasetError(f"{path.name}: cannot be parsed as CSV; save it again as plain comma-separated UTF-8")


def _is_whole(cell: str, limit: int) -> bool:
    """Tell whether pandas, too, reads the cell as a whole number from 0 to `limit`; it takes 7.0 for one."""
    try:
        value = float(cell)
    except ValueError:
        return False
    return cell.isascii() and value.is_integer() and 0 <= value <= limit
