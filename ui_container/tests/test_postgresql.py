"""What PostgreSQL does otherwise than SQLite, and what the store makes of it."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from conftest import DIGIT_STROKES, on_both_databases
from digit_ui import create_app, database, engine, export
from digit_ui.database import Feedback, FeedbackStore
from digit_ui.settings import Settings
from digit_ui.store_faults import StoreError
from sqlalchemy import event, select, text
from test_old_store import new_drawing

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def store(settings) -> FeedbackStore:
    store = FeedbackStore(settings.database_url)
    store.check()
    return store


@on_postgresql
def test_every_commit_waits_for_the_disk_whatever_the_server_is_set_to(store, postgresql_server):
    postgresql_server.ask("ALTER ROLE postgres SET synchronous_commit = off")
    postgresql_server.ask("ALTER ROLE postgres SET timezone = 'Pacific/Auckland'")
    try:
        with FeedbackStore(store._url).session() as session:
            assert session.scalar(text("SHOW synchronous_commit")) == "on"
            assert session.scalar(text("SHOW timezone")) == "UTC"
    finally:
        postgresql_server.ask("ALTER ROLE postgres RESET ALL")


@on_both_databases
def test_nobody_sees_a_drawing_before_those_of_lower_numbers(store, settings):
    """Who asks for what is newer than the last that was seen would never see one that comes late."""
    other = FeedbackStore(settings.database_url)
    with store.session() as slow:
        slow.add(first := new_drawing())
        slow.flush()
        quick = threading.Thread(target=lambda: other.add(new_drawing()))
        quick.start()
        quick.join(timeout=0.5)
        seen = [number for (number,) in _numbers(settings)]
        slow.commit()
    quick.join()
    assert seen == [] and first.number == 1
    assert [number for (number,) in _numbers(settings)] == [1, 2]


def _numbers(settings) -> list:
    with FeedbackStore(settings.database_url).session() as session:
        return list(session.execute(select(Feedback.number).order_by(Feedback.number)))


@on_postgresql
def test_a_writer_that_falls_silent_is_not_waited_for_for_ever(store, settings, monkeypatch):
    monkeypatch.setattr(engine, "IDLE_TIMEOUT_S", 1)
    silent = FeedbackStore(settings.database_url)

    def give() -> None:
        with silent.session() as session:
            session.add(new_drawing())
            session.flush()
            assert store.add(new_drawing())
            session.commit()

    with pytest.raises(StoreError):
        give()
    assert _numbers(settings) == [(2,)]


@on_postgresql
def test_a_store_that_another_program_locks_is_told_in_time(settings, monkeypatch, client):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 1)
    body = {"strokes": DIGIT_STROKES[1], "label": 1}
    assert client.post("/feedback", json=body).status_code == 201
    url = settings.database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE feedback")
        began = time.monotonic()
        refused = client.post("/feedback", json=body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10") and time.monotonic() - began < 3
        assert "its database does not answer" in client.get("/readyz").get_json(force=True)["detail"]
        other.rollback()
    assert client.post("/feedback", json=body).status_code == 201


@on_postgresql
def test_a_worker_takes_only_so_many_connections(store):
    most = engine.KEPT_CONNECTIONS + engine.MORE_CONNECTIONS
    opened, held, release = [], threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with store.session() as session:
            opened.append(session.scalar(text("SELECT pg_backend_pid()")))
            held.release()
            release.wait(20)

    with ThreadPoolExecutor(most) as pool:
        for _ in range(most):
            pool.submit(hold)
        for _ in range(most):
            assert held.acquire(timeout=10)
        began = time.monotonic()
        with pytest.raises(StoreError) as refused:
            store.add(new_drawing())
        assert time.monotonic() - began < engine.BUSY_TIMEOUT_S
        release.set()
    assert len(set(opened)) == most and refused.value.reason == "its database does not answer"


@on_postgresql
def test_an_export_has_few_pictures_in_memory(app, client):
    store, cursors = app.extensions["feedback"], []
    for _ in range(3):
        store.add(new_drawing())

    @event.listens_for(store._open(), "before_cursor_execute")
    def note(_connection, cursor, statement, *_facts):
        cursors.append((type(cursor), statement))

    assert len(b"".join(export.Export(store).pieces({})).splitlines()) == 3
    assert [kind for kind, statement in cursors if "original_type" in statement] == [psycopg.ServerCursor]


@pytest.fixture
def client_of(shared_dir, cache_dir, client):
    """Make clients of servers with the shipped model and another store."""

    def client_of(url: str):
        environment = {"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(cache_dir), "DATABASE_URL": url}
        app = create_app(Settings.from_environment(environment))
        app.extensions["model"].refresh()
        return app.test_client()

    return client_of


def test_a_database_that_names_no_encoding_keeps_drawings_as_any_other(client_of, sql_ascii_url):
    client = client_of(sql_ascii_url)
    assert client.get("/readyz").status_code == 200
    receipt = client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1})
    assert receipt.status_code == 201
    key = {"Authorization": f"Bearer {receipt.get_json()['key']}"}
    assert client.delete(f"/feedback/{receipt.get_json()['id']}", headers=key).status_code == 204


def test_a_server_that_is_not_there_is_told_without_its_name(client_of):
    client = client_of("postgresql://somebody:s3cret@127.0.0.1:1/secret_name")
    for answer in (
        client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1}),
        client.get("/feedback.csv"),
        client.get("/readyz"),
    ):
        problem = answer.get_json(force=True)
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
        assert problem["code"] == "store_unavailable" and int(answer.headers["Retry-After"]) > 0
        assert not {"127.0.0.1", "somebody", "s3cret", "secret_name"} & set(answer.text.replace('"', " ").split())
    assert "its database does not answer" in client.get("/readyz").text
    assert client.post("/predict", json={"strokes": DIGIT_STROKES[1]}).status_code == 200


def test_many_who_wait_for_a_server_that_says_nothing_do_not_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 1)
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT_S", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        store = FeedbackStore(Settings.from_environment({"DATABASE_URL": url}).database_url)

        def refused(_number: int) -> str:
            with pytest.raises(StoreError) as refused:
                store.check()
            return refused.value.reason

        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            reasons = set(pool.map(refused, range(8)))
        assert time.monotonic() - began < 6
    assert reasons <= {"its database does not answer", "it is still being opened"}
