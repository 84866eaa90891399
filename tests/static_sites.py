"""The page without a server, in a folder, and a plain file server for it."""

import contextlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from lacking import lacking
from served import ROOT, UI_PYTHON

# Below a path, as on a host that serves other things too.
PATH = "some/where"


@dataclass(frozen=True)
class Site:
    """A folder, and where it is served."""

    folder: Path
    url: str


class PlainFiles(http.server.SimpleHTTPRequestHandler):
    """Python's own file server, without its log; some servers say of a compressed file that it is compressed."""

    says_compressed = False

    def log_message(self, *_given) -> None:
        pass

    def end_headers(self) -> None:
        if self.says_compressed and self.path.endswith(".gz"):
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()


class FilesSaidCompressed(PlainFiles):
    """One of those servers."""

    says_compressed = True


@contextlib.contextmanager
def files_served(folder: Path, handler: type[PlainFiles] = PlainFiles) -> Iterator[str]:
    """Serve a folder; give its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def write_site(folder: Path, shared_dir: Path) -> subprocess.CompletedProcess:
    """Do what `make static` does."""
    return subprocess.run(
        [UI_PYTHON, "-m", "digit_ui.static_site", str(folder)],
        cwd=ROOT / "ui_container",
        env={**os.environ, "SHARED_DIR": str(shared_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def runtime() -> None:
    """ONNX Runtime Web, fetched if it is not here."""
    if shutil.which("npm") is None:
        lacking("REQUIRE_NPM", "npm, which fetches ONNX Runtime Web, is not here")
    fetched = subprocess.run(["make", "runtime"], cwd=ROOT, capture_output=True, text=True, check=False)
    if fetched.returncode != 0:
        lacking("REQUIRE_NPM", f"ONNX Runtime Web could not be fetched: {fetched.stderr[-500:]}")


@pytest.fixture(scope="session")
def site_folder(runtime, tmp_path_factory) -> Path:
    """A folder of a file server, in which the site lies below PATH."""
    folder = tmp_path_factory.mktemp("www")
    written = write_site(folder / PATH, ROOT / "shared")
    assert written.returncode == 0, written.stderr
    return folder


@pytest.fixture
def site(site_folder) -> Iterator[Site]:
    with files_served(site_folder) as url:
        yield Site(site_folder / PATH, f"{url}/{PATH}/")
