"""Training rows in many files, `train-*.csv`, `.csv.gz` or `.parquet`, which are never in memory together."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer import careful_csv, plain_csv
from trainer.dataset import LABELS, LIMITS, SIDE, UNREADABLE, Digits, Part
from trainer.digest import sha256
from trainer.errors import ClusterError, DatasetError

PATTERNS = ("train-*.csv", "train-*.csv.gz", "train-*.parquet")
# To watch a training by, more rows say nothing more.
MOST_HELD = 10_000


@dataclass(frozen=True)
class Shard:
    """One file. rows: that it has; sha256: of the file."""

    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class Shards:
    """All files, each read once and found right.

    held_every: of so many rows of a shard one is held out for validation, 0 for none, until `held_most` are; held:
    those, to be looked at.
    """

    files: tuple[Shard, ...]
    held_every: int
    held_most: int
    held: Part | None

    def __len__(self) -> int:
        """Count the rows to learn from."""
        return sum(shard.rows - self._held_of(shard.rows) for shard in self.files)

    @property
    def source(self) -> dict[str, object]:
        """Say what the files are, as the manifest does."""
        digests = "".join(shard.sha256 for shard in self.files)
        names = f"{self.files[0].path.name} to {self.files[-1].path.name}, {len(self.files)} files"
        rows = sum(shard.rows for shard in self.files)
        return {"file": names, "rows": rows, "sha256": hashlib.sha256(digests.encode()).hexdigest()}

    def share(self, index: int, workers: int) -> "Shards":
        """Give every so-manieth file to a worker. Raises ClusterError if there are too few for all workers."""
        if len(self.files) < workers:
            raise ClusterError(
                f"{len(self.files)} files train-* cannot be shared by {workers} workers; write the rows into at least "
                f"{workers} files, better of equal size"
            )
        return Shards(self.files[index::workers], self.held_every, self.held_most, self.held)

    def blocks(self, order: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield the rows to learn from, uint8 (rows, 785), the files in this order. Raises DatasetError."""
        for number in order:
            for block, held in _parted(self.files[number].path, self.held_every, self.held_most):
                yield block[~held]

    def sample(self, rows: int) -> Digits:
        """Give about so many of all rows, evenly spread. Raises DatasetError."""
        every = -(-len(self) // rows)
        cells = np.concatenate([block[::every] for block in self.blocks(range(len(self.files)))])[:rows]
        return Digits(cells[:, 0].copy(), cells[:, 1:].reshape(-1, SIDE, SIDE), self.source)

    def _held_of(self, rows: int) -> int:
        return int((held_rows(self.held_every, self.held_most) < rows).sum())


def find_shards(data_dir: Path) -> list[Path]:
    """Find the files in `data_dir`, in the order of their names."""
    return sorted(path for pattern in PATTERNS for path in data_dir.glob(pattern) if path.is_file())


def read_shards(paths: Sequence[Path], validation_share: float) -> Shards:
    """Check every cell of every file, and hold some rows out. Raises DatasetError naming file, row and column."""
    held_every = round(1 / validation_share) if validation_share else 0
    held_most = -(-MOST_HELD // len(paths))
    files, held, labels = [], [], set()
    for path in paths:
        rows = 0
        for block, is_held in _parted(path, held_every, held_most):
            rows += len(block)
            labels |= set(np.unique(block[:, 0]).tolist())
            held.append(block[is_held])
        if not rows:
            raise DatasetError(f"{path.name}: holds no rows; write some into it, or remove it")
        files.append(Shard(path, rows, sha256(path)))
    if missing := sorted(set(LABELS) - labels):
        raise DatasetError(
            f"{paths[0].name} to {paths[-1].name}: no row has the label {', '.join(map(str, missing))}, "
            "expected at least one row of every digit 0-9"
        )
    cells = np.concatenate(held)
    pixels = cells[:, 1:].reshape(-1, SIDE, SIDE, 1)
    return Shards(tuple(files), held_every, held_most, Part(pixels, cells[:, 0].copy()) if len(cells) else None)


def read_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield a file's rows as uint8 (rows, 785), each cell checked. Raises DatasetError."""
    if path.suffix == ".parquet":
        from trainer import parquet  # here: who reads CSVs does without its 100 MB

        yield from parquet.read_blocks(path, LIMITS)
        return
    given = 0
    try:
        try:
            for block in plain_csv.read_blocks(path, LIMITS):
                yield block
                given += len(block)
        except plain_csv.NotPlainError:
            # From the start, past what has been given already.
            for block in careful_csv.read_blocks(path, LIMITS):
                yield block[given:]
                given = max(0, given - len(block))
    except UNREADABLE as error:
        raise DatasetError(
            f"{path.name}: cannot be read ({error}); it may be cut off: copy or fetch it again"
        ) from error


def held_rows(every: int, most: int) -> np.ndarray:
    """Give which rows of a file are held out, counted from 0: one of each `every`, chosen at random, always the same.

    Not simply every n-th: labels may come round in such a rhythm.
    """
    if not every:
        return np.zeros(0, dtype=int)
    return every * np.arange(most) + np.random.default_rng(0).integers(0, every, most)


def _parted(path: Path, held_every: int, held_most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield a file's blocks, and of each row whether it is held out."""
    places, start = held_rows(held_every, held_most), 0
    for block in read_blocks(path):
        is_held = np.zeros(len(block), dtype=bool)
        is_held[places[(places >= start) & (places < start + len(block))] - start] = True
        start += len(block)
        yield block, is_held
