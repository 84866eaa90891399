"""Read a plain CSV of small whole numbers fast: digits, commas and line ends, a hundred thousand bytes at a time.

Whatever is not plain is left to `careful_csv.py`, which knows CSV's other rules and names what is wrong.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

# So many that NumPy's fixed cost a call vanishes, so few that what is computed of them stays in a processor's cache.
BLOCK_BYTES = 1 << 17
MOST_DIGITS = 3
ZERO, NINE, COMMA, LINE_END = b"09,\n"


class NotPlainError(Exception):
    """The file is not plain, or not sound: which of the two, another reader has to say."""


def read_blocks(path: Path, limits: Mapping[str, int]) -> Iterator[np.ndarray]:
    """Yield a CSV or gzipped CSV as uint8 (rows, columns) blocks. limits: each column's largest number, at most 255.

    Raises NotPlainError where it meets anything but this header and numbers of one to three digits within the limits.
    """
    largest = np.array(list(limits.values()))
    try:
        with _open(path) as file:
            for lines in _read_lines(file, ",".join(limits).encode(), len(limits) * (MOST_DIGITS + 1)):
                cells = _parse(np.frombuffer(lines, dtype=np.uint8), len(limits))
                if (cells.max(axis=0) > largest).any():
                    raise NotPlainError("a number is too large")
                yield cells.astype(np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise NotPlainError("it cannot be read") from error


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _read_lines(file: IO[bytes] | gzip.GzipFile, header: bytes, longest: int) -> Iterator[bytes]:
    """Yield the lines below the header, many at a time, each with its line end. longest: bytes that a line may have."""
    first = file.readline(len(codecs.BOM_UTF8 + header + b"\r\n")).removeprefix(codecs.BOM_UTF8)
    if first not in (header + b"\n", header + b"\r\n"):
        raise NotPlainError("its header is another one")
    rest = b""
    while read := file.read(BLOCK_BYTES):
        text = rest + read
        end = text.rfind(b"\n") + 1
        lines, rest = text[:end], text[end:]
        if len(rest) > longest:
            raise NotPlainError("a line is too long")
        if lines:
            yield lines.replace(b"\r\n", b"\n") if first.endswith(b"\r\n") else lines
    if rest:
        yield rest + b"\n"


def _parse(text: np.ndarray, columns: int) -> np.ndarray:
    """Turn whole lines, uint8 (n,), into their numbers, uint16 (rows, columns). Raises NotPlainError."""
    is_digit = (text >= ZERO) & (text <= NINE)
    ends = np.flatnonzero(~is_digit)  # of each number: the place of the comma or line end after it
    line_ends = np.flatnonzero(text == LINE_END)
    if np.count_nonzero(text == COMMA) + len(line_ends) != len(ends):
        raise NotPlainError("it holds more than digits, commas and line ends")
    if not np.array_equal(ends[columns - 1 :: columns], line_ends):
        raise NotPlainError("a row has another number of columns")
    pairs = is_digit[1:] & is_digit[:-1]
    if not is_digit[0] or not (is_digit[1:] | is_digit[:-1]).all() or (pairs[2:] & pairs[:-2]).any():
        raise NotPlainError("a number has no digit, or more than three")
    # At every place the number that ends before it, whether one does or not: adding neighbours is faster than looking
    # for those that matter. What is no digit counts as 0, and hundreds count only if the place between is a digit, too.
    digits = (text - ZERO) * is_digit
    numbers = np.zeros(len(text), dtype=np.uint16)
    numbers[1:] += digits[:-1]
    numbers[2:] += 10 * digits[:-2]
    numbers[3:] += np.uint16(100) * (digits[:-3] * is_digit[1:-2])
    return numbers[ends].reshape(-1, columns)
