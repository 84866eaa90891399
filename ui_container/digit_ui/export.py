"""The whole store as lines of JSON: each a drawing with all that is known of it, as POST /feedback takes it."""

import base64
import json
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Row, Select, case, false, func, select

from digit_ui.database import Action, Feedback, FeedbackStore
from digit_ui.drawing import STROKES_MEDIA_TYPE
from digit_ui.json_files import Facts, utc_text

# So many a piece, or fewer where the pictures are large: what is in memory at once is bounded by both.
ROWS_A_PIECE = 500
BYTES_A_PIECE = 2_000_000
# A picture may be megabytes, so that few are fetched ahead.
ROWS_A_FETCH = 20

IS_CORRECTED = select(Action.number).where(Action.feedback_id == Feedback.id, Action.kind == "correct").exists()
ROWS = select(
    Feedback.number,
    Feedback.id,
    Feedback.created_at,
    Feedback.label,
    Feedback.digit,
    Feedback.model_version,
    Feedback.session,
    Feedback.accepted_at,
    case((Feedback.accepted_at.is_not(None), IS_CORRECTED), else_=false()).label("corrected"),
    Feedback.original,
    Feedback.original_type,
).order_by(Feedback.number)

to_json = json.JSONEncoder(separators=(",", ":")).encode


class ExportRunning(Exception):
    """Another export of this process has not ended."""


class Export:
    """Gives the drawings one client at a time, for each holds a thread of the server until it has read them."""

    def __init__(self, store: FeedbackStore) -> None:
        self._store = store
        self._running = threading.Lock()

    def pieces(self, held_back: Mapping[str, Facts]) -> Generator[bytes, None, None]:
        """Yield the drawings that are there at the start, oldest first, whole lines at a time.

        held_back: what the last check held back, by id. What is deleted meanwhile is left out. Between two pieces no
        connection is held: a slow client stops neither a writer nor the store's housekeeping. Raises ExportRunning at
        the first piece, StoreError at any.
        """
        if not self._running.acquire(blocking=False):
            raise ExportRunning
        try:
            with self._store.session() as session:
                last = session.scalar(select(func.max(Feedback.number))) or 0
            number = 0
            while number < last:
                wanted = ROWS.where(Feedback.number > number, Feedback.number <= last).limit(ROWS_A_PIECE)
                piece, number = self._piece(wanted, held_back)
                if not piece:
                    return
                yield piece
        finally:
            self._running.release()

    def _piece(self, wanted: Select[Any], held_back: Mapping[str, Facts]) -> tuple[bytes, int]:
        """Give as many lines as make a piece, and the number of the last one."""
        piece, number = bytearray(), 0
        with (
            self._store.session() as session,
            # Closed: PostgreSQL keeps what it has found for who has not said that it is enough.
            closing(session.execute(wanted, execution_options={"yield_per": ROWS_A_FETCH})) as rows,
        ):
            for row in rows:
                piece += _line(row, held_back)
                number = row.number
                if len(piece) >= BYTES_A_PIECE:
                    break
        return bytes(piece), number


def _line(row: Row[Any], held_back: Mapping[str, Facts]) -> bytes:
    is_accepted = row.accepted_at is not None
    facts = {
        "number": row.number,
        "id": row.id,
        "created_at": utc_text(row.created_at),
        "label": row.label,
        "digit": row.digit,
        "model_version": row.model_version,
        "session": row.session,
        "accepted_at": utc_text(row.accepted_at) if is_accepted else None,
        "corrected": row.corrected,
        "held_back": None if is_accepted else held_back.get(row.id),
    }
    # Strokes are stored as JSON: read and written again they would take most of the time.
    name, drawing = ("strokes", row.original) if row.original_type == STROKES_MEDIA_TYPE else ("image", _data_url(row))
    return b'%b,"%b":%b}\n' % (to_json(facts)[:-1].encode(), name.encode(), drawing)


def _data_url(row: Row[Any]) -> bytes:
    return b'"data:%b;base64,%b"' % (row.original_type.encode(), base64.b64encode(row.original))
