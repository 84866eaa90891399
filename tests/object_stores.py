"""A real S3 server on this machine, which tests fill, freeze and kill."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from served import UI_PYTHON, free_port

BUCKET, PREFIX = "digits", "shared"
KEY = re.compile(r"<Key>([^<]+)</Key>")
SECRET = "a secret of the tests"  # noqa: S105 # it opens nothing else
# Whose signature it is counts, which is not checked.
SIGNED_BY_ITS_OWNER = (
    "AWS4-HMAC-SHA256 Credential=of-the-tests/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
START_TIMEOUT_S = 30


@dataclass
class S3Server:
    """Moto's server with one bucket. It keeps everything in memory: `again` starts another one with the same files.

    host: the address of this machine at which it listens.
    """

    log_file: Path
    checks_keys: bool = False
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    url = f"s3://{BUCKET}/{PREFIX}"

    @property
    def variables(self) -> dict[str, str]:
        """Give what a program needs in its environment to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.host}:{self.port}",
            "AWS_ACCESS_KEY_ID": "of-the-tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> "S3Server":
        python = sys.executable if importlib.util.find_spec("moto") else UI_PYTHON
        # The bucket is made before keys are checked.
        environment = {**os.environ, **({"INITIAL_NO_AUTH_ACTION_COUNT": "1"} if self.checks_keys else {})}
        command = [python, "-c", "from moto.server import main; main()", "-H", self.host, "-p", str(self.port)]
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._ask("PUT", f"/{BUCKET}")
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log_file.read_text()[-3000:]
                time.sleep(0.05)

    def emptied(self) -> "S3Server":
        """Give it with an empty bucket, whatever the last test has done to it."""
        if self.process is None:
            return self.start()
        self.thaw()
        self._ask("POST", "/moto-api/reset", b"")
        self._ask("PUT", f"/{BUCKET}")
        return self

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Let it take connections, and never answer."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def again(self, files: dict[str, bytes]) -> None:
        """Come back, with these files, in this order."""
        self.start()
        for name, content in files.items():
            self.put(name, content)

    def names(self) -> list[str]:
        listing = self._ask("GET", f"/{BUCKET}?list-type=2&prefix={PREFIX}/").decode()
        return [name.removeprefix(f"{PREFIX}/") for name in KEY.findall(listing)]

    def files(self) -> dict[str, bytes]:
        return {name: self.get(name) for name in self.names()}

    def put(self, name: str, content: bytes) -> None:
        self._ask("PUT", self._path(name), content)

    def get(self, name: str) -> bytes:
        return self._ask("GET", self._path(name))

    def delete(self, name: str) -> None:
        self._ask("DELETE", self._path(name))

    def has(self, name: str) -> bool:
        try:
            self.get(name)
        except urllib.error.HTTPError:
            return False
        return True

    def put_folder(self, folder: Path, *places: str) -> None:
        """Put a folder's files there, the manifest last of each; places: below it, "" for its own files."""
        for place in places:
            files = [path for path in (folder / place).iterdir() if path.is_file()]
            for path in sorted(files, key=lambda path: path.name == "manifest.json"):
                self.put(str(path.relative_to(folder)), path.read_bytes())

    def _path(self, name: str) -> str:
        return f"/{BUCKET}/{urllib.parse.quote(f'{PREFIX}/{name}')}"

    def _ask(self, method: str, path: str, content: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/octet-stream", "Authorization": SIGNED_BY_ITS_OWNER}
        request = urllib.request.Request(f"http://{self.host}:{self.port}{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()


@pytest.fixture(scope="session")
def s3_of_session(tmp_path_factory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3") / "s3.log")
    yield server
    server.kill()


@pytest.fixture
def s3(s3_of_session, monkeypatch) -> S3Server:
    """A server with an empty bucket, which this process, too, reaches by its environment."""
    for name, value in s3_of_session.variables.items():
        monkeypatch.setenv(name, value)
    return s3_of_session.emptied()
