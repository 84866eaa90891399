"""How much the server does at once. gunicorn.conf.py reads this too, so it imports nothing of ours."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
# Each takes 200 MB.
MOST_WORKERS = 4


@dataclass(frozen=True)
class Capacity:
    """What each of the worker processes does at once.

    at_once: drawings read, so that all workers together keep the cores busy and no more; max_waiting: requests that
    wait for that, each in a thread, and as many clients that linger in one; max_wait_s: after which they are refused;
    threads: for all other requests.
    """

    workers: int
    at_once: int
    max_waiting: int
    max_wait_s: int
    threads: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, cores: int | None = None) -> "Capacity":
        """Read WEB_CONCURRENCY, MAX_WAITING, MAX_WAIT_S and THREADS. Raises ValueError naming the one that is wrong."""
        cores = cores or usable_cores()
        workers = _count(environment, "WEB_CONCURRENCY", min(cores, MOST_WORKERS))
        return cls(
            workers=workers,
            at_once=max(1, cores // workers),
            max_waiting=_count(environment, "MAX_WAITING", 256),
            max_wait_s=_count(environment, "MAX_WAIT_S", 5),
            threads=_count(environment, "THREADS", 8),
        )


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Count the cores that the system lets this process run on, no more than its container's share; at least 1.

    cgroup: where the control groups are, of version 2 (cpu.max) or 1 (cpu/cpu.cfs_quota_us).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _share(cgroup)
    # Part of a core is left to what else the container does.
    return allowed if share is None else max(1, min(allowed, int(share)))


def _share(cgroup: Path) -> float | None:
    """Give the container's limit in cores; None where there is none, or none that can be understood."""
    try:
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number
        return None


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000):
        raise ValueError(f"{name} is {text!r}, expected a whole number from 1 to 10000, such as {default}")
    return int(text)
