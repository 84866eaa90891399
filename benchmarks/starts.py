"""What it costs to start the server and to hold it."""

import shutil
import sys
import time
from pathlib import Path

from load import load
from servers import ROOT, ours, workers_mb
from stages import bodies

STARTS = 5
FIRST = "first start, until `/readyz` answers 200"
OWN = "the same with a model of one's own, which has to be converted"
LATER = "later start with it"


def starts(work: Path, count: int = STARTS) -> tuple[dict[str, list[float]], list[float]]:
    """Give the seconds until `/readyz` answers for each way to start, and each worker's resident MB.

    Memory is that of a worker after a second of 64 clients.
    """
    seconds: dict[str, list[float]] = {FIRST: [], OWN: [], LATER: []}
    resident: list[float] = []
    own = _own(work / "own")
    for _ in range(count):
        for way, shared_dir in ((FIRST, work / "shared"), (OWN, own), (LATER, own)):
            if way != LATER:
                shutil.rmtree(work / "cache", ignore_errors=True)
            seconds[way].append(_start(work, shared_dir, resident))
    return seconds, resident


def _own(shared_dir: Path) -> Path:
    """Put a pair there that is not, byte for byte, the shipped one."""
    shared_dir.mkdir()
    pretrained = ROOT / "shared" / "pretrained"
    shutil.copy(pretrained / "model.h5", shared_dir)
    (shared_dir / "model.json").write_text((pretrained / "model.json").read_text() + "\n")
    return shared_dir


def _start(work: Path, shared_dir: Path, resident: list[float]) -> float:
    started = time.monotonic()
    with ours(work, SHARED_DIR=str(shared_dir)) as (url, process):
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
