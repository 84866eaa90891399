"""A page whose bytes come slowly: what one sees of it stays where it first was."""

import contextlib
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from test_page import DESKTOP, opened
from test_page_live import NOTE_MOVES

PAUSE_S = 0.5  # long enough for a browser to show what it has


@dataclass(frozen=True)
class Address:
    url: str


@contextlib.contextmanager
def in_two_pieces(page: str, end_of_the_first: bytes) -> Iterator[Address]:
    """Serve `page`, and what it loads, with a pause within its HTML."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with urllib.request.urlopen(page + self.path, timeout=10) as answer:
                body = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.end_headers()
            if self.path == "/":
                first, mark, body = body.partition(end_of_the_first)
                self.wfile.write(first + mark)
                time.sleep(PAUSE_S)
            self.wfile.write(body)

        def log_message(self, *_):
            """Tests print what is wrong, and no requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield Address(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()


@pytest.mark.parametrize("end", [b'id="undo"', b'autocomplete="off">'], ids=["between buttons", "within the switch"])
def test_nothing_moves_when_the_page_comes_in_pieces(browser, server, end):
    with in_two_pieces(server.url, end) as slow, opened(browser, slow, locale="fr-FR", viewport=DESKTOP) as page:
        page.evaluate(NOTE_MOVES)
        page.wait_for_timeout(100)  # notes come a little later
        assert page.evaluate("moved") == []
