"""A real Redis server for the tests that want one, as Debian's package brings it; without it they are skipped."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lacking import lacking

START_TIMEOUT_S = 20


@dataclass
class Redis:
    """A server of its own in `folder`, reached by its Unix socket there; it keeps nothing when it ends."""

    folder: Path
    process: subprocess.Popen | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def url(self) -> str:
        return f"redis+unix://{self.socket}"

    def start(self) -> "Redis":
        program = shutil.which("redis-server")
        if program is None:
            lacking("REQUIRE_REDIS", "there is no Redis server (Debian: apt install redis-server)")
        command = [program, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=START_TIMEOUT_S)
            self.process = None
            self.socket.unlink(missing_ok=True)


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A running server."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = Redis(Path(folder)).start()
        yield server
        server.stop()
