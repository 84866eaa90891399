"""Where no CSV is present the data set is fetched by its owners' own clients, here from stand-ins on loopback."""

import contextlib
import io
import json
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import trustme
from trainer.dataset import COLUMNS, read_digits

ALGO = Path(__file__).parents[1]
KAGGLE_TEST_PORT = 7777  # where Kaggle's own client looks when KAGGLE_API_ENVIRONMENT is TEST
FETCH = """
import logging, pathlib, sys
from trainer.download import fetch_csvs
logging.basicConfig(level=logging.INFO, format="%(message)s")
fetch_csvs(pathlib.Path(sys.argv[1]))
"""
# The digest of the mirror's one true file is Keras' own; a stand-in cannot have a file of that digest.
FETCH_ANY_DIGEST = (
    "import keras.src.utils.file_utils as keras_files; keras_files.validate_file = lambda *a, **k: True\n" + FETCH
)


def mnist_csv(rows: int) -> str:
    return ",".join(COLUMNS) + "\n" + "".join(f"{n}," + "0," * 783 + "9\n" for n in range(10)) * (rows // 10)


def kaggle_zip(train_rows: int = 60_000) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mnist_train.csv", mnist_csv(train_rows))
        archive.writestr("mnist_test.csv", mnist_csv(10_000))
    return buffer.getvalue()


def keras_npz() -> bytes:
    buffer = io.BytesIO()
    parts = {"train": 60_000, "test": 10_000}
    arrays = {f"x_{part}": np.zeros((rows, 28, 28), np.uint8) for part, rows in parts.items()}
    arrays |= {f"y_{part}": (np.arange(rows) % 10).astype(np.uint8) for part, rows in parts.items()}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler], port: int) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def kaggle(archive: bytes) -> type[BaseHTTPRequestHandler]:
    class Kaggle(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("DatasetApiService/GetDataset"):
                self.answer("application/json", json.dumps({"currentVersionNumber": 2}).encode())
            else:
                self.answer("application/zip", archive)

        def answer(self, kind: str, body: bytes):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Kaggle


def tls_proxy(authority: trustme.CA, body: bytes) -> type[BaseHTTPRequestHandler]:
    """Make a proxy that is itself every HTTPS host, and answers each request with `body`."""

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            self.send_response(200)
            self.end_headers()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(self.path.split(":")[0]).configure_cert(context)
            with context.wrap_socket(self.connection, server_side=True) as tls:
                while b"\r\n\r\n" not in tls.recv(65536):
                    pass
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            self.close_connection = True

        def log_message(self, *args):
            pass

    return Proxy


def fetch(folder: Path, home: Path, script: str = FETCH, **environment: str) -> subprocess.CompletedProcess:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "KAGGLE_API_ENVIRONMENT": "TEST",
        "KERAS_HOME": str(home),
        "HOME": str(home),
        "PYTHONPATH": str(ALGO),
        "https_proxy": "http://127.0.0.1:9",  # where nobody answers
        **environment,
    }
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_kaggle_is_asked_first_and_leaves_two_checked_csvs(tmp_path):
    with serving(kaggle(kaggle_zip()), KAGGLE_TEST_PORT):
        result = fetch(tmp_path / "data", tmp_path / "home")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["test.csv", "train.csv"]
    assert len(read_digits(tmp_path / "data" / "train.csv")) == 60_000


def test_the_keras_mirror_is_asked_where_kaggle_does_not_answer(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(tls_proxy(authority, keras_npz()), 0) as port:
        result = fetch(
            tmp_path / "data",
            tmp_path / "home",
            FETCH_ANY_DIGEST,
            https_proxy=f"http://127.0.0.1:{port}",
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
    assert result.returncode == 0, result.stderr
    assert "could not be fetched from Kaggle" in result.stderr
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["test.csv", "train.csv"]
    assert len(read_digits(tmp_path / "data" / "test.csv")) == 10_000


def test_data_that_are_not_mnist_are_not_kept(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with (
        serving(kaggle(kaggle_zip(train_rows=50)), KAGGLE_TEST_PORT),
        serving(tls_proxy(authority, b"not the file"), 0) as port,
    ):
        result = fetch(
            tmp_path / "data",
            tmp_path / "home",
            https_proxy=f"http://127.0.0.1:{port}",
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
    assert result.returncode != 0
    assert "train.csv: has 50 rows, expected the 60000 of MNIST" in result.stderr
    assert "does not match the provided value" in result.stderr
    assert list((tmp_path / "data").iterdir()) == []


PROGRAM = "import sys, cnn_mnist; sys.exit(cnn_mnist.main(['--data', sys.argv[1], '--out', sys.argv[1] + '-out']))"


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(("unattended", "status"), [("0", 1), ("1", 0)])
def test_offline_one_sentence_says_which_files_to_put_where(tmp_path, existing, unattended, status):
    if existing:
        (tmp_path / "data").mkdir()
    result = fetch(tmp_path / "data", tmp_path / "home", PROGRAM, UNATTENDED=unattended)
    assert result.returncode == status
    last = result.stderr.strip().splitlines()[-1]
    assert "put train.csv and test.csv (mnist_train.csv and mnist_test.csv of kaggle.com" in last
    assert f"into {tmp_path / 'data'} and run this again." in last
    assert "Traceback" not in result.stderr
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_into_which_nothing_can_be_fetched_is_a_failure_that_names_it(tmp_path):
    (tmp_path / "data").write_text("a file, not a folder")
    result = fetch(tmp_path / "data", tmp_path / "home", PROGRAM, UNATTENDED="1")
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(
        f"cnn_mnist.py: {tmp_path / 'data'} holds no data, and none can be fetched into it (File exists)"
    )
