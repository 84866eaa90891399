"""What the tests across both programs share: running servers, a browser, real strokes."""

import gzip
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

pytest_plugins = ["real_data"]

ROOT = Path(__file__).resolve().parents[1]
UI_PYTHON = ROOT / ".venv" / "ui-test" / "bin" / "python"
ALGO_PYTHON = ROOT / ".venv" / "algo-test" / "bin" / "python"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START_TIMEOUT_S = 60


@dataclass
class Server:
    """The user interface, run as `make run` runs it, on a shared folder of its own."""

    shared_dir: Path
    cache_dir: Path
    port: int
    log: Path
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        environment = {
            **os.environ,
            "SHARED_DIR": str(self.shared_dir),
            "CACHE_DIR": str(self.cache_dir),
            "PORT": str(self.port),
            "POLL_INTERVAL_S": "0.1",
        }
        command = [
            UI_PYTHON,
            "-m",
            "gunicorn",
            "--config",
            "ui_container/gunicorn.conf.py",
            "--pythonpath",
            "ui_container",
        ]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.wait_until(lambda: self.get("/readyz"))
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def wait_until(self, condition, timeout_s: float = START_TIMEOUT_S):
        """Return what `condition` returns once that is true; an error counts as not yet."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if value := condition():
                    return value
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            assert time.monotonic() < deadline, (
                f"not in {timeout_s} s; the server's log:\n{self.log.read_text()[-3000:]}"
            )
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def server(tmp_path, cache_dir) -> Iterator[Server]:
    """A server with the shipped model."""
    shared_dir = tmp_path / "shared"
    shutil.copytree(ROOT / "shared" / "pretrained", shared_dir / "pretrained")
    server = Server(shared_dir, cache_dir, free_port(), tmp_path / "server.log").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium: CHROMIUM's, the machine's own, else the one that Playwright installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    # Chromium's sandbox needs what root in a container does not have; the pages are our own.
    arguments = ["--no-sandbox", "--disable-background-networking"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Sample:
    """A real digit: strokes are lists of [x, y], y down."""

    label: int
    writer: str
    strokes: list


@pytest.fixture(scope="session")
def samples(strokes_file) -> list[Sample]:
    with gzip.open(strokes_file, "rt") as lines:
        return [Sample(**json.loads(line)) for line in lines]
