"""The feedback store: SQLite in the shared folder by default, any database that SQLAlchemy knows by its URL."""

import sqlite3
import threading
import time
import uuid
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import (
    URL,
    CheckConstraint,
    Engine,
    LargeBinary,
    String,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import DateTime

ROWS_A_FETCH = 500
# Less than the page waits for an answer: a drawing that it calls unsent must not be stored after all.
BUSY_TIMEOUT_S = 5
# ImportError: the URL names a database whose driver is not installed.
UNAVAILABLE = (SQLAlchemyError, OSError, ImportError)


class Base(DeclarativeBase):
    """The tables of the store."""


class Feedback(Base):
    """One drawing and the digit that its author meant.

    pixels: 784 grey values as the network saw them, row by row, ink bright; original: what the author sent, in
    original_type; digit and model_version: what was answered, where the sender said so.
    """

    __tablename__ = "feedback"
    __table_args__ = (CheckConstraint("label BETWEEN 0 AND 9"), CheckConstraint("digit BETWEEN 0 AND 9"))

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True, default=lambda: str(uuid.uuid4()))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    label: Mapped[int]
    digit: Mapped[int | None]
    model_version: Mapped[str | None] = mapped_column(String(64))
    pixels: Mapped[bytes] = mapped_column(LargeBinary(784))
    original: Mapped[bytes] = mapped_column(LargeBinary)
    original_type: Mapped[str] = mapped_column(String(32))


class StoreError(Exception):
    """The store cannot be read or written now."""


class FeedbackStore:
    """Opens the database at its first use, so that a server without one still predicts."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    def add(self, feedback: Feedback) -> str:
        """Store one feedback and return its id; when this returns, it is on the disk.

        Raises StoreError if it could not be stored.
        """
        try:
            with Session(self._open()) as session:
                session.add(feedback)
                session.commit()
                return feedback.id
        except UNAVAILABLE as error:
            raise StoreError(_one_line(error)) from error

    def rows(self) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield every label with its pixels uint8 (784,), oldest first, without holding them all in memory.

        Holds a connection from the first row until it is exhausted or closed. Raises StoreError if the store cannot
        be read.
        """
        query = select(Feedback.label, Feedback.pixels).order_by(Feedback.number)
        try:
            with Session(self._open()) as session:
                for label, pixels in session.execute(query, execution_options={"yield_per": ROWS_A_FETCH}):
                    yield label, np.frombuffer(pixels, dtype=np.uint8)
        except UNAVAILABLE as error:
            raise StoreError(_one_line(error)) from error

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is None:
                is_sqlite = self._url.get_backend_name() == "sqlite"
                engine = _sqlite_engine(self._url) if is_sqlite else create_engine(self._url)
                with engine.begin() as connection:
                    # Not create_all(), which looks first and creates then: two workers at once would collide.
                    for table in Base.metadata.sorted_tables:
                        connection.execute(CreateTable(table, if_not_exists=True))
                self._engine = engine
            return self._engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")  # in WAL mode anything less can lose the last commits

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers not stop the writer.

    SQLite does not wait for this change's lock by itself: processes that open a new database at once would be told
    that it is locked.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
