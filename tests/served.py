"""A user interface that tests talk to, wherever it runs: as a program of this machine, or in a container."""

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UI_PYTHON = ROOT / ".venv" / "ui-test" / "bin" / "python"
START_TIMEOUT_S = 60
ADMIN_TOKEN = "a token for tests"  # noqa: S105 # of servers that live for a test


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Served:
    """Something that answers at 127.0.0.1:port and keeps feedback in shared_dir."""

    shared_dir: Path
    port: int
    ignored_feedback: int = field(default=0, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Served":
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def log(self) -> str:
        raise NotImplementedError

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def refusal(self, path: str) -> str | None:
        """Return the code of the problem that is answered; None where it is none."""
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            return json.load(error)["code"]
        return None

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def change(self, path: str, body: dict, method: str = "POST") -> dict | None:
        """Ask as an administrator."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN_TOKEN}"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or "null")

    def feedback(self) -> list[sqlite3.Row]:
        """Read what has been stored since `forget_feedback`, oldest first."""
        path = self.shared_dir / "feedback" / "feedback.db"
        if not path.exists():
            return []
        with sqlite3.connect(path) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute("SELECT * FROM feedback ORDER BY number").fetchall()[self.ignored_feedback :]

    def forget_feedback(self) -> None:
        """Begin to count anew, for the next test on the same server."""
        self.ignored_feedback += len(self.feedback())

    def wait_until(self, condition, timeout_s: float = START_TIMEOUT_S):
        """Return what `condition` returns once that is true; an error counts as not yet."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if value := condition():
                    return value
            except (OSError, http.client.HTTPException):
                pass
            assert time.monotonic() < deadline, f"not in {timeout_s} s; the log:\n{self.log()[-3000:]}"
            time.sleep(0.05)


@dataclass
class Server(Served):
    """The user interface, run as `make run` runs it, on a shared folder of its own."""

    cache_dir: Path
    log_file: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def start(self) -> "Server":
        """Start it and wait until it is ready; one that does not become so is not left behind."""
        self.launch()
        try:
            self.wait_until(lambda: self.get("/readyz"))
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> None:
        """Start it without waiting until it is ready."""
        environment = {
            **os.environ,
            "SHARED_DIR": str(self.shared_dir),
            "CACHE_DIR": str(self.cache_dir),
            "PORT": str(self.port),
            "POLL_INTERVAL_S": "0.1",
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "RATE_LIMIT": "none",  # all clients of a test have one address, and a fast machine asks often
            **self.environment,
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
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None

    def log(self) -> str:
        return self.log_file.read_text()
