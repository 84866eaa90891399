"""Rows of shards in another order for every epoch, with the memory of a buffer.

The files come in random order, and each row leaves the buffer at a random time: rows of one file, and of files that
follow each other, are mixed over BUFFER_ROWS. So a file should not be sorted by label if it has more rows than that.
"""

from collections.abc import Iterator

import numpy as np

from trainer.dataset import SIDE
from trainer.shards import Shards

BUFFER_ROWS = 1 << 16  # 51 MB


class Stream:
    """Takes so many rows at each call, begun again where the rows of the shards do not suffice."""

    def __init__(self, shards: Shards, rng: np.random.Generator, rows: int) -> None:
        self._rows = rows
        self._blocks = self._endless(shards, rng)
        self._rest = np.zeros((0, 1 + SIDE * SIDE), dtype=np.uint8)

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the next rows: pictures uint8 (rows, 28, 28, 1) and labels uint8 (rows,). Raises DatasetError."""
        parts, count = [self._rest], len(self._rest)
        while count < self._rows:
            parts.append(next(self._blocks))
            count += len(parts[-1])
        cells = np.concatenate(parts) if len(parts) > 1 else self._rest
        self._rest = cells[self._rows :]
        return cells[: self._rows, 1:].reshape(-1, SIDE, SIDE, 1), cells[: self._rows, 0]

    def _endless(self, shards: Shards, rng: np.random.Generator) -> Iterator[np.ndarray]:
        while True:
            yield from shuffled(shards.blocks(rng.permutation(len(shards.files)).tolist()), rng)


def shuffled(
    blocks: Iterator[np.ndarray], rng: np.random.Generator, buffer_rows: int = BUFFER_ROWS
) -> Iterator[np.ndarray]:
    """Yield all rows of the blocks in another order, each no further from its place than the buffer lets it."""
    buffer, filled = None, 0
    for block in blocks:
        if buffer is None:
            buffer = np.empty((buffer_rows, block.shape[1]), dtype=block.dtype)
        into = min(len(block), buffer_rows - filled)
        buffer[filled : filled + into] = block[:into]
        filled += into
        for start in range(into, len(block), buffer_rows):
            coming = block[start : start + buffer_rows]
            places = rng.choice(buffer_rows, len(coming), replace=False, shuffle=False)
            leaving = buffer[places]
            buffer[places] = coming
            yield leaving
    if buffer is not None:
        yield buffer[rng.permutation(filled)]
