"""Keep what was read from a CSV beside it, so that the next start need not read it again.

`.train.csv.cells` holds a line that names the CSV's content, then one byte a cell. It is only ever worth what the CSV
is: whoever may write the one may write the other.
"""

import contextlib
import fcntl
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trainer import disk

# Of the CSV, where it is gzipped: a cell takes two bytes of text, and deflate makes at most 1,032 bytes of one.
MOST_CELLS_A_BYTE = 1_032 // 2


def load(csv: Path, digest: str, limits: Mapping[str, int]) -> np.ndarray | None:
    """Give the cells of the CSV with this SHA-256, uint8 (rows, columns); None unless they are kept, whole and right.

    limits: each column's largest number.
    """
    path = _path_beside(csv)
    try:
        # Before anything is read: a cache can then ask for no more memory than its CSV could.
        if not path.is_file() or path.stat().st_size > MOST_CELLS_A_BYTE * csv.stat().st_size:
            return None
        with path.open("rb") as file:
            first = file.readline(len(_first_line(digest, 0)))
            cells = np.fromfile(file, dtype=np.uint8)
    except (OSError, MemoryError):
        return None
    if first != _first_line(digest, zlib.crc32(cells.data)) or not len(cells) or len(cells) % len(limits) != 0:
        return None
    cells = cells.reshape(-1, len(limits))
    return cells if (cells.max(axis=0) <= list(limits.values())).all() else None


def store(csv: Path, digest: str, cells: np.ndarray) -> None:
    """Keep the cells beside their CSV if that is possible now; a training needs nothing of it."""
    # The lock is on the CSV, which is there anyway. Who finds it taken leaves the work to whoever has it.
    with contextlib.suppress(OSError), csv.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with disk.replacing(_path_beside(csv), durable=False) as file:
            file.write(_first_line(digest, zlib.crc32(cells.data)))
            file.write(cells.data)


def _path_beside(csv: Path) -> Path:
    return csv.with_name(f".{csv.name}.cells")


def _first_line(digest: str, checksum: int) -> bytes:
    return f"cells of the CSV with SHA-256 {digest}, their CRC-32 {checksum:08x}\n".encode()
