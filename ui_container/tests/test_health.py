"""The server is ready when every worker has a model and the store can be written, and says so without waiting long."""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import DIGIT_STROKES, PRETRAINED, publish
from digit_ui.board import Board
from digit_ui.store_check import LONGEST_S, StoreCheck
from digit_ui.workers import InService, Workers
from test_streams import Server

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount here")


def until(condition, timeout_s: float = 60):
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def ask(port: int, path: str = "/readyz") -> tuple[int, dict]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            return answer.status, json.load(answer)


@contextlib.contextmanager
def served(shared_dir, cache_dir, **environment: str):
    options = {"PRETRAINED_DIR": str(PRETRAINED), "CACHE_DIR": str(cache_dir), "POLL_INTERVAL_S": "0.1", **environment}
    server = Server(shared_dir, **options)
    try:
        yield server
    finally:
        server.end()


def worker_pids(server: Server) -> set[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {int(pid) for pid in children.read_text().split()}


@pytest.fixture
def board(tmp_path) -> Board:
    board = Board(tmp_path)
    board.expect(2)
    return board


def test_places_are_the_lowest_that_are_free(board):
    assert [board.take_place() for _ in range(3)] == [1, 2, 3]
    board.free(2)
    assert [board.take_place() for _ in range(2)] == [2, 4]


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
def test_one_worker_without_a_model_makes_the_server_unready(app, client, board, path):
    app.extensions["workers"].board = board
    mine, other = (Workers(board, board.take_place()) for _ in range(2))
    mine.tell(InService(model_version="a", model_origin="here"))
    refused = client.get(path)
    assert refused.status_code == 503 and refused.headers["Retry-After"]
    assert refused.get_json(force=True)["detail"].startswith("1 of 2 workers cannot answer yet: it is being loaded")
    other.tell(InService(lacking="its file is torn"))
    assert client.get(path).get_json(force=True)["detail"].endswith("its file is torn")
    other.tell(InService(model_version="a", model_origin="here"))
    assert client.get(path).get_json()["workers"] == 2
    board.free(2)
    assert client.get(path).status_code == 503  # it was killed, and the next one is not there yet


def test_workers_that_serve_different_models_are_ready_and_both_models_are_named(app, client, board):
    app.extensions["workers"].board = board
    for version in ("a", "b"):
        word = InService(model_version=version, model_origin="here", refused=["c is torn"])
        Workers(board, board.take_place()).tell(word)
    ready = client.get("/readyz").get_json()
    assert (ready["model_version"], ready["model_versions"]) == (None, ["a", "b"])
    assert ready["refused"] == ["c is torn"]


def test_every_worker_has_the_model_that_readyz_names(shared_dir, cache_dir):
    with served(shared_dir, cache_dir, WEB_CONCURRENCY="2") as server:
        until(lambda: ask(server.port)[0] == 200)
        for version in ("first", "second"):
            publish(shared_dir, version)
            until(lambda version=version: ask(server.port)[1].get("model_version") == version)
            body, answers = json.dumps({"strokes": DIGIT_STROKES[7]}), set()
            for _ in range(30):  # whichever worker answers
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
                    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                    answers.add(json.load(connection.getresponse())["model_version"])
            assert answers == {version}


def test_a_killed_workers_place_is_free_and_the_server_is_ready_again_when_the_next_one_has_a_model(
    shared_dir, cache_dir
):
    with served(shared_dir, cache_dir, WEB_CONCURRENCY="2") as server:
        until(lambda: ask(server.port)[0] == 200)
        killed = min(worker_pids(server))
        os.kill(killed, signal.SIGKILL)
        until(lambda: ask(server.port)[0] == 503)
        until(lambda: ask(server.port)[0] == 200)
        assert ask(server.port)[1]["workers"] == 2 == len(worker_pids(server) - {killed})


def test_a_reload_and_another_number_of_workers_are_followed_and_nothing_is_left_behind(shared_dir, cache_dir):
    with served(shared_dir, cache_dir, WEB_CONCURRENCY="1") as server:
        until(lambda: ask(server.port)[0] == 200)
        old = worker_pids(server)
        (folder,) = Path("/dev/shm").glob(f"chiffres-*-{server.process.pid}")  # noqa: S108 # as gunicorn.conf.py has it
        board = Board(folder)
        server.process.send_signal(signal.SIGTTIN)
        until(lambda: board.expected() == 2)
        until(lambda: ask(server.port)[1].get("workers") == 2)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: board.expected() == 1)
        until(lambda: len(worker_pids(server)) == 1 and not worker_pids(server) & old)
        until(lambda: ask(server.port)[1].get("workers") == 1)
    assert not folder.exists()


@contextlib.contextmanager
def file_system(folder):
    """Put a small file system in memory at `folder`."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def store_is_unavailable(client) -> bool:
    answer = client.get("/readyz")
    return answer.status_code == 503 and answer.get_json(force=True)["code"] == "store_unavailable"


@root_only
def test_a_full_disk_makes_the_server_unready_until_there_is_room(client, shared_dir):
    with file_system(shared_dir / "feedback"):
        assert client.get("/readyz").status_code == 200
        filler = shared_dir / "feedback" / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        until(lambda: store_is_unavailable(client))
        assert client.get("/livez").status_code == 200
        filler.unlink()
        until(lambda: client.get("/readyz").status_code == 200)


@root_only
def test_a_read_only_folder_makes_the_server_unready_until_it_can_be_written(client, shared_dir):
    with file_system(shared_dir / "feedback"):
        subprocess.run(["mount", "-o", "remount,ro", shared_dir / "feedback"], check=True)
        assert store_is_unavailable(client) and client.get("/livez").status_code == 200
        subprocess.run(["mount", "-o", "remount,rw", shared_dir / "feedback"], check=True)
        until(lambda: client.get("/readyz").status_code == 200)


def test_a_store_that_is_locked_for_long_is_told_in_time_and_answers_again_when_it_is_free(app, client, shared_dir):
    assert client.get("/readyz").status_code == 200
    with contextlib.closing(sqlite3.connect(shared_dir / "feedback" / "feedback.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        app.extensions["store_check"] = StoreCheck(app.extensions["feedback"])
        began = time.monotonic()
        assert client.get("/readyz").status_code == 503
        assert time.monotonic() - began < LONGEST_S + 1
        other.rollback()
    until(lambda: client.get("/readyz").status_code == 200)


class SlowStore:
    """A store on a disk that does not answer."""

    def __init__(self) -> None:
        self.tries, self.answers = 0, threading.Event()

    def check(self) -> None:
        self.tries += 1
        assert self.answers.wait(30)


def test_many_who_ask_share_one_try_and_none_of_them_hangs():
    store = SlowStore()
    check = StoreCheck(store)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: check.fault(), range(8))) == ["no answer within 2 s"] * 8
    assert time.monotonic() - began < LONGEST_S + 1
    assert check.fault() is not None and time.monotonic() - began < LONGEST_S + 1
    store.answers.set()
    until(lambda: check.fault() is None)
    assert check.fault() is None and store.tries <= 2
