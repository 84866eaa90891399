"""What the tests across both programs share: running servers, a browser, real strokes."""

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from served import ROOT, Server, free_port

pytest_plugins = ["real_data", "object_stores", "real_postgresql", "stacks", "bonus_registry", "static_sites"]

ALGO_PYTHON = ROOT / ".venv" / "algo-test" / "bin" / "python"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def worker_count() -> int:
    """One starts sooner; a module that is about several has a fixture of its own."""
    return 1


@pytest.fixture
def server(tmp_path, cache_dir, worker_count) -> Iterator[Server]:
    """A server with the shipped model."""
    shared_dir = tmp_path / "shared"
    shutil.copytree(ROOT / "shared" / "pretrained", shared_dir / "pretrained")
    environment = {"WEB_CONCURRENCY": str(worker_count)}
    server = Server(shared_dir, free_port(), cache_dir, tmp_path / "server.log", environment).start()
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
