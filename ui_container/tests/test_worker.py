"""The server as it is run: many clients, one connection each, and requests that come together or slowly."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import DIGIT_STROKES
from digit_ui.api import MAX_DRAWINGS
from digit_ui.worker import LingeringWorker
from test_health import worker_pids
from test_streams import Server

BODY = json.dumps({"strokes": DIGIT_STROKES[7]})
LIVE = b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
def server(shared_dir, cache_dir, request):
    """A server with the shipped model, of one worker or as many as the test says."""
    from conftest import PRETRAINED

    options = {"WEB_CONCURRENCY": str(getattr(request, "param", 1)), "RATE_LIMIT": "none", "LOG_FORMAT": "json"}
    server = Server(shared_dir, PRETRAINED_DIR=str(PRETRAINED), CACHE_DIR=str(cache_dir), **options)
    try:
        while server.ask("/readyz") != 200:
            pass
        yield server
    finally:
        server.end()


def post(connection: http.client.HTTPConnection) -> tuple[int, dict]:
    connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
    with connection.getresponse() as answer:
        return answer.status, json.load(answer)


def test_a_client_asks_again_and_again_on_one_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.connect()
    first = connection.sock
    assert [post(connection)[0] for _ in range(20)] == [200] * 20
    assert connection.sock is first
    connection.close()


def test_requests_that_come_together_are_all_answered(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(LIVE * 3)
        answers = b""
        while answers.count(b'"live"') < 3:
            answers += client.recv(65536)
    assert answers.count(b"200 OK") == 3


def test_more_clients_than_threads_are_all_answered(server):
    def ask(_number: int) -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        statuses = [post(connection)[0] for _ in range(3)]
        connection.close()
        return statuses

    with ThreadPoolExecutor(100) as pool:
        assert [status for statuses in pool.map(ask, range(300)) for status in statuses] == [200] * 900


def test_clients_that_ask_again_and_again_do_not_take_the_interpreter_from_each_other(server):
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(4)]

    def ask(connection: http.client.HTTPConnection) -> list[int]:
        return [post(connection)[0] for _ in range(100)]

    with ThreadPoolExecutor(len(connections)) as pool:
        list(pool.map(ask, connections))
        before = switches(server)
        assert [status for statuses in pool.map(ask, connections) for status in statuses] == [200] * 400
    # One wait for the next request at most, and what else the machine does; a thread for each client made it thirty.
    assert (switches(server) - before) / 400 < 8
    for connection in connections:
        connection.close()


def switches(server: Server) -> int:
    """Count how often the threads of the one worker have begun to wait."""
    (worker,) = worker_pids(server)
    count = 0
    for path in Path(f"/proc/{worker}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", path.read_text(), re.MULTILINE)[1])
    return count


def test_a_long_answer_keeps_nobody_waiting_who_has_just_been_answered(server):
    long, short = (http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(2))
    for connection in (long, short):
        assert post(connection)[0] == 200
    long.request("GET", "/training/events")
    with long.getresponse() as events:
        assert events.readline() == b"event: status\n"
        for _ in range(3):
            assert post(short)[0] == 200
    for connection in (long, short):
        connection.close()


def test_a_client_whose_answers_take_long_is_answered_again_and_again(server):
    many = json.dumps([{"strokes": DIGIT_STROKES[8]}] * MAX_DRAWINGS)  # longer than the leader has for an answer
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.connect()
    first = connection.sock
    for body in [BODY, many] * 10:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            assert answer.status == 200 and answer.read()
    assert connection.sock is first
    connection.close()


def test_only_the_wait_for_a_thread_is_waiting_and_not_what_the_answer_takes():
    """Else whoever a storage or a name server had kept for long would then be refused a turn."""
    seen_at, told = time.perf_counter() - 3, []

    class Worker(LingeringWorker):
        def handle(self, _conn) -> bool:
            told.append(self.waited_s())
            time.sleep(0.05)
            told.append(self.waited_s())
            return False

    worker = object.__new__(Worker)  # without a server around it
    worker._answering, worker._lingering = threading.local(), None
    worker.method_queue = SimpleNamespace(defer=lambda *_: None)
    assert worker.waited_s() == 0
    worker._answer(SimpleNamespace(), seen_at)
    assert 3 <= told[0] == told[1] and worker.seen_at() == seen_at


@pytest.mark.parametrize("server", [2], indirect=True)
def test_clients_are_shared_out_to_the_workers(server):
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(24)]
    assert [post(connection)[0] for connection in connections] == [200] * len(connections)
    for connection in connections:
        connection.close()
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    answered = Counter(line["process"] for line in lines if line.get("route") == "/predict")
    # One of them may be asleep for a moment, while the other takes what it leaves for it.
    assert len(answered) == 2 and min(answered.values()) >= 8


def test_silent_and_slow_clients_keep_nobody_from_an_answer(server):
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(50)]
    for client in slow[::2]:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 9")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    assert post(connection)[1]["digit"] == 7
    assert server.ask("/livez") == 200
    for client in [*slow, connection]:
        client.close()


def test_a_full_queue_answers_503_and_the_health_of_the_server_is_told_meanwhile(shared_dir, cache_dir):
    from conftest import PRETRAINED

    options = {"WEB_CONCURRENCY": "1", "MAX_WAITING": "2", "THREADS": "16", "RATE_LIMIT": "none"}
    server = Server(shared_dir, PRETRAINED_DIR=str(PRETRAINED), CACHE_DIR=str(cache_dir), **options)
    try:
        while server.ask("/readyz") != 200:
            pass
        answers, end = [], threading.Event()

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            while not end.is_set():
                answers.append(post(connection))
            connection.close()

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        while {status for status, _ in answers} != {200, 503}:
            assert server.ask("/livez") == 200
        end.set()
        for thread in threads:
            thread.join(30)
        refused = [answer for status, answer in answers if status == 503]
        assert {answer["code"] for answer in refused} == {"too_busy"}
    finally:
        server.end()
    assert not re.search("Traceback", server.log())
