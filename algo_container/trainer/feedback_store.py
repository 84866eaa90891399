"""Read what people drew and meant from the store that the user interface keeps; shared/README.md holds its form."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sqlalchemy import (
    URL,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    case,
    create_engine,
    func,
    or_,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from trainer.dataset import LABELS, SIDE
from trainer.errors import StoreError
from trainer.strokes import MAX_COORDINATE, Drawing, resample

# As long as the user interface waits for it.
BUSY_TIMEOUT_S = 5
# PostgreSQL's driver would wait for a server that has gone as long as the system does, which is minutes, and give the
# text of a database in SQL_ASCII, a bare machine's default, as bytes.
DRIVER_OPTIONS = {
    "connect_timeout": BUSY_TIMEOUT_S,
    "tcp_user_timeout": 1000 * BUSY_TIMEOUT_S,
    "client_encoding": "UTF8",
}
STROKES_MEDIA_TYPE = "application/json"
# They make a drawing worth another look.
LABEL_ACTIONS = ("accept", "correct")

metadata = MetaData()
feedback = Table(
    "feedback",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String),
    Column("created_at", DateTime(timezone=True)),
    Column("label", Integer),
    Column("pixels", LargeBinary),
    Column("original", LargeBinary),
    Column("original_type", String),
    Column("session", String),
    Column("accepted_at", DateTime(timezone=True)),
)
actions = Table(
    "actions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String),
    Column("feedback_id", String),
    Column("version", String),
)


# Without the pictures that were sent, which are not used and may be megabytes each.
ROWS = select(
    feedback.c.number,
    feedback.c.id,
    feedback.c.created_at,
    feedback.c.label,
    feedback.c.pixels,
    case((feedback.c.original_type == STROKES_MEDIA_TYPE, feedback.c.original)).label("strokes"),
    feedback.c.session,
    feedback.c.accepted_at,
).order_by(feedback.c.number)
ROWS_A_FETCH = 200


@dataclass(frozen=True)
class Labelled:
    """One drawing and the digit that was meant.

    pixels: uint8 (28, 28), as the network saw it; strokes: points and pen as in Strokes, if they were sent; session:
    by the same person as others with the same one, if known; accepted: a person vouched for the label; day: on which
    it was sent, in UTC.
    """

    id: str
    label: int
    pixels: np.ndarray
    strokes: tuple[np.ndarray, np.ndarray] | None
    session: str | None
    accepted: bool
    day: date


@dataclass(frozen=True)
class Contents:
    """All of the store at one moment. through, actions_through: the highest numbers of both tables, 0 if empty."""

    drawings: list[Labelled]
    through: int
    actions_through: int


@dataclass(frozen=True)
class Request:
    """Something that a person asked the watching trainer for: to retrain, or to go back to a version."""

    number: int
    kind: str
    version: str | None


class FeedbackStore:
    """The store behind a database's URL; never written here, and never made where it is missing."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def read(self) -> Contents:
        """Read all drawings, oldest first; what cannot be understood is left out. Raises StoreError."""
        with self._connected() as connection:
            if connection is None:
                return Contents([], 0, 0)
            actions_through = connection.scalar(select(func.max(actions.c.number))) or 0
            drawings: list[Labelled] = []
            through = 0
            for row in connection.execute(ROWS, execution_options={"yield_per": ROWS_A_FETCH}):
                through = row.number
                if row.label in LABELS and len(row.pixels) == SIDE**2:
                    drawings.append(_labelled(row))
            return Contents(drawings, through, actions_through)

    def count_new(self, through: int, actions_through: int) -> int:
        """Count the drawings after `through` and those that were vouched for after `actions_through`."""
        with self._connected() as connection:
            if connection is None:
                return 0
            # By label, too: an index holds both, and the table itself would be read with all its pictures.
            newer = select(func.count()).where(feedback.c.label.in_(LABELS), feedback.c.number > through)
            count = int(connection.scalar(newer) or 0)
            if through == 0:  # nothing was looked at, so that nothing can be worth another look
                return count
            vouched = select(func.count(func.distinct(feedback.c.id))).where(
                feedback.c.id == actions.c.feedback_id,
                feedback.c.number <= through,
                actions.c.number > actions_through,
                actions.c.kind.in_(LABEL_ACTIONS),
            )
            return count + int(connection.scalar(vouched) or 0)

    def requests(self, retrains_through: int, rollbacks_through: int) -> list[Request]:
        """Give what was asked of the trainer after these actions, in order."""
        with self._connected() as connection:
            if connection is None:
                return []
            is_wanted = or_(
                and_(actions.c.kind == "retrain", actions.c.number > retrains_through),
                and_(actions.c.kind == "rollback", actions.c.number > rollbacks_through),
            )
            rows = connection.execute(select(actions).where(is_wanted).order_by(actions.c.number)).all()
        return [Request(row.number, row.kind, row.version) for row in rows]

    @contextmanager
    def _connected(self) -> Iterator[Connection | None]:
        """Give a connection for a moment; None where no store has been made yet."""
        if self._url.get_backend_name() == "sqlite" and not Path(self._url.database or "").exists():
            yield None
            return
        try:
            engine = self._engine()
            with engine.connect() as connection:
                yield connection if self._has_tables(connection) else None
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise StoreError(
                f"the feedback store cannot be read ({str(error).splitlines()[0][:200]}); if it is of an earlier "
                "version, start the user interface once, which brings it up to date"
            ) from error

    def _has_tables(self, connection: Connection) -> bool:
        return self._url.get_backend_name() == "sqlite" or connection.dialect.has_table(connection, feedback.name)

    def _engine(self) -> Engine:
        if self._url.get_backend_name() != "sqlite":
            options = {name: value for name, value in DRIVER_OPTIONS.items() if name not in self._url.query}
            return create_engine(self._url, poolclass=NullPool, connect_args=options)
        path = quote(Path(self._url.database or "").resolve().as_posix())
        read_only = self._url.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        return create_engine(read_only, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})


def _labelled(row: Any) -> Labelled:  # noqa: ANN401 # a row has the columns of ROWS
    drawing = None if row.strokes is None else _drawing(row.strokes)
    return Labelled(
        row.id,
        row.label,
        np.frombuffer(row.pixels, dtype=np.uint8).reshape(SIDE, SIDE),
        None if drawing is None else resample(drawing),  # at once: as lists of numbers they would fill the memory
        row.session,
        row.accepted_at is not None,
        _day(row.created_at),
    )


def _day(moment: datetime) -> date:
    """Give the day in UTC; SQLite tells no zone, PostgreSQL the time in its server's."""
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _drawing(original: bytes) -> Drawing | None:
    """Read stored strokes; None for what the trainer has no use for, as an empty one."""
    try:
        drawing = [[(float(x), float(y)) for x, y in stroke] for stroke in json.loads(original) if stroke]
    except (ValueError, TypeError):
        return None
    within = all(abs(value) <= MAX_COORDINATE for stroke in drawing for point in stroke for value in point)
    return drawing if drawing and within else None
