"""Our server and those that it is compared with, each started as its users start it."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASELINES = ROOT / "benchmarks" / "baselines"
BASELINE_BIN = ROOT / ".venv" / "baselines" / "bin"
TUTORIAL, TUTORIAL_GUNICORN = "tutorial, `app.run()`", "tutorial, gunicorn"
START_TIMEOUT_S = 60


@contextlib.contextmanager
def ours(work: Path, **environment: str) -> Iterator[tuple[str, int]]:
    """Serve the shipped model, its converted form kept below `work`; give the address and gunicorn's process id."""
    shutil.copytree(ROOT / "shared" / "pretrained", work / "shared" / "pretrained", dirs_exist_ok=True)
    chosen = {"SHARED_DIR": str(work / "shared"), "CACHE_DIR": str(work / "cache"), "RATE_LIMIT": "none", **environment}
    program = [ROOT / ".venv" / "ui" / "bin" / "gunicorn", "--config", "ui_container/gunicorn.conf.py"]
    port = free_port()
    with _run([*program, "--pythonpath", "ui_container"], PORT=str(port), **chosen) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/readyz")
        yield url, process


@contextlib.contextmanager
def tutorial(way: str) -> Iterator[tuple[str, int]]:
    """Serve the same model as tutorials do: TUTORIAL, or TUTORIAL_GUNICORN with all its defaults."""
    port, model = free_port(), ROOT / "shared" / "pretrained" / "model.h5"
    if way == TUTORIAL:
        command = [BASELINE_BIN / "python", BASELINES / "tutorial_server.py", model, str(port)]
    else:
        command = [BASELINE_BIN / "gunicorn", "--chdir", BASELINES, "-b", f"127.0.0.1:{port}", "tutorial_server:app"]
    with _run(command, MODEL=str(model)) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        yield url, process


@contextlib.contextmanager
def _run(command: Sequence[str | Path], **environment: str) -> Iterator[int]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, **quiet) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str) -> None:
    """Wait until something answers there; 404 is an answer of a server that is up, 503 of one that is not yet."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return urllib.request.urlopen(url).close()
        except (urllib.error.URLError, ConnectionError) as error:
            if getattr(error, "code", None) == 404:
                return None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def cpu_s(server_pid: int) -> float:
    """Give the seconds of processor that a server and its workers have taken so far."""
    ticks = 0
    for pid in (server_pid, *_children(server_pid)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def workers_mb(server_pid: int) -> list[float]:
    """Give the resident memory of each worker of a gunicorn in MB of 10^6 bytes."""
    statuses = [Path(f"/proc/{child}/status").read_text() for child in _children(server_pid)]
    return [int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6 for status in statuses]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
