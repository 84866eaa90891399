"""Where the workers of one server tell each other what they have in service: a folder with a file for each.

gunicorn.conf.py reads this, so it imports nothing of ours.
"""

import os
from collections.abc import Iterator
from pathlib import Path


class Board:
    """Gives out a place to each worker, the lowest number that is free, from 1, and keeps its last word there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def expect(self, workers: int) -> None:
        """Write down how many workers there are to be."""
        self._write(self._folder / "expected", str(workers))

    def expected(self) -> int:
        """Tell how many workers there are to be."""
        return int((self._folder / "expected").read_text())

    def take_place(self) -> int:
        """Give a place to a worker that is about to begin, with an empty word."""
        place = 1
        while True:
            try:
                self._path(place).touch(exist_ok=False)
            except FileExistsError:
                place += 1
            else:
                return place

    def free(self, place: int) -> None:
        """Take the place back from a worker that has ended."""
        self._path(place).unlink(missing_ok=True)

    def tell(self, place: int, word: str) -> None:
        """Put a worker's word in the place of its last one."""
        self._write(self._path(place), word)

    def words(self) -> Iterator[str]:
        """Give the word of each worker; it is empty of one that has said nothing yet."""
        for path in self._folder.glob("worker-*"):
            try:
                yield path.read_text()
            except FileNotFoundError:  # it has ended just now
                continue

    def _path(self, place: int) -> Path:
        return self._folder / f"worker-{place}"

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(f"partial-{path.name}")
        partial.write_text(text)
        os.replace(partial, path)
