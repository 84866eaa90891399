"""While somebody attacks the server, everybody else is answered."""

import contextlib
import http.client
import json
import re
import resource
import select
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import ROOT, Server, free_port

SOON_S = 2
SEVEN = json.dumps({"strokes": [[[24, 14], [76, 14], [44, 90]]]})
HEAD = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
FORM = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@pytest.fixture
def start(tmp_path, cache_dir):
    """Start a server with the shipped model and these settings."""
    started: list[Server] = []

    def start(**environment: str) -> Server:
        shared_dir = tmp_path / "shared"
        shutil.copytree(ROOT / "shared" / "pretrained", shared_dir / "pretrained")
        server = Server(shared_dir, free_port(), cache_dir, tmp_path / "server.log", environment)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@contextlib.contextmanager
def clients(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Connect so many clients, none of which has said anything yet."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 100:
        pytest.skip(f"this machine lets a process have {hard} files open, {count + 100} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30)) for _ in range(count)
        ]


def answered_in_s(server: Server) -> float:
    """Give how long a new client waits for its answer."""
    asked = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/predict", SEVEN, {"Content-Type": "application/json"})
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert json.load(answer)["digit"] == 7
    return time.monotonic() - asked


def most_memory_mb(server: Server) -> float:
    """Give the most memory that a worker has had."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    statuses = [Path(f"/proc/{child}/status").read_text() for child in children]
    return max(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) for status in statuses) / 1024


def send_all(attackers: list[socket.socket], data: bytes) -> None:
    for attacker in attackers:
        with contextlib.suppress(OSError):  # the server may have had enough of it
            attacker.sendall(data)


def last_answer(client: socket.socket) -> tuple[int, str]:
    """Give the status and the code of the problem that a client is told before the server leaves it."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head and b"Connection: close" in head, answer[:500]
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /predict HTTP/1.1\r\nHost: he", id="head"),
        pytest.param(HEAD + b"Content-Length: 1000\r\n\r\n{", id="body"),
        pytest.param(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n", id="promise"),
        pytest.param(CHUNKED + b"1000\r\n{", id="chunk"),
        pytest.param(CHUNKED + b"0\r\nA: b\r\n", id="trailer"),
        pytest.param(FORM + b"Content-Length: 100000\r\n\r\n--x\r\n", id="form"),
    ],
)
def test_more_slow_senders_than_threads_keep_nobody_waiting_and_are_given_up(start, begun):
    server = start(READ_TIMEOUT_S="3")
    with clients(server, 400) as attackers:
        begun_at = time.monotonic()
        send_all(attackers, begun)
        while time.monotonic() < begun_at + 2.5:
            assert answered_in_s(server) < SOON_S
            send_all(attackers, b"x" if begun else b"")  # a byte now and then
        if begun and b"chunked" not in begun:
            answers = {last_answer(attacker) for attacker in attackers[::40] if b"100-continue" not in begun}
            assert answers <= {(408, "request_timeout")}
        for attacker in attackers:
            with contextlib.suppress(ConnectionResetError):
                while attacker.recv(65536):
                    pass
        assert time.monotonic() - begun_at < 10
    assert "Traceback" not in server.log()


def test_ten_thousand_silent_connections_keep_nobody_waiting(start):
    server = start()
    with clients(server, 10_000):
        for _ in range(5):
            assert answered_in_s(server) < SOON_S
    assert "Traceback" not in server.log()


