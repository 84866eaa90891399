"""What it costs to start the server and to hold it."""

import shutil
import sys
import time
from pathlib import Path

from load import load
from servers import ours, workers_mb
from stages import bodies

STARTS = 3


def starts(work: Path, count: int = STARTS) -> tuple[list[float], list[float], list[float]]:
    """Give the seconds until `/readyz` answers, without and with a converted model, and each worker's resident MB.

    Memory is that of a worker after a second of 64 clients.
    """
    first, later, resident = [], [], []
    for _ in range(count):
        shutil.rmtree(work / "cache", ignore_errors=True)
        first.append(_start(work, []))
        later.append(_start(work, resident))
    return first, later, resident


def _start(work: Path, resident: list[float]) -> float:
    started = time.monotonic()
    with ours(work) as (url, process):
        seconds = time.monotonic() - started
        load(f"{url}/predict", bodies()["PNG"], "application/json", clients=64, seconds=1)
        resident += workers_mb(process)
        return seconds


def environment_mb() -> float:
    """Measure the installed environment as `du` does, in MB of 10^6 bytes."""
    seen: dict[int, int] = {}
    for path in Path(sys.prefix).rglob("*"):
        if not path.is_symlink() and path.is_file():
            facts = path.stat()
            seen[facts.st_ino] = facts.st_blocks * 512
    return sum(seen.values()) / 1e6
