"""What the privacy page promises: nothing is kept of who only draws, and what is kept can go, by hand or by itself."""

import html
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from conftest import ADMIN, DIGIT_STROKES, TOKEN, on_both_databases
from digit_ui import create_app
from digit_ui.database import Action, Feedback
from digit_ui.retention import Retention
from digit_ui.settings import Settings
from digit_ui.store_faults import StoreError
from sqlalchemy import select, update


@pytest.fixture
def app_with(shared_dir, database):
    def app_with(**environment: str):
        given = {"SHARED_DIR": str(shared_dir), "ADMIN_TOKEN": TOKEN, "DATABASE_URL": database, **environment}
        return create_app(Settings.from_environment(given))

    return app_with


def give(app, days_ago: float) -> str:
    """Store a drawing that was made so long ago; return its id."""
    given = app.test_client().post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4}).get_json()["id"]
    with app.extensions["feedback"].session() as session:
        then = datetime.now(UTC) - timedelta(days=days_ago)
        session.execute(update(Feedback).where(Feedback.id == given).values(created_at=then))
        session.commit()
    return given


def kept_ids(app) -> list[str]:
    with app.extensions["feedback"].session() as session:
        return list(session.scalars(select(Feedback.id).order_by(Feedback.number)))


def deletions(app) -> list[str | None]:
    with app.extensions["feedback"].session() as session:
        return list(session.scalars(select(Action.feedback_id).where(Action.kind == "delete").order_by(Action.number)))


@on_both_databases
def test_what_is_too_old_is_deleted_as_an_administrator_would_and_nothing_else(app_with):
    app = app_with(FEEDBACK_RETENTION_DAYS="30")
    old, older, young = give(app, 30.1), give(app, 400), give(app, 29.9)
    assert app.extensions["retention"].delete_old() == 2
    assert kept_ids(app) == [young] and deletions(app) == [old, older]
    assert app.extensions["retention"].delete_old() == 0


def test_more_than_one_look_finds_are_deleted(app_with, monkeypatch):
    monkeypatch.setattr("digit_ui.retention.IDS_A_LOOK", 2)
    app = app_with(FEEDBACK_RETENTION_DAYS="0.5")
    for _ in range(5):
        give(app, 1)
    assert app.extensions["retention"].delete_old() == 5 and kept_ids(app) == []


@on_both_databases
def test_several_workers_delete_each_drawing_once(app_with):
    apps = [app_with(FEEDBACK_RETENTION_DAYS="1") for _ in range(4)]
    old = [give(apps[0], 2) for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda app: app.extensions["retention"].delete_old(), apps)) == 20
    assert sorted(deletions(apps[0])) == sorted(old)


def test_without_the_setting_everything_is_kept(app_with):
    app = app_with()
    assert app.extensions["retention"] is None and app_with(FEEDBACK_RETENTION_DAYS="").extensions["retention"] is None


@pytest.mark.parametrize("value", ["0", "-1", "ever"])
def test_a_bad_number_of_days_is_refused_by_name(value):
    with pytest.raises(ValueError, match=f"FEEDBACK_RETENTION_DAYS is '{value}'"):
        Settings.from_environment({"FEEDBACK_RETENTION_DAYS": value})


def test_a_store_that_is_away_is_tried_again_later(app_with, monkeypatch, caplog):
    class Stopped(Exception):
        pass

    looks = []

    class Pause:
        def wait(self, seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 2:
                raise Stopped

    def fail(_retention):
        raise StoreError("away")

    monkeypatch.setattr(Retention, "delete_old", fail)
    retention = app_with(FEEDBACK_RETENTION_DAYS="1").extensions["retention"]
    # Of this module alone: other threads wait meanwhile, and would take a turn of these.
    monkeypatch.setattr("digit_ui.retention.threading", SimpleNamespace(Event=Pause))
    with caplog.at_level(logging.ERROR), pytest.raises(Stopped):
        retention._watch()
    assert looks == [3600, 3600] and "tried again in an hour: away" in caplog.text


def test_who_only_draws_leaves_nothing(client, shared_dir):
    before = {path: path.stat().st_mtime_ns for path in shared_dir.rglob("*")}
    for path in ("/predict", "/explain"):
        answer = client.post(path, json={"strokes": DIGIT_STROKES[4]})
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    assert "Set-Cookie" not in client.get("/").headers
    assert {path: path.stat().st_mtime_ns for path in shared_dir.rglob("*")} == before


def test_what_was_deleted_does_not_stand_in_the_database_file(app_with, shared_dir):
    """Debian's SQLite is built to see to it by itself; another one does because engine.py asks for it."""
    app = app_with()
    client = app.test_client()
    given = client.post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4, "session": "of-one-person"})
    assert client.delete(f"/training/feedback/{given.get_json()['id']}", headers=ADMIN).status_code == 204
    with app.extensions["feedback"].session() as session:
        session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"of-one-person" not in (shared_dir / "feedback" / "feedback.db").read_bytes()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, ["Chacun peut voir ces dessins", "jusqu'à ce que l'administration les efface"]),
        ({"FEEDBACK_RETENTION_DAYS": "30"}, ["Ils sont effacés après 30 jours."]),
        ({"TRAINING_PUBLIC": "0"}, ["Seule l'administration de ce serveur peut voir"]),
    ],
)
def test_the_page_says_what_this_server_does(app_with, environment, said):
    page = html.unescape(app_with(**environment).test_client().get("/privacy").text)
    assert all(sentence in page for sentence in said)


def test_the_page_is_found_from_the_others_and_speaks_english_too(app_with):
    client = app_with(FEEDBACK_RETENTION_DAYS="30").test_client()
    for path in ("/", "/training"):
        assert '<a href="privacy">' in client.get(path).text
    page = html.unescape(client.get("/privacy", headers={"Accept-Language": "en"}).text)
    assert '<html lang="en">' in page and "They are deleted after 30 days." in page
