"""Fetch the pen strokes of the UCI repository: 7,494 digits by 30 writers, as JSON lines.

Source: E. Alpaydin and F. Alimoglu, Pen-Based Recognition of Handwritten Digits, 1998, doi:10.24432/C5MG6K, CC BY 4.0.
"""

import gzip
import io
import json
import os
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from unlzw3 import unlzw

from trainer.dataset import LABELS
from trainer.errors import DownloadError
from trainer.strokes import NOT_A_DIGIT

NAME = "uci"
FILE_NAME = "pendigits_train.jsonl.gz"
ADDRESS = "https://archive.ics.uci.edu/static/public/81/pen+based+recognition+of+handwritten+digits.zip"
MEMBER = "pendigits-orig.tra.Z"
DRAWINGS = 7_494
# The tablet counts upwards from the bottom of a box of 500 units.
BOX = 500
TIMEOUT_S = 30
MAX_BYTES = 50_000_000
UNUSABLE = (OSError, HTTPException, zipfile.BadZipFile, zlib.error, NotImplementedError, KeyError, ValueError)


def find_strokes(asked: Path, data_dir: Path) -> Path:
    """Give the stroke file that was asked for; for `uci` the fetched one, kept in `data_dir`.

    Raises DownloadError if it has to be fetched and cannot be.
    """
    if str(asked) != NAME:
        return asked
    kept = data_dir / FILE_NAME  # whole if it is there: it is put there by a rename
    if not kept.exists():
        _keep(kept, "".join(json.dumps(entry) + "\n" for entry in _fetch()))
    return kept


def parse_unipen(text: str) -> Iterator[dict[str, object]]:
    """Read the repository's UNIPEN file: drawings with label, writer and strokes, y turned to point down.

    A drawing is `.SEGMENT DIGIT`, `.COMMENT label writer number`, then pen-down blocks of `x y` lines.
    """
    label, writer = NOT_A_DIGIT, ""
    strokes: list[list[list[int]]] = []
    for line in text.splitlines():
        words = line.split()
        if line.startswith(".SEGMENT DIGIT"):
            if strokes:
                yield {"label": label, "writer": writer, "strokes": strokes}
            label, writer, strokes = NOT_A_DIGIT, "", []
        elif line.startswith(".COMMENT") and [word.isdigit() for word in words[1:4]] == [True] * 3:
            label, writer = int(words[1]), f"tra{words[2]}"
        elif line.startswith(".PEN_DOWN"):
            strokes.append([])
        elif strokes and len(words) == 2 and not line.startswith("."):
            strokes[-1].append([int(words[0]), BOX - int(words[1])])
    if strokes:
        yield {"label": label, "writer": writer, "strokes": strokes}


def _fetch() -> list[dict[str, object]]:
    try:
        with urllib.request.urlopen(ADDRESS, timeout=TIMEOUT_S) as response:
            archive = zipfile.ZipFile(io.BytesIO(response.read(MAX_BYTES)))
        entries = list(parse_unipen(unlzw(archive.read(MEMBER)).decode("ascii")))
    except UNUSABLE as error:
        raise DownloadError(
            f"the pen strokes could not be fetched from the UCI repository ({error}); name a file with --strokes"
        ) from error
    labelled = sum(entry["label"] in LABELS for entry in entries)
    if not len(entries) == labelled == DRAWINGS:
        raise DownloadError(
            f"the UCI repository's file has {len(entries)} drawings, {labelled} of them labelled, expected {DRAWINGS}; "
            "name a file with --strokes"
        )
    return entries


def _keep(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(gzip.compress(text.encode(), mtime=0))
        os.replace(partial, path)
    except OSError as error:
        raise DownloadError(
            f"{path}: the fetched pen strokes could not be written ({error.strerror}); make room or mend the folder's "
            "permissions, or name a file with --strokes"
        ) from error
