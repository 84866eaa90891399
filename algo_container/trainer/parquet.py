"""Read a Parquet file of small whole numbers, a few thousand rows at a time, and name the first cell that is wrong."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from trainer.errors import DatasetError

BLOCK_ROWS = 4_000
# Of a column's data at a time, however many rows the writer has put into one group.
BUFFER_BYTES = 1 << 16


def read_blocks(path: Path, limits: Mapping[str, int]) -> Iterator[np.ndarray]:
    """Yield the columns of a Parquet file as uint8 (rows, columns) blocks. limits: each column's largest number.

    Columns may have any order and any type of whole numbers, and others may stand beside them. Raises DatasetError
    naming the file, the row and the column, what was there and what was wanted.
    """
    try:
        with parquet.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            _check_columns(path, file.schema_arrow, limits)
            row = 1
            for batch in file.iter_batches(BLOCK_ROWS, columns=list(limits), use_threads=False):
                yield _block(path, batch, limits, row)
                row += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0][:200]
        raise DatasetError(
            f"{path.name}: cannot be read as Parquet ({reason}); it may be cut off: copy or write it again"
        ) from error


def _check_columns(path: Path, schema: pa.Schema, limits: Mapping[str, int]) -> None:
    for name in limits:
        found = len(schema.get_all_field_indices(name))
        if found != 1:
            raise DatasetError(f"{path.name}: has {found} columns {name!r}, expected one of each of Kaggle's layout")
        kind = schema.field(name).type
        if not pa.types.is_integer(kind):
            raise DatasetError(f"{path.name}: column {name} holds {kind}, expected whole numbers 0-{limits[name]}")


def _block(path: Path, batch: pa.RecordBatch, limits: Mapping[str, int], first_row: int) -> np.ndarray:
    block = np.empty((batch.num_rows, len(limits)), dtype=np.uint8)
    for place, (name, limit) in enumerate(limits.items()):
        column = batch.column(name)
        # Where a number is missing, NumPy is given floats with NaN, which is not within the limits either.
        values = column.to_numpy(zero_copy_only=False)
        wrong = np.flatnonzero(~((values >= 0) & (values <= limit)))
        if wrong.size:
            got = column[int(wrong[0])].as_py()
            raise DatasetError(
                f"{path.name}: row {first_row + wrong[0]}, column {name}: {'is empty' if got is None else got}, "
                f"expected a whole number 0-{limit}"
            )
        block[:, place] = values
    return block
