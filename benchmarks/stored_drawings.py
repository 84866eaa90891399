"""Drawings to fill a feedback store with, as the page sends them, and the filling."""

import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from folds import read_samples
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ui_container"))
from digit_ui.database import Action, Feedback, FeedbackStore  # from the folder just named
from digit_ui.drawing import STROKES_MEDIA_TYPE, DrawingBody, read_drawing

PAD_UNITS = 280
FIRST_AT = datetime(2026, 1, 1, tzinfo=UTC)
ROWS_A_BLOCK = 10_000
# Of each thousand drawings so many were misread, and so many looked at by whoever runs this.
MISREAD, ACCEPTED, CORRECTED, DELETED = 50, 40, 10, 10
OF_A_SESSION, OF_A_RETRAINING = 20, 10_000


@dataclass(frozen=True)
class Template:
    """A drawing as the store keeps it."""

    label: int
    original: bytes
    pixels: bytes


def templates(strokes: Path | None, n: int) -> list[Template]:
    """Give n drawings on the page's pad: of a stroke file, or curves of as many points where there is none."""
    rng = np.random.default_rng(0)
    samples = _curves(rng, n) if strokes is None else read_samples(strokes)[:n]
    return [_template(sample["label"], sample["strokes"], rng) for sample in samples]


def fill(store: FeedbackStore, drawings: Sequence[Template], first: int, last: int) -> None:
    """Add the drawings numbered first to last, and what somebody decided about some of them."""
    for start in range(first, last + 1, ROWS_A_BLOCK):
        numbers = range(start, min(start + ROWS_A_BLOCK, last + 1))
        rows = [_row(number, drawings[number % len(drawings)]) for number in numbers]
        with store.session() as session:
            session.execute(insert(Feedback), rows)
            session.execute(insert(Action), [action for row in rows for action in _actions(row)])
            session.commit()


def _curves(rng: np.random.Generator, n: int) -> Iterator[dict[str, Any]]:
    for row in range(n):
        turns = np.linspace(0, rng.uniform(3, 9), rng.integers(25, 70))
        yield {"label": row % 10, "strokes": [np.stack([np.sin(turns), np.cos(turns * rng.uniform(0.5, 2))], 1)]}


def _template(label: int, strokes: Sequence[Any], rng: np.random.Generator) -> Template:
    points = np.concatenate([np.array(stroke, dtype=float) for stroke in strokes])
    low, side = points.min(axis=0), max(np.ptp(points, axis=0).max(), 1e-6)
    scale, origin = rng.uniform(110, 220) / side, rng.uniform(10, 50, 2)
    placed = [((np.array(stroke, dtype=float) - low) * scale + origin).round(1).tolist() for stroke in strokes]
    drawing = read_drawing(DrawingBody(strokes=placed), None)
    return Template(label, drawing.original, drawing.pixels.tobytes())


def _row(number: int, template: Template) -> dict[str, Any]:
    at, place = FIRST_AT + timedelta(seconds=number), number % 1000
    return {
        "id": str(uuid.uuid4()),
        "created_at": at,
        "label": template.label,
        "digit": (template.label + (place < MISREAD)) % 10,
        "model_version": "20260101T000000Z-0123abcd",
        "pixels": template.pixels,
        "original": template.original,
        "original_type": STROKES_MEDIA_TYPE,
        "session": str(uuid.UUID(int=number // OF_A_SESSION)),
        "accepted_at": at if place < ACCEPTED + CORRECTED else None,
        "number": number,
    }


def _actions(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    number, place = row["number"], row["number"] % 1000
    about = {"created_at": row["created_at"], "feedback_id": row["id"], "label": None}
    if place < ACCEPTED:
        yield {**about, "kind": "accept"}
    elif place < ACCEPTED + CORRECTED:
        yield {**about, "kind": "correct", "label": row["label"]}
    elif place < ACCEPTED + CORRECTED + DELETED:
        yield {**about, "kind": "delete", "feedback_id": str(uuid.uuid4())}
    if number % OF_A_RETRAINING == 0:
        yield {**about, "kind": "retrain", "feedback_id": None}
