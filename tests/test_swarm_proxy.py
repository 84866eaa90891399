"""The proxy of the stack for Swarm: a real HAProxy in front of two replicas, of which one may break off.

tests/swarm has it in its place. Here it is told where the replicas are, which Docker's names tell it there.
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lacking import lacking
from served import ROOT, free_port

CONFIG = ROOT / "deploy" / "swarm" / "haproxy.cfg"
TEMPLATE = "server-template replica 32 tasks.ui_container:5000"


class Replica(ThreadingHTTPServer):
    """Answers with what it was told. One that breaks off reads a request whole and closes the connection."""

    daemon_threads = True
    breaks_off = False
    broken_off = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)

    def handle_error(self, request, client_address) -> None:
        pass  # a check does not wait for the end of its answer


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(0)

    def do_POST(self) -> None:
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.breaks_off:
            self.server.broken_off += 1
            self.close_connection = True
        else:
            self._answer(size)

    def _answer(self, size: int) -> None:
        told = json.dumps({"size": size, "forwarded": self.headers.get_all("X-Forwarded-For")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def replicas() -> Iterator[list[Replica]]:
    both = [Replica(), Replica()]
    for replica in both:
        threading.Thread(target=replica.serve_forever, daemon=True).start()
    yield both
    for replica in both:
        replica.shutdown()
        replica.server_close()


@pytest.fixture
def ask(tmp_path, replicas) -> Iterator[Callable]:
    """Start the proxy with these TLS_PROXIES at the first question; ask: POST so many bytes, return status and body."""
    program = shutil.which("haproxy")
    if program is None:
        lacking("REQUIRE_HAPROXY", "there is no HAProxy (Debian: apt install haproxy)")
    servers = [f"server replica{number} 127.0.0.1:{one.server_port}" for number, one in enumerate(replicas)]
    port, counters = free_port(), free_port()
    text = CONFIG.read_text().replace(TEMPLATE, "\n  ".join(servers))
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("bind :8404", f"bind 127.0.0.1:{counters}")
    (tmp_path / "haproxy.cfg").write_text(text)
    with contextlib.ExitStack() as ends:

        def start(tls_proxies: str) -> None:
            command = [program, "-W", "-db", "-f", tmp_path / "haproxy.cfg"]
            log = ends.enter_context((tmp_path / "log").open("w"))
            environment = {**os.environ, "TLS_PROXIES": tls_proxies}
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            ends.callback(process.wait, 20)
            ends.callback(process.terminate)

        def ask(path: str, size: int = 60, tls_proxies: str = "192.0.2.1", **headers: str) -> tuple[int, dict]:
            if not (tmp_path / "log").exists():
                start(tls_proxies)
                _wait_for(lambda: _get(counters).count(",UP,") >= 6, tmp_path / "log")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", path, b"x" * size, headers)
            response = connection.getresponse()
            body = response.read()
            connection.close()
            return response.status, json.loads(body) if response.status == 200 else {}

        yield ask


def _get(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/;csv")
    text = connection.getresponse().read().decode()
    connection.close()
    return "\n".join(line for line in text.splitlines() if ",replica" in line)


def _wait_for(condition: Callable[[], bool], log) -> None:
    waited = threading.Event()
    for _ in range(100):
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return
        waited.wait(0.1)
    pytest.fail(log.read_text())


@pytest.mark.parametrize("size", [60, 100_000, 500_000])
def test_what_a_replica_breaks_off_reading_is_read_by_the_other(ask, replicas, size):
    ask("/predict")
    replicas[0].breaks_off = True
    for _ in range(4):  # in turns
        status, told = ask("/predict", size)
        assert (status, told["size"]) == (200, size)
    assert replicas[0].broken_off


def test_a_picture_larger_than_a_buffer_is_answered_where_nothing_is_lost(ask):
    status, told = ask("/predict", 2_000_000)
    assert (status, told["size"]) == (200, 2_000_000)


def test_feedback_that_a_replica_has_had_is_not_sent_to_the_other(ask, replicas):
    ask("/feedback")
    for replica in replicas:
        replica.breaks_off = True
    assert ask("/feedback")[0] == 502
    assert sum(replica.broken_off for replica in replicas) == 1


@pytest.mark.parametrize(
    ("tls_proxies", "forwarded"),
    [
        ("192.0.2.1", ["127.0.0.1"]),
        ("127.0.0.1", ["198.51.100.9, 203.0.113.7"]),
        ("192.0.2.1 127.0.0.0/8", ["198.51.100.9, 203.0.113.7"]),
    ],
)
def test_who_asked_is_believed_of_what_ends_tls_and_of_nobody_else(ask, tls_proxies, forwarded):
    given = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
    assert ask("/predict", tls_proxies=tls_proxies, **given)[1]["forwarded"] == forwarded
