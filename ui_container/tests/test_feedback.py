"""What people say they meant is stored for good and comes back in the trainer's own layout."""

import io
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ADMIN, DIGIT_STROKES, data_url, draw, encode, on_both_databases
from digit_ui import create_app, database
from digit_ui.database import Action, Feedback, FeedbackStore
from digit_ui.settings import Settings
from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool


def stored(settings: Settings) -> list[dict]:
    with create_engine(settings.database_url, poolclass=NullPool).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text("SELECT * FROM feedback ORDER BY number"))]


def csv_table(client) -> np.ndarray:
    lines = client.get("/feedback.csv").text.splitlines()[1:]
    return np.array([line.split(",") for line in lines], dtype=int).reshape(len(lines), 785)


@on_both_databases
def test_strokes_are_stored_with_all_that_was_said(client, settings):
    body = {"strokes": DIGIT_STROKES[4], "label": 4, "digit": 9, "model_version": "v1"}
    answer = client.post("/feedback", json=body)
    assert answer.status_code == 201
    (row,) = stored(settings)
    assert row["id"] == answer.get_json()["id"]
    assert (row["label"], row["digit"], row["model_version"]) == (4, 9, "v1")
    assert (row["original_type"], json.loads(row["original"])) == ("application/json", DIGIT_STROKES[4])
    seen = client.post("/predict?input=1", json={"strokes": DIGIT_STROKES[4]}).get_json()["input"]
    assert np.array_equal(np.frombuffer(row["pixels"], np.uint8).reshape(28, 28), seen)
    assert row["created_at"]


@on_both_databases
def test_the_session_is_stored_and_may_be_left_out(client, settings):
    png = encode(draw(2))
    assert (
        client.post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4, "session": "s" * 64}).status_code == 201
    )
    assert client.post("/feedback?label=2&session=tab", data=png, content_type="image/png").status_code == 201
    assert client.post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4}).status_code == 201
    assert [row["session"] for row in stored(settings)] == ["s" * 64, "tab", None]
    assert {row["accepted_at"] for row in stored(settings)} == {None}


@pytest.mark.parametrize("session", ["s" * 65, 7, ["s"], True])
def test_a_session_that_is_no_short_text_is_refused(client, settings, session):
    answer = client.post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4, "session": session})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "bad_field")
    assert "session" in answer.get_json(force=True)["detail"]


@on_both_databases
def test_a_picture_is_stored_as_it_was_sent_in_every_form(client, settings):
    png, jpeg = encode(draw(2)), encode(draw(2), "JPEG")
    assert client.post("/feedback", json={"image": data_url(png), "label": 2}).status_code == 201
    assert client.post("/feedback?label=2", data=png, content_type="image/png").status_code == 201
    assert client.post("/feedback?label=2&digit=7", data=jpeg, content_type="image/jpeg").status_code == 201
    form = {"image": (io.BytesIO(png), "digit.png"), "label": "2"}
    assert client.post("/feedback", data=form).status_code == 201
    rows = stored(settings)
    assert [row["original"] for row in rows] == [png, png, jpeg, png]
    assert [row["original_type"] for row in rows] == ["image/png", "image/png", "image/jpeg", "image/png"]
    assert {row["label"] for row in rows} == {2} and rows[2]["digit"] == 7


@pytest.mark.parametrize("label", [None, 10, -1, 3.5, "x", "", "３", True, [3]])
def test_a_label_that_is_no_digit_is_refused_and_nothing_is_stored(client, label):
    answer = client.post("/feedback", json={"strokes": DIGIT_STROKES[3], "label": label})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "bad_field")
    assert "label" in answer.get_json(force=True)["detail"]
    assert len(csv_table(client)) == 0


def test_an_empty_drawing_is_refused(client):
    answer = client.post("/feedback", json={"strokes": [], "label": 3})
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (422, "nothing_drawn")


@on_both_databases
def test_the_csv_is_in_kaggles_layout_and_oldest_first(client):
    for digit in (3, 1, 8):
        client.post("/feedback", json={"strokes": DIGIT_STROKES[digit], "label": digit})
    answer = client.get("/feedback.csv")
    header = answer.text.splitlines()[0].split(",")
    assert header[:3] == ["label", "1x1", "1x2"] and header[-1] == "28x28" and len(header) == 785
    assert answer.content_type.startswith("text/csv")
    table = csv_table(client)
    assert table[:, 0].tolist() == [3, 1, 8] and table[:, 1:].max() == 255


@on_both_databases
def test_eight_people_at_once_lose_nothing(client, app):
    def send(number: int) -> int:
        return app.test_client().post("/feedback", json={"strokes": DIGIT_STROKES[5], "label": 5}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(40))) == {201}
    assert len(csv_table(client)) == 40


def test_processes_that_open_a_new_store_at_once_wait_for_each_other(tmp_path):
    def add(store: FeedbackStore) -> str:
        drawing = {"pixels": bytes(784), "original": b"x", "original_type": "text/plain"}
        return store.add(Feedback(label=1, **drawing))

    for number in range(60):  # one time in fifteen it went wrong
        url = URL.create("sqlite", database=str(tmp_path / str(number) / "feedback.db"))
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(add, [FeedbackStore(url) for _ in range(8)]))) == 8


def test_feedback_is_taken_while_no_model_is_loaded(app):
    answer = app.test_client().post("/feedback", json={"strokes": DIGIT_STROKES[5], "label": 5})
    assert answer.status_code == 201


