"""What the trainer is doing, told to whoever looks: files in `training/`, whose form shared/README.md holds."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer.disk import replace
from trainer.errors import AccuracyTooLowError
from trainer.json_text import to_json_text

# Points of the curves within a job: enough for a wide screen, few enough to send each second.
MAX_POINTS = 400
RENEWED_EVERY_S = 1.0


def utc_now() -> str:
    """Give the time as it stands in files."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def tell(shared_dir: Path, name: str, facts: dict[str, Any]) -> None:
    """Replace a file of `training/`, if it can be written: what cannot be told must not end a training."""
    try:
        (shared_dir / "training").mkdir(parents=True, exist_ok=True)
        replace(shared_dir / "training" / name, to_json_text(facts).encode(), durable=False)
    except (OSError, ValueError):
        return


def told(shared_dir: Path, name: str) -> dict[str, Any]:
    """Read such a file; empty if it is not there or not whole."""
    try:
        facts = json.loads((shared_dir / "training" / name).read_text(encoding="utf-8"))
        return facts if isinstance(facts, dict) else {}
    except (OSError, ValueError):
        return {}


class JobStatus:
    """The status of one job, renewed as it goes on. Without a folder nobody is told: one of several workers tells."""

    def __init__(self, shared_dir: Path | None, job: str) -> None:
        self._shared_dir = shared_dir
        self._told_at = 0.0
        self._facts: dict[str, Any] = {
            "job": job,
            "stage": "reading",
            "started_at": utc_now(),
            "epoch": 0,
            "epochs": 0,
            "eta_s": None,
            "points": [],
            "history": {},
            "message": "",
            "outcome": None,
        }

    def enters(self, stage: str) -> None:
        """Say what the job does now."""
        self._facts["stage"] = stage
        self._tell()

    def says(self, line: str) -> None:
        """Pass on what a person at the terminal is told, the first line of it."""
        self._facts["message"] = line.partition("\n")[0]
        self._tell()

    def plans(self, epochs: int) -> None:
        """Say how many epochs there will be."""
        self._facts["epochs"] = epochs

    def learns(self, epochs_done: float, figures: Mapping[str, float], eta_s: float | None) -> None:
        """Add a point to the curves. figures: the running loss and accuracy of this epoch."""
        points = self._facts["points"]
        step = self._facts["epochs"] / MAX_POINTS
        if {"loss", "accuracy"} <= set(figures) and (not points or epochs_done - points[-1][0] >= step):
            points.append([round(epochs_done, 3), *(round(float(figures[name]), 5) for name in ("loss", "accuracy"))])
        self._facts["eta_s"] = None if eta_s is None else round(eta_s, 1)
        if time.monotonic() - self._told_at >= RENEWED_EVERY_S:
            self._tell()

    def finishes_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Keep an epoch's final figures. epoch: how many are done."""
        self._facts["epoch"] = epoch
        for name, value in figures.items():
            self._facts["history"].setdefault(name, []).append(round(float(value), 6))
        self._tell()

    def ends(self, verdict: str, version: str | None = None, reason: str | None = None) -> None:
        """Say how the job ended: served, refused, nothing, failed or stopped."""
        self._facts |= {
            "stage": "done",
            "eta_s": None,
            "outcome": {"verdict": verdict, "version": version, "reason": reason},
        }
        self._tell()

    @contextlib.contextmanager
    def told_at_the_end(self) -> Iterator[None]:
        """Say it, too, if what is done in this block ends by an error, or is stopped."""
        try:
            yield
        except AccuracyTooLowError as error:
            self.ends("refused", reason=str(error))
            raise
        except Exception as error:
            self.ends("failed", reason=str(error) or type(error).__name__)
            raise
        except BaseException:  # Ctrl-C, or told to stop
            self.ends("stopped")
            raise

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        if self._shared_dir is not None:
            tell(self._shared_dir, "status.json", {**self._facts, "updated_at": utc_now()})
