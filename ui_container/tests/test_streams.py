"""Whoever watches is told what changes; there are only so many places, and each is free again at once."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from digit_ui import streams as streams_module
from digit_ui.streams import Streams

UI = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(streams_module, "LOOK_EVERY_S", 0.01)


def first_of(answer, count: int) -> list[str]:
    return [chunk.decode() for _, chunk in zip(range(count), answer.response, strict=False)]


def test_the_status_is_sent_at_once_and_again_when_it_has_changed(app, shared_dir):
    client = app.test_client()
    with client.get("/training/events") as answer:
        assert answer.content_type.startswith("text/event-stream") and answer.headers["Cache-Control"] == "no-store"
        (event,) = first_of(answer, 1)
        assert event.startswith("event: status\ndata: {") and event.endswith("\n\n") and event.count("\n") == 3
        assert json.loads(event.split("data: ")[1]) == client.get("/training/status").get_json()
        (shared_dir / "training").mkdir()
        (shared_dir / "training" / "status.json").write_text('{"stage": "learning", "message": "two\\nlines"}')
        (event,) = first_of(answer, 1)
        assert json.loads(event.split("data: ")[1])["job"]["message"] == "two\nlines"


def test_silence_is_filled_with_comments_and_a_stream_ends_by_itself(monkeypatch):
    monkeypatch.setattr(streams_module, "COMMENT_EVERY_S", 0.1)
    monkeypatch.setattr(streams_module, "LONGEST_S", 0.55)
    said = list(Streams().open(dict, None).response)
    assert said[0] == "event: status\ndata: {}\n\n" and 3 <= len(said[1:]) <= 5
    assert all(line.startswith(":") and line.endswith("\n\n") for line in said[1:])


def test_there_are_only_so_many_places_and_a_closed_stream_gives_its_own_back(app):
    app.extensions["streams"].places = 2
    client = app.test_client()
    first, second = client.get("/training/events"), client.get("/training/events")
    first_of(first, 1)
    for _ in range(3):
        refused = client.get("/training/events")
        assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "too_many_streams")
        assert refused.headers["Retry-After"]
    first.close()
    first.close()
    second.close()  # it was never read
    answers = [client.get("/training/events") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]


def test_a_look_at_the_head_takes_no_place(app):
    for _ in range(10):
        with app.test_client().head("/training/events") as answer:
            assert answer.status_code == 200


def test_no_more_than_the_places_are_given_to_many_at_once(app):
    start = threading.Barrier(16)

    def ask(_number: int) -> int:
        start.wait()
        return app.test_client().get("/training/events").status_code

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(ask, range(16))) == [200] * 4 + [503] * 12


def test_a_stream_ends_when_the_server_is_to_stop(app):
    streams = app.extensions["streams"]
    with app.test_client().get("/training/events") as answer:
        first_of(answer, 1)
        streams.is_serving = lambda: False
        assert first_of(answer, 1) == []


class Server:
    """The server as it is run, without a model; with one worker, so that it is known who answers."""

    def __init__(self, shared_dir: Path, **environment: str) -> None:
        self.watching = []
        self.log_file = shared_dir / "server.log"
        inherited = {name: value for name, value in os.environ.items() if name != "ADMIN_TOKEN"}
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", UI / "gunicorn.conf.py", "--pythonpath", UI],
                env={**inherited, "SHARED_DIR": str(shared_dir), "PORT": "0", "WEB_CONCURRENCY": "1", **environment},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not (found := re.search(r"Draw a digit at http://127.0.0.1:(\d+)\n", self.log())):
            assert time.monotonic() < deadline and self.process.poll() is None, self.log()
            time.sleep(0.05)
        self.port = int(found[1])

    def log(self) -> str:
        return self.log_file.read_text()

    def ask(self, path: str, **headers: str) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as answer:
                return answer.status

    def watch(self) -> int:
        """Begin to watch, until `leave`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/training/events")
        answer = connection.getresponse()
        self.watching.append((connection, answer))
        if answer.status == 200:
            assert answer.readline() == b"event: status\n"
        return answer.status

    def leave(self) -> None:
        """Stop to watch, the first one first."""
        for part in self.watching.pop(0):
            part.close()

    def end(self) -> None:
        while self.watching:
            self.leave()
        if self.process.poll() is None:
            self.stop(signal.SIGINT)  # at once, but leaving nothing behind

    def stop(self, by: int = signal.SIGTERM) -> float:
        asked = time.monotonic()
        self.process.send_signal(by)
        self.process.wait(timeout=60)
        return time.monotonic() - asked


@pytest.fixture
def start(shared_dir):
    """Start servers that are gone at the end."""
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> Server:
            server = Server(shared_dir, **environment)
            stack.callback(server.end)
            return server

        yield start


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_does_not_wait_for_those_who_watch(start, by):
    server = start()
    assert [server.watch() for _ in range(4)] == [200] * 4
    assert server.stop(by) < 4.9  # at 5 s those who still hold a thread are cut off


def test_half_of_the_threads_may_watch_and_who_leaves_makes_room(start):
    server = start(THREADS="4")
    assert [server.watch() for _ in range(3)] == [200, 200, 503]
    assert server.ask("/livez") == 200
    server.leave()
    deadline = time.monotonic() + 3
    while server.watch() != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_with_one_thread_lets_nobody_hold_it(start):
    assert start(THREADS="1").watch() == 503


def test_every_worker_knows_the_token_that_is_made_and_printed_once(start):
    server = start(WEB_CONCURRENCY="2")
    (token,) = re.findall(r"/training, as its administrator with the token (\S+)\n", server.log())
    assert len(token) >= 32
    for _ in range(12):  # whichever worker answers
        assert server.ask("/training/admin", Authorization=f"Bearer {token}") == 204
    assert server.ask("/training/admin", Authorization="Bearer x") == 403
    assert server.log().count(token) == 1


def test_a_token_that_somebody_chose_is_not_printed(start):
    server = start(ADMIN_TOKEN="chosen-by-hand")  # noqa: S106 # no one's
    assert server.ask("/training/admin", Authorization="Bearer chosen-by-hand") == 204
    assert "chosen-by-hand" not in server.log() and "with the token" not in server.log()


def test_a_token_in_a_file_is_read_from_there_by_every_worker_and_none_is_made(start, tmp_path):
    (tmp_path / "token").write_text("chosen-by-hand\n")
    server = start(ADMIN_TOKEN="", ADMIN_TOKEN_FILE=str(tmp_path / "token"), WEB_CONCURRENCY="2")
    for _ in range(12):
        assert server.ask("/training/admin", Authorization="Bearer chosen-by-hand") == 204
    assert "chosen-by-hand" not in server.log() and "with the token" not in server.log()
