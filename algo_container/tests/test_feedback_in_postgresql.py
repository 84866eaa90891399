"""What the trainer reads of a store in PostgreSQL: the same as of one in SQLite."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pytest
from psycopg.rows import scalar_row
from sqlalchemy import make_url
from trainer import feedback_store
from trainer.errors import StoreError
from trainer.feedback_store import FeedbackStore
from trainer.settings import read_settings

# As the user interface makes it.
TABLES = """
CREATE TABLE feedback (
  number BIGSERIAL PRIMARY KEY, id VARCHAR(36) NOT NULL UNIQUE, created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  label INTEGER NOT NULL, digit INTEGER, model_version VARCHAR(64), pixels BYTEA NOT NULL, original BYTEA NOT NULL,
  original_type VARCHAR(32) NOT NULL, session VARCHAR(64), accepted_at TIMESTAMP WITH TIME ZONE
);
CREATE TABLE actions (
  number BIGSERIAL PRIMARY KEY, created_at TIMESTAMP WITH TIME ZONE NOT NULL, kind VARCHAR(16) NOT NULL,
  feedback_id VARCHAR(36), version VARCHAR(64), label INTEGER
)
"""
# Already the next day where the server is.
EVENING = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)


@pytest.fixture
def connection(postgresql_url) -> Iterator[psycopg.Connection]:
    """A connection to a store without a row."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone = 'Asia/Tokyo'")
        yield connection


@pytest.fixture
def store(postgresql_url) -> FeedbackStore:
    far_away = f"{postgresql_url}%20-ctimezone%3DAsia/Tokyo"
    return FeedbackStore(read_settings(["--feedback", far_away], {}).feedback)


def add(connection: psycopg.Connection, label: int, original: bytes = b"[[[1, 2], [3, 4.5]]]", **facts: object) -> str:
    row = {
        "id": str(uuid.uuid4()),
        "created_at": EVENING,
        "label": label,
        "pixels": bytes(range(256)) * 3 + bytes(16),
        "original": original,
        "original_type": "application/json",
        **facts,
    }
    names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    connection.execute(f"INSERT INTO feedback ({names}) VALUES ({places})", row)  # noqa: S608 # our own names
    return str(row["id"])


def ask(connection: psycopg.Connection, kind: str, feedback_id: str | None = None, version: str | None = None) -> int:
    statement = (
        "INSERT INTO actions (created_at, kind, feedback_id, version) VALUES (now(), %s, %s, %s) RETURNING number"
    )
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(statement, (kind, feedback_id, version)).fetchone()


def test_drawings_come_with_all_that_is_known_of_them(connection, store, monkeypatch):
    monkeypatch.setattr(feedback_store, "ROWS_A_FETCH", 2)
    first = add(connection, 7, session="ann")
    second = add(connection, 3, original=b"png", original_type="image/png", accepted_at=EVENING)
    others = [add(connection, 1) for _ in range(5)]
    add(connection, 4, pixels=bytes(10))
    action = ask(connection, "accept", second)
    contents = store.read()
    assert [drawing.id for drawing in contents.drawings] == [first, second, *others]
    drawing, accepted = contents.drawings[:2]
    assert (drawing.label, drawing.session, drawing.accepted) == (7, "ann", False)
    assert (accepted.label, accepted.session, accepted.accepted) == (3, None, True)
    assert np.array_equal(drawing.pixels.ravel(), [*range(256)] * 3 + [0] * 16)
    assert drawing.strokes is not None and accepted.strokes is None
    assert drawing.day == date(2026, 1, 1)
    assert (contents.through, contents.actions_through) == (8, action)


def test_new_labels_are_counted_and_those_that_a_person_vouched_for_again(connection, store):
    ids = [add(connection, 3) for _ in range(4)]
    assert store.count_new(0, 0) == 4 and store.count_new(3, 0) == 1
    for kind, drawing in zip(("accept", "correct", "delete"), ids, strict=False):
        ask(connection, kind, drawing)
    assert store.count_new(4, 0) == 2 and store.count_new(4, 1) == 1


def test_requests_come_in_order_and_once(connection, store):
    ask(connection, "retrain")
    ask(connection, "accept", "x")
    ask(connection, "rollback", version="v1")
    assert [(r.number, r.kind, r.version) for r in store.requests(0, 0)] == [
        (1, "retrain", None),
        (3, "rollback", "v1"),
    ]
    assert store.requests(3, 3) == []


def test_a_database_without_tables_is_an_empty_store(store):
    assert store.read().drawings == [] and store.count_new(0, 0) == 0 and store.requests(0, 0) == []


def test_a_database_that_is_away_and_one_of_an_earlier_version_are_named(connection, store):
    connection.execute("ALTER TABLE feedback DROP COLUMN session")
    with pytest.raises(StoreError, match="start the user interface once"):
        store.read()
    with pytest.raises(StoreError, match="the feedback store cannot be read"):
        FeedbackStore(make_url("postgresql://nobody:s3cret@127.0.0.1:1/nothing")).requests(0, 0)


def test_a_database_that_names_no_encoding_is_read_as_any_other(sql_ascii_url):
    with psycopg.connect(sql_ascii_url, autocommit=True) as connection:
        connection.execute(TABLES)
        added = add(connection, 7)
    (drawing,) = FeedbackStore(read_settings(["--feedback", sql_ascii_url], {}).feedback).read().drawings
    assert (drawing.id, drawing.label) == (added, 7)
