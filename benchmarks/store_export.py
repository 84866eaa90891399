"""Read the feedback store's export from a real server, and see what that costs the server."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from results import Spread

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "of this measurement"  # noqa: S105 # it opens a server that lives for a minute
ASK_EVERY_S = 0.02
ASKED_ALONE = 50

LOAD_ALL = """
import base64, json, resource, sys, time
sys.path.insert(0, "ui_container")
from digit_ui.database import Feedback, FeedbackStore
from sqlalchemy import URL, select
started = time.perf_counter()
with FeedbackStore(URL.create("sqlite", database=sys.argv[1])).session() as session:
    names = ("number", "id", "label", "digit", "model_version", "session")
    drawings = [
        {**{name: getattr(row, name) for name in names}, "strokes": json.loads(row.original)}
        for row in session.scalars(select(Feedback)).all()
    ]
lines = "".join(json.dumps(drawing) + "\\n" for drawing in drawings)
print(json.dumps([time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6]))
"""


@dataclass(frozen=True)
class Exported:
    """What exports took, and how long /livez took to answer before and meanwhile. peak_mb: of the server's worker."""

    seconds: Spread
    mb: float
    peak_mb: float
    answers_alone_ms: Spread
    answers_meanwhile_ms: Spread


@dataclass(frozen=True)
class Loaded:
    """What the plain way took: all rows loaded, and all lines made of them, before the first is sent."""

    seconds: float
    peak_mb: float


def exported(shared_dir: Path, n: int) -> Exported:
    """Export the store of a folder n times."""
    with served(shared_dir) as (server, port):
        alone = []
        for _ in range(ASKED_ALONE):
            time.sleep(ASK_EVERY_S)
            alone.append(timed(port, "/livez")[0] * 1e3)
        meanwhile: list[float] = []
        done = threading.Event()

        def ask() -> None:
            while not done.wait(ASK_EVERY_S):
                meanwhile.append(timed(port, "/livez")[0] * 1e3)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            runs = [timed(port, "/training/feedback/export") for _ in range(n)]
        finally:
            done.set()
            asking.join()
        seconds = Spread([run[0] for run in runs])
        return Exported(seconds, runs[0][1] / 1e6, peak_mb(server.pid), Spread(alone), Spread(meanwhile))


def loaded(database: Path) -> Loaded:
    """Export a database the plain way, all at once, in a process of its own."""
    command = [ROOT / ".venv/ui/bin/python", "-c", LOAD_ALL, database]
    return Loaded(*json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout))


def timed(port: int, path: str) -> tuple[float, int]:
    """Read an answer; give the seconds and its bytes."""
    started = time.perf_counter()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path}: {answer.status}, expected 200: {answer.read(500)!r}")
        length = 0
        while piece := answer.read1(1 << 20):
            length += len(piece)
    return time.perf_counter() - started, length


@contextlib.contextmanager
def served(shared_dir: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """Run the server, without a model, on a folder."""
    environment = {
        **os.environ,
        "SHARED_DIR": str(shared_dir),
        "CACHE_DIR": str(shared_dir),
        "PORT": "0",
        "WEB_CONCURRENCY": "1",
    }
    command = [ROOT / ".venv/ui/bin/gunicorn", "--config", "ui_container/gunicorn.conf.py"]
    with subprocess.Popen(
        [*command, "--pythonpath", "ui_container"],
        cwd=ROOT,
        env={**environment, "ADMIN_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            port = next(int(found[1]) for line in server.stdout or () if (found := re.search(r"//[^/]+:(\d+)$", line)))
            timed(port, "/training/status")  # the worker is up, and has opened the store
            yield server, port
        finally:
            server.terminate()


def peak_mb(server_pid: int) -> float:
    """Give the most memory that the server's one worker ever had, in MB of 10^6 bytes."""
    (worker,) = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text().split()
    return int(Path(f"/proc/{worker}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
