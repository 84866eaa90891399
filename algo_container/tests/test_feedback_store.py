"""What the trainer reads of the store that the user interface keeps."""

from datetime import date

import numpy as np
import pytest
from loop_fixtures import Store
from sqlalchemy import URL, event
from trainer import feedback_store
from trainer.errors import StoreError
from trainer.feedback_store import FeedbackStore
from trainer.strokes import resample


def of(shared_dir) -> FeedbackStore:
    return FeedbackStore(URL.create("sqlite", database=str(shared_dir / "feedback" / "feedback.db")))


def test_drawings_come_with_all_that_is_known_of_them(tmp_path):
    store = Store(tmp_path)
    pixels = np.arange(784) % 256
    first = store.add(7, pixels, strokes=[[[1, 2], [3, 4.5]], []], session="ann")
    second = store.add(3, session=None)
    store.ask("accept", feedback_id=second)
    store.connection.execute("UPDATE feedback SET accepted_at = '2026-01-01 00:00:00.000000' WHERE id = ?", (second,))
    contents = of(tmp_path).read()
    assert [(d.id, d.label, d.session, d.accepted) for d in contents.drawings] == [
        (first, 7, "ann", False),
        (second, 3, None, True),
    ]
    assert np.array_equal(contents.drawings[0].pixels.ravel(), pixels) and contents.drawings[0].pixels.shape == (28, 28)
    points, pen = contents.drawings[0].strokes
    assert np.array_equal(points, resample([[(1.0, 2.0), (3.0, 4.5)]])[0]) and pen.all()
    assert contents.drawings[1].strokes is None and contents.drawings[0].day == date(2026, 1, 1)
    assert (contents.through, contents.actions_through) == (2, 1)


@pytest.mark.parametrize("strokes", [[], [[]], [[[1, 2, 3]]], "x", [[["a", 1]]], [[[1e9, 0]]], {"a": 1}, [[[1, None]]]])
def test_strokes_that_cannot_be_used_leave_the_picture(tmp_path, strokes):
    Store(tmp_path).add(7, strokes=strokes)
    (drawing,) = of(tmp_path).read().drawings
    assert drawing.strokes is None and drawing.label == 7


def test_a_row_of_a_foreign_form_is_left_out(tmp_path):
    store = Store(tmp_path)
    store.add(3, pixels=np.zeros(10))
    store.add(11)
    kept = store.add(4)
    assert [drawing.id for drawing in of(tmp_path).read().drawings] == [kept]


def test_new_labels_are_counted_and_those_that_a_person_vouched_for_again(tmp_path):
    store = Store(tmp_path)
    ids = [store.add(3) for _ in range(4)]
    assert of(tmp_path).count_new(0, 0) == 4 and of(tmp_path).count_new(3, 0) == 1
    store.ask("accept", feedback_id=ids[0])
    store.ask("correct", feedback_id=ids[1])
    store.ask("delete", feedback_id=ids[2])
    assert of(tmp_path).count_new(4, 0) == 2 and of(tmp_path).count_new(4, 1) == 1


def test_requests_come_in_order_and_once(tmp_path):
    store = Store(tmp_path)
    store.ask("retrain")
    store.ask("accept", feedback_id="x")
    store.ask("rollback", version="v1")
    assert [(r.number, r.kind, r.version) for r in of(tmp_path).requests(0, 0)] == [
        (1, "retrain", None),
        (3, "rollback", "v1"),
    ]
    assert of(tmp_path).requests(3, 3) == []


def test_no_store_yet_is_an_empty_one_and_none_is_made(tmp_path):
    assert of(tmp_path).requests(0, 1) == of(tmp_path).requests(1, 1) == []
    assert (
        of(tmp_path).read().drawings == [] and of(tmp_path).count_new(0, 0) == 0 and of(tmp_path).requests(0, 0) == []
    )
    assert list(tmp_path.iterdir()) == []


def test_reading_neither_waits_for_a_writer_nor_stops_one(tmp_path):
    store = Store(tmp_path)
    store.add(3)
    store.connection.execute("BEGIN IMMEDIATE")
    store.connection.execute("UPDATE feedback SET label = 5")
    assert [drawing.label for drawing in of(tmp_path).read().drawings] == [3]
    store.connection.execute("COMMIT")
    assert [drawing.label for drawing in of(tmp_path).read().drawings] == [5]


def test_it_is_read_when_the_user_interface_does_not_run(tmp_path):
    store = Store(tmp_path)
    store.add(3)
    store.connection.close()
    assert len(of(tmp_path).read().drawings) == 1


def test_a_locked_store_is_named_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(feedback_store, "BUSY_TIMEOUT_S", 0.1)
    store = Store(tmp_path)
    store.connection.execute("PRAGMA journal_mode=DELETE")
    store.connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="the feedback store cannot be read .*locked"):
        of(tmp_path).read()
    store.connection.execute("COMMIT")
    assert of(tmp_path).read().drawings == []


def test_a_store_of_an_earlier_version_and_a_file_that_is_none_are_named(tmp_path):
    store = Store(tmp_path)
    store.connection.execute("ALTER TABLE feedback DROP COLUMN session")
    with pytest.raises(StoreError, match="start the user interface once"):
        of(tmp_path).read()
    (tmp_path / "other" / "feedback").mkdir(parents=True)
    (tmp_path / "other" / "feedback" / "feedback.db").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(StoreError, match="cannot be read"):
        of(tmp_path / "other").read()


def test_the_question_every_two_seconds_is_answered_from_indexes(tmp_path, monkeypatch):
    store = Store(tmp_path)
    ids = [store.add(3) for _ in range(3)]
    store.ask("accept", feedback_id=ids[0])
    store.ask("retrain")
    asked = []
    real_engine = FeedbackStore._engine

    def watched_engine(self):
        engine = real_engine(self)
        event.listen(engine, "before_cursor_execute", lambda *facts: asked.append(facts[2:4]))
        return engine

    monkeypatch.setattr(FeedbackStore, "_engine", watched_engine)
    assert of(tmp_path).count_new(1, 0) == 3 and len(of(tmp_path).requests(0, 0)) == 1
    assert len(asked) == 3
    for question, values in asked:
        plan = [row[3] for row in store.connection.execute(f"EXPLAIN QUERY PLAN {question}", values)]
        reads = [step for step in plan if "SCAN" in step or "SEARCH" in step]
        assert reads and all("SEARCH" in step and "INDEX" in step for step in reads), plan
