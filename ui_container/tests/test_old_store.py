"""A store of an earlier version is brought up to date when it is opened, and loses nothing."""

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from conftest import DIGIT_STROKES
from digit_ui.database import Feedback, FeedbackStore
from digit_ui.gallery import Gallery
from digit_ui.store_faults import StoreError
from sqlalchemy import URL, create_engine, inspect

# As the first version made it.
OLD_SCHEMA = """
CREATE TABLE feedback (
    number INTEGER NOT NULL, id VARCHAR(36) NOT NULL, created_at DATETIME NOT NULL, label INTEGER NOT NULL,
    digit INTEGER, model_version VARCHAR(64), pixels BLOB NOT NULL, original BLOB NOT NULL,
    original_type VARCHAR(32) NOT NULL, PRIMARY KEY (number),
    CHECK (label BETWEEN 0 AND 9), CHECK (digit BETWEEN 0 AND 9), UNIQUE (id)
)
"""


def make_old_store(path: Path, drawings: int = 3) -> URL:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(OLD_SCHEMA)
        connection.executemany(
            "INSERT INTO feedback VALUES (NULL, ?, '2026-01-02 03:04:05.000006', 3, 8, 'v0', ?, '[]', ?)",
            [(f"old-{number}", bytes(784), "application/json") for number in range(drawings)],
        )
        connection.commit()
    return URL.create("sqlite", database=str(path))


def schema(url: URL) -> dict[str, set]:
    database = inspect(create_engine(url))
    return {
        table: {column["name"] for column in database.get_columns(table)}
        | {index["name"] for index in database.get_indexes(table)}
        for table in database.get_table_names()
        if table != "sqlite_sequence"
    }


def new_drawing(label: int = 1) -> Feedback:
    return Feedback(label=label, pixels=bytes(784), original=b"x", original_type="text/plain", session="s")


def test_an_old_store_gets_what_a_new_one_has_and_keeps_its_drawings(tmp_path):
    old = make_old_store(tmp_path / "old.db")
    new = URL.create("sqlite", database=str(tmp_path / "new.db"))
    FeedbackStore(old).add(new_drawing())
    FeedbackStore(new).add(new_drawing())
    assert schema(old) == schema(new)
    page = Gallery(FeedbackStore(old)).page(10)
    assert [drawing.id for drawing in page.drawings][1:] == ["old-2", "old-1", "old-0"]
    assert [drawing.session for drawing in page.drawings] == ["s", None, None, None]


def test_an_old_stores_drawings_can_be_set_right(tmp_path):
    gallery = Gallery(FeedbackStore(make_old_store(tmp_path / "old.db")))
    gallery.accept("old-0")
    gallery.correct("old-1", 7)
    gallery.delete("old-2")
    assert [(drawing.id, drawing.label, drawing.accepted_at is None) for drawing in gallery.page(9).drawings] == [
        ("old-1", 7, False),
        ("old-0", 3, False),
    ]


def open_and_add(urls: list[URL], start, results) -> None:
    for url in urls:
        start.wait()
        try:
            results.put(FeedbackStore(url).add(new_drawing()))
        except StoreError as error:
            results.put(error)


def test_processes_that_open_an_old_store_at_once_wait_for_each_other(tmp_path):
    context = multiprocessing.get_context("spawn")
    urls = [make_old_store(tmp_path / f"{number}.db", drawings=2000) for number in range(5)]
    start, results = context.Barrier(3), context.Queue()
    processes = [context.Process(target=open_and_add, args=(urls, start, results)) for _ in range(3)]
    for process in processes:
        process.start()
    added = [results.get(timeout=60) for _ in range(3 * len(urls))]
    for process in processes:
        process.join()
    assert all(isinstance(result, str) for result in added), added
    for url in urls:
        assert {"session", "accepted_at", "feedback_of_a_label", "feedback_read_wrongly"} <= schema(url)["feedback"]


def test_threads_that_open_an_old_store_at_once_wait_for_each_other(tmp_path):
    for attempt in range(30):
        url = make_old_store(tmp_path / f"{attempt}.db")
        faults, start = [], threading.Barrier(6)

        def add(url=url, faults=faults, start=start) -> None:
            store = FeedbackStore(url)
            start.wait()
            try:
                store.add(new_drawing())
            except StoreError as error:
                faults.append(error)

        threads = [threading.Thread(target=add) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults


def test_a_store_that_is_up_to_date_is_opened_while_another_program_writes(tmp_path):
    url = make_old_store(tmp_path / "old.db")
    FeedbackStore(url).add(new_drawing())
    with closing(sqlite3.connect(url.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert Gallery(FeedbackStore(url)).page(1).total == 4


def test_a_number_never_comes_back_in_a_new_store(tmp_path):
    store = FeedbackStore(URL.create("sqlite", database=str(tmp_path / "new.db")))
    gallery = Gallery(store)
    store.add(new_drawing())
    last = store.add(new_drawing())
    gallery.delete(last)
    store.add(new_drawing())
    assert [drawing.number for drawing in gallery.page(9).drawings] == [3, 1]


def test_the_server_brings_an_old_store_up_to_date_when_it_starts(app, settings):
    url = make_old_store(settings.shared_dir / "feedback" / "feedback.db")
    assert "actions" not in schema(url)
    app.extensions["feedback"].prepare().join(timeout=20)
    assert "accepted_at" in schema(url)["feedback"] and "actions" in schema(url)


def test_a_store_that_cannot_be_opened_when_the_server_starts_is_logged_and_nothing_else(app, settings, caplog):
    (settings.shared_dir / "feedback").write_text("a file where a folder is wanted")
    app.extensions["feedback"].prepare().join(timeout=20)
    assert "feedback store cannot be opened" in caplog.text
    (settings.shared_dir / "feedback").unlink()
    assert app.test_client().post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1}).status_code == 201


@pytest.mark.parametrize("table", ["feedback", "actions"])
def test_a_fault_that_is_no_race_is_told(tmp_path, table):
    url = make_old_store(tmp_path / "old.db")
    with closing(sqlite3.connect(url.database)) as connection:
        connection.execute(f"CREATE VIEW {'actions' if table == 'actions' else 'x'} AS SELECT 1")
        if table == "feedback":
            connection.execute("DROP TABLE feedback")
            connection.execute("CREATE VIEW feedback AS SELECT 1 AS number")
    with pytest.raises(StoreError):
        FeedbackStore(url).add(new_drawing())
