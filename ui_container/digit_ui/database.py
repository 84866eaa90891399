"""The feedback store: SQLite in the shared folder by default, else PostgreSQL.

Whoever changes a table here writes the step that changes those that are in use; migrating.py says how.
"""

import logging
import tempfile
import threading
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import (
    URL,
    BigInteger,
    CheckConstraint,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    String,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from digit_ui.engine import BUSY_TIMEOUT_S, open_engine
from digit_ui.store_faults import UNAVAILABLE, StoreError, one_line

ROWS_A_FETCH = 500
# About what a drawing with its picture takes.
ROOM_BYTES = 64 * 2**10
# Any number, as long as nothing else in the database locks it.
ORDER_LOCK = 4_711_000_002
WRONG = text("digit != label")
# SQLite counts up by itself only what is called INTEGER, which is as wide there.
NUMBER = BigInteger().with_variant(Integer, "sqlite")

log = logging.getLogger(__name__)


class Base(DeclarativeBase):
    """The tables of the store."""


class Feedback(Base):
    """One drawing and the digit that its author meant.

    pixels: 784 grey values as the network saw them, row by row, ink bright; original: what the author sent, in
    original_type; digit and model_version: what was answered, where the sender said so; session: drawings with the
    same one are by the same person; accepted_at: when somebody vouched for the label; key_digest: the SHA-256, in
    hexadecimal, of what its author must show to delete it.
    """

    __tablename__ = "feedback"
    __table_args__ = (
        CheckConstraint("label BETWEEN 0 AND 9"),
        CheckConstraint("digit BETWEEN 0 AND 9"),
        Index("feedback_of_a_label", "label", "number", "digit"),
        Index("feedback_read_wrongly", "number", "label", sqlite_where=WRONG, postgresql_where=WRONG),
        # A number that came back would hide a drawing from a trainer that asks for what is newer.
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True, default=lambda: str(uuid.uuid4()))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    label: Mapped[int]
    digit: Mapped[int | None]
    model_version: Mapped[str | None] = mapped_column(String(64))
    pixels: Mapped[bytes] = mapped_column(LargeBinary(784))
    original: Mapped[bytes] = mapped_column(LargeBinary)
    original_type: Mapped[str] = mapped_column(String(32))
    session: Mapped[str | None] = mapped_column(String(64))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    key_digest: Mapped[str | None] = mapped_column(String(64))


class Action(Base):
    """Something that a person who runs this asked for, in order; shared/README.md names the kinds."""

    __tablename__ = "actions"
    __table_args__ = (
        CheckConstraint("label BETWEEN 0 AND 9"),
        # The trainer asks every two seconds what was asked for since its last look.
        Index("actions_of_a_kind", "kind", "number", "feedback_id"),
        Index("actions_on_a_drawing", "feedback_id", "kind"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))
    kind: Mapped[str] = mapped_column(String(16))
    feedback_id: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[str | None] = mapped_column(String(64))
    label: Mapped[int | None]


@event.listens_for(Feedback, "before_insert")
@event.listens_for(Action, "before_insert")
def write_in_order(_mapper: object, connection: Connection, _row: object) -> None:
    """Let nobody see a number before all lower ones, so that who asks for what is newer misses nothing.

    SQLite has one writer at a time. PostgreSQL would give a number to each of several, and let the last be seen first.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(ORDER_LOCK)))


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
        with self.session() as session:
            session.add(feedback)
            session.commit()
            return feedback.id

    def check(self) -> None:
        """Do all that writing needs, and leave nothing behind. Raises StoreError if the store cannot be written."""
        with self.session() as session:
            # It changes no row, but must get the writer's lock of a database that may be written.
            session.execute(update(Feedback).where(Feedback.number < 0).values(label=0))
            if self._url.get_backend_name() == "sqlite" and self._url.database:
                # The database's own file tells nothing of a full disk before the log beside it has to grow.
                with tempfile.TemporaryFile(dir=Path(self._url.database).parent) as room:
                    room.write(bytes(ROOM_BYTES))

    def rows(self) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield every label with its pixels uint8 (784,), oldest first, without holding them all in memory.

        Holds a connection only while it fetches some: a slow reader must not keep the store from tidying up behind its
        writers. Raises StoreError if the store cannot be read.
        """
        query = select(Feedback.number, Feedback.label, Feedback.pixels).order_by(Feedback.number).limit(ROWS_A_FETCH)
        number = 0
        while True:
            with self.session() as session:
                fetched = session.execute(query.where(Feedback.number > number)).all()
            if not fetched:
                return
            for row in fetched:
                yield row.label, np.frombuffer(row.pixels, dtype=np.uint8)
            number = fetched[-1].number

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give a session, which ends with what it has not committed undone. Raises StoreError for every fault of it."""
        try:
            # Not asked again after a commit, when an answer that does not come would deny what is stored.
            with Session(self._open(), expire_on_commit=False) as session:
                yield session
        except UNAVAILABLE as error:
            raise StoreError.of(error) from error

    def prepare(self) -> threading.Thread:
        """Open the store in the background: one of an earlier version gets what it lacks, which the trainer reads."""
        thread = threading.Thread(target=self._prepare, name="store-opener", daemon=True)
        thread.start()
        return thread

    def _prepare(self) -> None:
        try:
            self._open()
        except UNAVAILABLE as error:
            log.error("the feedback store cannot be opened: %s", one_line(error))

    def _open(self) -> Engine:
        if not self._opening.acquire(timeout=BUSY_TIMEOUT_S):
            raise TimeoutError("it is still being opened")
        try:
            if self._engine is None:
                self._engine = open_engine(self._url)
            return self._engine
        finally:
            self._opening.release()
