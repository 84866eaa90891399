"""Read a CSV of whole numbers by all of CSV's rules, and name the first cell that is wrong."""

import csv
import gzip
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from trainer.errors import DatasetError

# Enough rows that the parser's fixed cost a chunk vanishes, few enough that its int64 copy stays near 13 MB.
BLOCK_ROWS = 2_000


def read_blocks(path: Path, limits: Mapping[str, int]) -> Iterator[np.ndarray]:
    """Yield a CSV or gzipped CSV as uint8 (rows, columns) blocks. limits: each column's largest number, at most 255.

    Raises DatasetError naming the file, the row and the column, what was there and what was wanted.
    """
    _check_header(path, list(limits))
    largest = np.array(list(limits.values()))
    # int64 first, because pandas wraps 256 to 0 when asked for uint8.
    options = {"header": 0, "names": list(limits), "index_col": False, "dtype": np.int64, "chunksize": BLOCK_ROWS}
    try:
        with warnings.catch_warnings(), pd.read_csv(path, **options) as frames:
            warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas only warns where it drops a column
            warnings.simplefilter("error", RuntimeWarning)  # and NumPy where a number is no int64
            for frame in frames:
                block = frame.to_numpy()
                if block.size and (block.min() < 0 or (block.max(axis=0) > largest).any()):
                    raise _first_fault(path, limits)
                yield block.astype(np.uint8)
    except (
        ValueError,
        OverflowError,
        pd.errors.ParserWarning,
        RuntimeWarning,
    ) as error:  # a ParserError is a ValueError
        raise _first_fault(path, limits) from error


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _check_header(path: Path, columns: list[str]) -> None:
    with _open_text(path) as file:
        header = next(csv.reader(file), None)
    if not header:
        raise DatasetError(f"{path.name}: is empty, expected the header {columns[0]},{columns[1]},...,{columns[-1]}")
    for position, (got, wanted) in enumerate(zip(header, columns, strict=False), start=1):
        if got.strip() != wanted:
            raise DatasetError(f"{path.name}: header column {position} is {got[:40]!r}, expected {wanted!r}")
    if len(header) != len(columns):
        raise DatasetError(f"{path.name}: the header has {len(header)} columns, expected {len(columns)}")


def _first_fault(path: Path, limits: Mapping[str, int]) -> DatasetError:
    """Read the file again, slowly, for the first cell that is wrong; pandas does not say where it is."""
    with _open_text(path) as file:
        rows = csv.reader(file)
        next(rows)
        for number, row in enumerate((row for row in rows if row), start=1):
            where = f"{path.name}: row {number}"
            if len(row) != len(limits):
                return DatasetError(f"{where} has {len(row) - 1} pixels, expected {len(limits) - 1}")
            for (column, limit), cell in zip(limits.items(), row, strict=True):
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