def test_clients_that_say_goodbye_but_do_not_leave_keep_nobody_waiting(start):
    server = start()
    with clients(server, 20) as attackers:
        send_all(attackers, b"GET /livez HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert answered_in_s(server) < 1


def test_a_body_of_a_hundred_megabytes_is_refused_before_it_is_sent(start):
    server = start()
    with clients(server, 300) as attackers:
        send_all(attackers, HEAD + b"Content-Length: 104857600\r\n\r\n{")
        asked = time.monotonic()
        assert last_answer(attackers[0]) == (413, "request_entity_too_large")
        assert time.monotonic() - asked < SOON_S
        assert answered_in_s(server) < SOON_S


@pytest.mark.parametrize("chunk_bytes", [1, 1000, 1_000_000])
def test_a_chunked_body_without_end_is_refused(start, chunk_bytes):
    server = start(MAX_BODY_BYTES="1000000")
    chunks = (b"%x\r\n%b\r\n" % (chunk_bytes, b" " * chunk_bytes)) * (3_000_000 // (chunk_bytes + 5) + 1)
    with clients(server, 1) as (attacker,):
        attacker.sendall(CHUNKED)
        with contextlib.suppress(OSError):
            attacker.sendall(chunks)
        assert last_answer(attacker) == (413, "request_entity_too_large")
    assert answered_in_s(server) < SOON_S


def test_a_form_without_end_is_refused(start):
    server = start()
    with clients(server, 1) as (attacker,):
        attacker.sendall(FORM + b"Transfer-Encoding: chunked\r\n\r\n")
        part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
        with contextlib.suppress(OSError):
            for _ in range(1000):
                attacker.sendall(b"%x\r\n%b\r\n" % (len(part * 100), part * 100))
        assert last_answer(attacker) == (413, "request_entity_too_large")


def test_many_large_bodies_that_never_end_take_bounded_memory(start):
    server = start(WEB_CONCURRENCY="1")  # each worker holds as much
    with clients(server, 200) as attackers:
        send_all(attackers, HEAD + b"Content-Length: 2000000\r\n\r\n")
        send_all(attackers, bytes(1_900_000))
        assert answered_in_s(server) < SOON_S
        server.wait_until(lambda: len(select.select(attackers, [], [], 0)[0]) > 150)  # have been refused
        assert most_memory_mb(server) < 450  # 190 without them; all together they sent 380


def test_a_chunked_body_and_one_that_waits_to_be_asked_for_are_read(start):
    server = start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    half = len(SEVEN) // 2
    pieces = iter([SEVEN[:half].encode(), SEVEN[half:].encode()])
    connection.request("POST", "/predict", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert json.load(answer)["digit"] == 7
    with clients(server, 1) as (client,):
        client.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(SEVEN))
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(SEVEN.encode())
        received = b""
        while b"HTTP/1.1 200" not in received:  # it may be told to go on a second time
            received += client.recv(65536)


REQUESTS = {
    "a header of 64 kB": (b"GET /livez HTTP/1.1\r\nHost: here\r\nA: " + b"a" * 65536 + b"\r\n\r\n", 431),
    "a thousand headers": (b"GET /livez HTTP/1.1\r\nHost: here\r\n" + b"A: a\r\n" * 1000 + b"\r\n", 431),
    "a head without end": (b"GET /livez HTTP/1.1\r\nHost: here\r\n" + b"A: a\r\n" * 30_000, 431),
    "a long address": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
    "a length and chunks": (HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /", 400),
    "two lengths": (HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}   ", 400),
    "a length with a sign": (HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
    "a length in hexadecimal": (HEAD + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "an unknown coding": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "a chunk's size with a sign": (CHUNKED + b"-1\r\n\r\n0\r\n\r\n", 400),
    "a chunk's size that is none": (CHUNKED + b"zz\r\n\r\n", 400),
    "a chunk that is longer than it says": (CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n", 400),
    "a space before the colon": (b"GET /livez HTTP/1.1\r\nHost : here\r\n\r\n", 400),
    "a line that goes on": (b"GET /livez HTTP/1.1\r\nHost: here\r\nA: b\r\n c\r\n\r\n", 400),
    "a null byte in a header": (b"GET /livez HTTP/1.1\r\nHost: here\r\nA: \0\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
}


def test_what_two_servers_could_read_in_two_ways_is_refused_and_the_connection_closed(start):
    server = start()
    for name, (request, status) in REQUESTS.items():
        with clients(server, 1) as (attacker,):
            with contextlib.suppress(OSError):
                attacker.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while data := attacker.recv(65536):
                    answer += data
        assert answer.startswith(b"HTTP/1.1 %d " % status), (name, answer[:200])
        assert answer.count(b"HTTP/1.1") == 1 and b"Connection: close" in answer, (name, answer)
    assert answered_in_s(server) < SOON_S
    assert "Traceback" not in server.log()