def test_a_store_that_cannot_be_written_answers_503_and_predictions_go_on(shared_dir, cache_dir, client):
    (shared_dir / "blocked").write_text("a file where a folder is wanted")
    environment = {
        "SHARED_DIR": str(shared_dir),
        "CACHE_DIR": str(cache_dir),
        "DATABASE_URL": f"sqlite:///{shared_dir}/blocked/feedback.db",
    }
    app = create_app(Settings.from_environment(environment))
    app.extensions["model"].refresh()
    refused = app.test_client().post("/feedback", json={"strokes": DIGIT_STROKES[5], "label": 5})
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "store_unavailable")
    assert app.test_client().get("/feedback.csv").status_code == 503
    assert app.test_client().post("/predict", json={"strokes": DIGIT_STROKES[5]}).status_code == 200


WRITER = """
import sys
from conftest import DIGIT_STROKES
from digit_ui import create_app, database
client = create_app().test_client()
while True:
    answer = client.post("/feedback", json={"strokes": DIGIT_STROKES[6], "label": 6})
    print(answer.get_json()["id"], flush=True)
"""


@on_both_databases
def test_what_was_acknowledged_survives_a_kill(settings, shared_dir):
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parent, here.parents[1] / "tests")))
    url = settings.database_url.render_as_string(hide_password=False)
    environment = {**os.environ, "SHARED_DIR": str(shared_dir), "DATABASE_URL": url, "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, env=environment, text=True) as writer:
        acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.read().split()
    assert len(acknowledged) >= 20 and all(acknowledged)
    assert set(acknowledged) <= {row["id"] for row in stored(settings)}


def test_a_look_at_the_csv_without_reading_it_holds_no_connection(client, app):
    client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1})
    for _ in range(20):
        with client.head("/feedback.csv") as answer:
            assert answer.status_code == 200
    assert app.extensions["feedback"]._open().pool.checkedout() == 0


@on_both_databases
def test_a_slow_reader_of_the_csv_holds_no_connection_and_misses_nothing(client, app, monkeypatch):
    monkeypatch.setattr(database, "ROWS_A_FETCH", 2)
    for digit in (3, 1, 8, 4, 7):
        client.post("/feedback", json={"strokes": DIGIT_STROKES[digit], "label": digit})
    labels = []
    with client.get("/feedback.csv") as answer:
        for line in answer.response:
            labels.append(line.split(b",")[0])
            assert app.extensions["feedback"]._open().pool.checkedout() == 0
    assert labels == [b"label", b"3", b"1", b"8", b"4", b"7"]


def test_a_database_without_its_driver_answers_503(shared_dir):
    environment = {"SHARED_DIR": str(shared_dir), "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1/nothing"}
    client = create_app(Settings.from_environment(environment)).test_client()
    assert client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1}).status_code == 503
    assert client.get("/feedback.csv").status_code == 503


def test_sqlite_waits_for_the_disk_at_every_commit(client, app):
    client.post("/feedback", json={"strokes": DIGIT_STROKES[1], "label": 1})
    with app.extensions["feedback"]._open().connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL


def give(client) -> dict:
    return client.post("/feedback", json={"strokes": DIGIT_STROKES[4], "label": 4}).get_json()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_who_sent_a_drawing_deletes_it_with_the_key_of_the_receipt(client, settings, app):
    kept, gone = give(client), give(client)
    assert client.delete(f"/feedback/{gone['id']}", headers=bearer(gone["key"])).status_code == 204
    assert [row["id"] for row in stored(settings)] == [kept["id"]]
    with app.extensions["feedback"].session() as session:
        assert [(action.kind, action.feedback_id) for action in session.query(Action)] == [("delete", gone["id"])]
    again = client.delete(f"/feedback/{gone['id']}", headers=bearer(gone["key"]))
    assert (again.status_code, again.get_json(force=True)["code"]) == (404, "unknown_feedback")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "key_needed"),
        ({"Authorization": "Basic abc"}, 401, "key_needed"),
        ({"Authorization": "Bearer  "}, 401, "key_needed"),
        (bearer("é"), 403, "wrong_key"),
        (ADMIN, 403, "wrong_key"),
    ],
)
def test_nobody_else_deletes_it(client, settings, headers, status, code):
    receipt = give(client)
    answer = client.delete(f"/feedback/{receipt['id']}", headers=headers)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code)
    assert len(stored(settings)) == 1


def test_a_key_opens_no_other_drawing_and_none_that_came_before_there_were_keys(client, settings):
    one, other = give(client), give(client)
    assert one["key"] != other["key"] and other["key"] not in str(stored(settings))
    assert client.delete(f"/feedback/{one['id']}", headers=bearer(other["key"])).status_code == 403
    with create_engine(settings.database_url).begin() as connection:
        connection.execute(text("UPDATE feedback SET key_digest = NULL"))
    for key in (one["key"], "None", ""):
        assert client.delete(f"/feedback/{one['id']}", headers=bearer(key)).status_code in (401, 403)
    assert len(stored(settings)) == 2


def test_a_page_of_another_site_cannot_delete_it(client, settings):
    receipt = give(client)
    headers = {**bearer(receipt["key"]), "Sec-Fetch-Site": "cross-site"}
    assert client.delete(f"/feedback/{receipt['id']}", headers=headers).status_code == 403
    assert len(stored(settings)) == 1


def test_while_the_store_is_away_nothing_is_said_to_be_deleted(client, settings):
    receipt = give(client)
    with create_engine(settings.database_url).begin() as connection:
        connection.execute(text("DROP TABLE actions"))
    answer = client.delete(f"/feedback/{receipt['id']}", headers=bearer(receipt["key"]))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert len(stored(settings)) == 1
