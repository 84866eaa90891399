"""Read drawings as a pen's strokes, and bring each into one form: a fixed number of points, evenly spaced."""

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.dataset import LABELS
from trainer.digest import sha256
from trainer.errors import DatasetError

POINTS = 56
# Of a drawing with more strokes the first ones are kept, so that each still has two points.
MAX_STROKES = POINTS // 2
MAX_COORDINATE = 1e6
ANONYMOUS = "-"
NOT_A_DIGIT = -1

Stroke = Sequence[tuple[float, float]]
Drawing = Sequence[Stroke]


@dataclass(frozen=True)
class Strokes:
    """Labelled drawings.

    points: float32 (n, POINTS, 2), x to the right and y down, each drawing centred on 0 with a longer side of 1; pen:
    float32 (n, POINTS - 1), 1 where the pen draws from one point to the next, 0 where it is lifted; labels: int32 (n,),
    NOT_A_DIGIT for what is none; writers: str (n,).
    """

    points: np.ndarray
    pen: np.ndarray
    labels: np.ndarray
    writers: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> "Strokes":
        return Strokes(self.points[rows], self.pen[rows], self.labels[rows], self.writers[rows])


def read_strokes(path: Path) -> tuple[Strokes, list[Drawing], dict[str, object]]:
    """Read JSON lines, plain or gzipped: `{"label": 3, "writer": "w1", "strokes": [[[x, y], ...], ...]}`, y down.

    `writer` may be missing. Returns the drawings in one form, as they came, and what the file is.
    Raises DatasetError naming the file, the line, what was there and what was wanted.
    """
    drawings: list[Drawing] = []
    labels: list[int] = []
    writers: list[str] = []
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    label, writer, drawing = _parse(line, f"{path.name}: line {number}")
                    labels.append(label)
                    writers.append(writer)
                    drawings.append(drawing)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); name a file of strokes, JSON lines") from error
    if not drawings:
        raise DatasetError(f"{path.name}: holds no drawing, expected a JSON object a line with label and strokes")
    facts = {
        "file": path.name,
        "rows": len(drawings),
        "sha256": sha256(path),
        "writers": len(set(writers)),
    }
    return collect(drawings, labels, writers), drawings, facts


def collect(drawings: Iterable[Drawing], labels: Sequence[int], writers: Sequence[str] | None = None) -> Strokes:
    """Bring drawings into one form. They may come one by one: each is much larger before than after."""
    points, pen = zip(*map(resample, drawings), strict=True)
    return Strokes(
        np.stack(points),
        np.stack(pen),
        np.asarray(labels, dtype=np.int32),
        np.array(writers if writers is not None else [ANONYMOUS] * len(labels)),
    )


def resample(drawing: Drawing) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 (POINTS, 2) and (POINTS - 1,) as in Strokes; every stroke gets points by its share of the ink."""
    paths = [np.asarray(stroke, dtype=np.float64).reshape(-1, 2) for stroke in drawing[:MAX_STROKES]]
    every_point = np.concatenate(paths)
    low, high = every_point.min(axis=0), every_point.max(axis=0)
    longer_side = max(float((high - low).max()), 1e-9)
    paths = [(path - (low + high) / 2) / longer_side for path in paths]
    travelled = [np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))]) for path in paths]
    lengths = np.array([distances[-1] for distances in travelled])
    spare = POINTS - 2 * len(paths)
    counts = 2 + np.floor(spare * lengths / max(float(lengths.sum()), 1e-9)).astype(int)
    counts[lengths.argmax()] += POINTS - counts.sum()
    points, pen = [], []
    for path, distances, count in zip(paths, travelled, counts, strict=True):
        at = np.linspace(0, distances[-1], count)
        points.append(np.stack([np.interp(at, distances, path[:, axis]) for axis in (0, 1)], axis=1))
        pen += [1.0] * (count - 1) + [0.0]
    return np.concatenate(points).astype(np.float32), np.array(pen[:-1], dtype=np.float32)


def split_by_writer(
    strokes: Strokes, drawings: list[Drawing], share: float, seed: int
) -> tuple[Strokes, list[Drawing], Strokes | None]:
    """Hold out a share of the writers with all that they wrote; None where the share is 0 or there is one writer.

    Returns what is left in both forms, and what is held out.
    """
    writers = np.unique(strokes.writers)
    held_count = min(math.ceil(share * len(writers)), len(writers) - 1)
    if held_count == 0:
        return strokes, drawings, None
    held = np.isin(strokes.writers, np.random.default_rng(seed).permutation(writers)[:held_count])
    kept_drawings = [drawing for drawing, out in zip(drawings, held, strict=True) if not out]
    return strokes[~held], kept_drawings, strokes[held]


def _parse(line: str, where: str) -> tuple[int, str, Drawing]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where} is not JSON ({error}), expected an object with label and strokes") from error
    if not isinstance(entry, dict):
        raise DatasetError(f"{where} is {line.strip()[:40]!r}, expected an object with label and strokes")
    label, writer, strokes = entry.get("label"), entry.get("writer", ANONYMOUS), entry.get("strokes")
    if type(label) is not int or label not in LABELS:
        raise DatasetError(f"{where}: label is {label!r}, expected a whole number 0-9")
    if not isinstance(writer, str):
        raise DatasetError(f"{where}: writer is {writer!r}, expected a text")
    if not isinstance(strokes, list) or not any(strokes):
        raise DatasetError(f"{where}: strokes are {str(strokes)[:40]}, expected [[[x, y], ...], ...]")
    return label, writer, [_stroke(stroke, where) for stroke in strokes if stroke != []]


def _stroke(stroke: Any, where: str) -> Stroke:  # noqa: ANN401 # whatever JSON can hold
    if isinstance(stroke, list) and all(isinstance(point, list) and len(point) == 2 for point in stroke):
        numbers = [value for point in stroke for value in point]
        if all(type(value) in (int, float) and abs(value) <= MAX_COORDINATE for value in numbers):
            return [(float(x), float(y)) for x, y in stroke]
    raise DatasetError(
        f"{where}: a stroke is {str(stroke)[:40]}, expected [[x, y], ...] with numbers up to {MAX_COORDINATE:.0f}"
    )
