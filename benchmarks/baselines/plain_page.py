"""The page as tutorials serve it: plain files, uncompressed, the style sheet and each script asked for when it is met.

It is the page of a running server, with the scripts in `page/` in the place of those that draw only what is new and
that keep one question in flight; what the page asks goes on to that server.
"""

import contextlib
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PLAIN_SCRIPTS = Path(__file__).with_name("page")


@contextlib.contextmanager
def plain_page(server_url: str, static: Path, work: Path) -> Iterator[str]:
    """Serve the plain form of the page at `server_url`, made in the folder `work`; give its address."""
    shutil.copytree(static, work / "static")
    shutil.copytree(PLAIN_SCRIPTS, work / "static", dirs_exist_ok=True)
    with urllib.request.urlopen(server_url) as answer:
        (work / "index.html").write_text(plain(answer.read().decode()))
    handler = partial(PlainFiles, server_url, directory=str(work))
    with PlainServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def plain(page: str) -> str:
    """Take out of a page what makes it fast."""
    page = re.sub(r"<style>.*?</style>", '<link rel="stylesheet" href="/static/page.css">', page, flags=re.DOTALL)
    page = re.sub(r'\s*<link rel="modulepreload"[^>]*>', "", page)
    return re.sub(r"/assets/\w+/", "/static/", page)


class PlainServer(ThreadingHTTPServer):
    """A thread a connection, without words about visitors who leave."""

    def handle_error(self, *_: object) -> None:
        """Say nothing: a browser that is closed breaks its connections off."""


class PlainFiles(SimpleHTTPRequestHandler):
    """Serves a folder, and sends questions on."""

    protocol_version = "HTTP/1.1"

    def __init__(self, server_url: str, *arguments: object, **options: object) -> None:
        self.server_url = server_url
        super().__init__(*arguments, **options)

    def do_POST(self) -> None:
        """Send a question on, and its answer back."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = urllib.request.Request(self.server_url + self.path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(question) as answer:
            content = answer.read()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: it would be a line a request."""
