"""The whole store goes out as JSON Lines, a drawing each, and can come in again by POST /feedback."""

import contextlib
import http.client
import json
import socket
import sqlite3
import time

import pytest
from conftest import ADMIN, DIGIT_STROKES, TOKEN, ask_database, data_url, draw, encode, on_both_databases
from digit_ui import create_app, export, training_export
from digit_ui.database import Feedback
from digit_ui.settings import Settings
from sqlalchemy import event
from test_streams import Server

PATH = "/training/feedback/export"
NO_DRAWING = {"pixels": bytes(784), "original": b"[[[0,0],[1,9]]]", "original_type": "application/json"}


@pytest.fixture
def client(app):
    """A client that sends the token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = ADMIN["Authorization"]
    return client


def give(client, label: int, **facts: object) -> str:
    body = {"strokes": DIGIT_STROKES[label], "label": label, **facts}
    return client.post("/feedback", json=body).get_json()["id"]


def add(app, count: int, **facts: object) -> list[str]:
    return [app.extensions["feedback"].add(Feedback(label=1, **{**NO_DRAWING, **facts})) for _ in range(count)]


def exported(client) -> list[dict]:
    with client.get(PATH) as answer:
        assert answer.status_code == 200
        assert answer.data == b"" or answer.data.endswith(b"\n")
        return [json.loads(line) for line in answer.data.splitlines()]


def connections(app) -> int:
    return app.extensions["feedback"]._open().pool.checkedout()


@on_both_databases
def test_a_drawing_comes_with_all_that_is_known_of_it_oldest_first(client, settings):
    first = give(client, 3, digit=8, model_version="v1", session="a tab")
    second = give(client, 4)
    ask_database(settings, "UPDATE feedback SET created_at = '2026-01-02 03:04:05.678901'")
    known = {"created_at": "2026-01-02T03:04:05Z", "accepted_at": None, "corrected": False, "held_back": None}
    answers = {"digit": 8, "model_version": "v1", "session": "a tab"}
    assert exported(client) == [
        {"number": 1, "id": first, "label": 3, "strokes": DIGIT_STROKES[3], **answers, **known},
        {"number": 2, "id": second, "label": 4, "strokes": DIGIT_STROKES[4], **dict.fromkeys(answers), **known},
    ]


def test_the_answer_is_a_file_of_json_lines(client):
    give(client, 3)
    with client.get(PATH) as answer:
        assert answer.content_type == "application/x-ndjson"
        assert answer.headers["Content-Disposition"] == "attachment; filename=feedback.jsonl"
        assert answer.headers["Cache-Control"] == "no-cache" and answer.data.count(b"\n") == 1


@on_both_databases
def test_an_empty_store_is_an_empty_file(client):
    assert exported(client) == []


def test_the_token_is_needed_although_the_training_is_public(client, app):
    give(client, 3)
    for method in ("GET", "HEAD"):
        assert app.test_client().open(PATH, method=method).status_code == 401
        assert app.test_client().open(PATH, method=method, headers={"Authorization": "Bearer x"}).status_code == 403


@on_both_databases
def test_every_line_can_be_sent_to_another_server_which_keeps_the_same(client, tmp_path, cache_dir):
    give(client, 3, digit=8, model_version="v1", session="a tab")
    png, jpeg = encode(draw(2)), encode(draw(5), "JPEG")
    assert client.post("/feedback", json={"image": data_url(png), "label": 2}).status_code == 201
    assert client.post("/feedback?label=5&digit=6", data=jpeg, content_type="image/jpeg").status_code == 201
    environment = {"SHARED_DIR": str(tmp_path / "other"), "CACHE_DIR": str(cache_dir), "ADMIN_TOKEN": TOKEN}
    other = create_app(Settings.from_environment(environment)).test_client()
    for line in client.get(PATH).data.splitlines():
        assert other.post("/feedback", data=line, content_type="application/json").status_code == 201
    other.environ_base["HTTP_AUTHORIZATION"] = ADMIN["Authorization"]
    of_here = {"id", "created_at"}
    sent, kept = (
        [{name: value for name, value in line.items() if name not in of_here} for line in exported(server)]
        for server in (client, other)
    )
    assert len(sent) == 3 and sent == kept
    assert client.get("/feedback.csv").data == other.get("/feedback.csv").data
    assert (kept[1]["image"], kept[2]["image"]) == (data_url(png), data_url(jpeg, "image/jpeg"))


@on_both_databases
def test_what_was_decided_is_said_and_what_was_deleted_is_gone(client, shared_dir):
    held, accepted, corrected, deleted, twice = (give(client, 3) for _ in range(5))
    (shared_dir / "training").mkdir()
    entries = [{"id": drawing, "reason": "flood"} for drawing in (held, accepted)]
    (shared_dir / "training" / "checks.json").write_text(json.dumps({"held_back": entries}))
    client.post(f"/training/feedback/{accepted}/accept")
    client.post(f"/training/feedback/{corrected}/correct", json={"label": 8})
    client.delete(f"/training/feedback/{deleted}")
    client.post(f"/training/feedback/{twice}/correct", json={"label": 9})
    client.post(f"/training/feedback/{twice}/accept")
    lines = {line["id"]: line for line in exported(client)}
    assert {
        drawing: (line["label"], line["accepted_at"] is not None, line["corrected"], line["held_back"])
        for drawing, line in lines.items()
    } == {
        held: (3, False, False, {"reason": "flood"}),
        accepted: (3, True, False, None),
        corrected: (8, True, True, None),
        twice: (9, True, True, None),
    }
    assert lines[accepted]["accepted_at"].endswith("Z")


@on_both_databases
def test_it_goes_out_in_pieces_of_so_many_lines_or_bytes(client, app, monkeypatch):
    monkeypatch.setattr(export, "ROWS_A_PIECE", 4)
    monkeypatch.setattr(export, "BYTES_A_PIECE", 40_000)
    add(app, 10)
    add(app, 3, original=bytes(30_000), original_type="image/png")
    with client.get(PATH) as answer:
        pieces = [piece.decode() for piece in answer.response]
    assert [piece.count("\n") for piece in pieces] == [4, 4, 3, 1, 1]
    assert [json.loads(line)["number"] for line in "".join(pieces).splitlines()] == list(range(1, 14))


@on_both_databases
def test_between_two_pieces_drawings_come_and_go_and_no_connection_is_held(client, app, monkeypatch):
    monkeypatch.setattr(export, "ROWS_A_PIECE", 2)
    ids = add(app, 6)
    with client.get(PATH) as answer:
        pieces = iter(answer.response)
        seen = [next(pieces)]
        assert connections(app) == 0
        for gone in ids[2:5]:
            client.delete(f"/training/feedback/{gone}")
        client.post(f"/training/feedback/{ids[5]}/correct", json={"label": 7})
        add(app, 2)  # they are not of the moment at which it began
        seen += pieces
    lines = [json.loads(line) for line in b"".join(seen).splitlines()]
    assert [(line["id"], line["label"]) for line in lines] == [(ids[0], 1), (ids[1], 1), (ids[5], 7)]


@on_both_databases
def test_it_ends_although_the_last_drawings_are_deleted_meanwhile(client, app, monkeypatch):
    monkeypatch.setattr(export, "ROWS_A_PIECE", 2)
    ids = add(app, 4)
    with client.get(PATH) as answer:
        pieces = iter(answer.response)
        seen = next(pieces)
        for gone in ids[2:]:
            client.delete(f"/training/feedback/{gone}")
        assert [json.loads(line)["id"] for line in b"".join([seen, *pieces]).splitlines()] == ids[:2]


def test_no_more_than_a_few_pictures_are_in_memory_at_once(client, app, monkeypatch):
    monkeypatch.setattr(export, "BYTES_A_PIECE", 1)
    add(app, 60)
    fetched = []

    class Watched(sqlite3.Cursor):
        def fetchmany(self, size):
            return self.noted(super().fetchmany(size))

        def fetchall(self):
            return self.noted(super().fetchall())

        def noted(self, rows):
            fetched.append(len(rows))
            return rows

    engine = app.extensions["feedback"]._open()

    @event.listens_for(engine, "do_connect")
    def connect(_dialect, _record, arguments, options):
        factory = type("Connection", (sqlite3.Connection,), {"cursor": lambda self: Watched(self)})
        return sqlite3.connect(*arguments, **options, factory=factory)

    engine.dispose()
    assert len(exported(client)) == 60
    assert 1 < max(fetched) <= 20


@pytest.mark.parametrize("how", ["read", "left", "unread", "head"])
def test_whoever_has_the_export_makes_room_at_its_end_whether_it_was_read_or_not(client, app, monkeypatch, how):
    monkeypatch.setattr(export, "ROWS_A_PIECE", 2)
    add(app, 6)
    answer = client.open(PATH, method="HEAD" if how == "head" else "GET")
    refused = client.get(PATH)
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "export_running")
    assert int(refused.headers["Retry-After"]) > 0
    for _ in range({"read": 9, "left": 1}.get(how, 0)):
        next(iter(answer.response), None)
    answer.close()
    assert len(exported(client)) == 6 and connections(app) == 0


def test_a_store_out_of_reach_answers_503_and_leaves_the_place_free(client, shared_dir):
    (shared_dir / "feedback").write_text("a file where a folder is wanted")
    for _ in range(2):
        answer = client.get(PATH)
        assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "store_unavailable")
    (shared_dir / "feedback").unlink()
    assert exported(client) == []


def test_an_index_tells_what_was_corrected(app, settings):
    add(app, 1)
    query = str(export.ROWS.compile(app.extensions["feedback"]._open(), compile_kwargs={"literal_binds": True}))
    with contextlib.closing(sqlite3.connect(settings.database_url.database)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any("actions_on_a_drawing (feedback_id=? AND kind=?)" in step for step in plan), plan


def test_a_client_that_takes_nothing_is_not_waited_for_for_ever(client):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client.get(PATH, environ_overrides={"gunicorn.socket": ours}).close()
        assert ours.gettimeout() == training_export.STALLED_S


class Exporting:
    """A client of a real server that has begun to take an export and does not read on."""

    def __init__(self, server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.connection.request("GET", PATH, headers=ADMIN)
        self.answer = self.connection.getresponse()

    def leave(self) -> None:
        self.answer.close()
        self.connection.close()


@pytest.fixture
def start(app, shared_dir):
    """Start a server on a store that is too large for what lies between it and a client."""
    add(app, 40, original=bytes(200_000), original_type="image/png")
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> Server:
            server = Server(shared_dir, ADMIN_TOKEN=TOKEN, **environment)
            stack.callback(server.end)
            return server

        yield start


def test_others_are_answered_while_somebody_does_not_read_on(start):
    server = start(THREADS="2")
    slow = Exporting(server)
    assert slow.answer.status == 200
    assert [server.ask("/livez") for _ in range(5)] == [200] * 5
    assert server.ask(PATH, **ADMIN) == 503
    assert len(slow.answer.read().splitlines()) == 40
    slow.leave()


def test_a_client_that_goes_away_lets_the_next_one_in(start):
    server = start()
    for _ in range(3):
        deadline = time.monotonic() + 30
        while (gone := Exporting(server)).answer.status != 200:
            gone.leave()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        gone.leave()


def test_an_export_that_breaks_off_cannot_be_taken_for_a_whole_one(start, settings):
    server = start()
    slow = Exporting(server)
    with contextlib.closing(sqlite3.connect(settings.database_url.database)) as connection:
        connection.execute("ALTER TABLE feedback RENAME TO gone")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        slow.answer.read()
    slow.leave()
