"""What a trainer leaves in the shared folder, made by hand after shared/README.md."""

import base64
import json
import math
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ACCEPTED = "20261125T080000Z-98a84463"
REFUSED = "20261125T093000Z-98a84463"
REASON = "it reads 9940 of 10000 test digits right, its parent 9952: worse by more than the noise (p = 0.013)"
MODEL_FILES = ("model.json", "model.h5", "is_digit.json", "model.onnx")
HISTORY = {
    "loss": [0.2731, 0.1204, 0.0893, 0.0742],
    "accuracy": [0.9132, 0.9614, 0.9713, 0.9764],
    "val_loss": [0.0911, 0.0602, 0.0514, 0.0468],
    "val_accuracy": [0.9721, 0.9812, 0.9838, 0.9856],
}


@dataclass
class Trainer:
    """Writes into `shared_dir` what a trainer would, without training."""

    shared_dir: Path

    @property
    def shipped(self) -> dict:
        return json.loads((self.shared_dir / "pretrained" / "manifest.json").read_text())

    def watch(self, new_labels: int = 12, labels_wanted: int = 50, error: str | None = None) -> None:
        self._write("watcher.json", {"new_labels": new_labels, "labels_wanted": labels_wanted, "error": error})

    def work(self, stage: str = "learning", **changes) -> None:
        """Be half way through a training of eight epochs."""
        points = [
            [step / 10, round(0.05 + 0.6 * math.exp(-step / 10), 4), round(0.985 - 0.35 * math.exp(-step / 8), 4)]
            for step in range(1, 44)
        ]
        job = {
            "job": "retraining",
            "stage": stage,
            "started_at": _time(-150),
            "epoch": 4,
            "epochs": 8,
            "eta_s": 134.0,
            "points": points,
            "history": HISTORY,
            "message": "epoch 5 of 8: loss 0.0581, accuracy 0.9837",
            "outcome": None,
        }
        self._write("status.json", {**job, **changes})

    def end(self, verdict: str, version: str | None = None, reason: str | None = None) -> None:
        outcome = {"verdict": verdict, "version": version, "reason": reason}
        self.work("done", epoch=8, eta_s=None, outcome=outcome)

    def die(self) -> None:
        """Leave a job behind that nobody continues."""
        path = self.shared_dir / "training" / "status.json"
        long_ago = path.stat().st_mtime - 3600
        os.utime(path, (long_ago, long_ago))

    def hold_back(self, entries: list[dict]) -> None:
        self._write("checks.json", {"checked_at": _time(), "model_version": ACCEPTED, "held_back": entries})

    def keep_versions(self) -> None:
        """Keep one version that is in service, and a younger one that its gate refused."""
        self.publish(self.keep(ACCEPTED, correct=9952, parent_correct=9950, verdict="served", learned=57))
        self.keep(REFUSED, correct=9940, parent_correct=9952, verdict="refused", learned=61, parent=ACCEPTED)

    def keep(self, version: str, *, correct: int, parent_correct: int, verdict: str, learned: int, parent=None) -> Path:
        folder = self.shared_dir / "versions" / version
        folder.mkdir(parents=True)
        shipped = self.shared_dir / "pretrained"
        for name in MODEL_FILES:
            shutil.copy(shipped / name, folder)
        manifest = self.shipped
        report = json.loads((shipped / "report.json").read_text())
        figures = {"n": 10_000, "correct": correct, "accuracy": correct / 10_000}
        figures["accuracy_ci95"] = [correct / 10_000 - 0.0014, correct / 10_000 + 0.0014]
        measured = {"candidate_correct": correct, "parent_correct": parent_correct, "only_parent": 12}
        mnist = {"n": 10_000, **measured, "only_candidate": 12 + correct - parent_correct, "p_value": 0.0129}
        drawn = {"of": "strokes", "n": 1500, "candidate_correct": 1471, "parent_correct": 1468}
        drawn |= {"only_parent": 4, "only_candidate": 7, "p_value": 0.27}
        feedback = {"n": 9, "by": "drawing", "candidate_correct": 9, "parent_correct": 6}
        feedback |= {"candidate_loss": 0.1124, "parent_loss": 0.4307}
        gate = {"verdict": verdict, "reasons": [REASON] if verdict == "refused" else []}
        manifest |= {
            "version": version,
            "created_at": datetime.strptime(version[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat(),
            "parent": parent or self.shipped["version"],
            "metrics": {"dataset": "test.csv.gz", **figures},
            "feedback": {"learned": {f"id-{n}": n % 10 for n in range(learned)}, "examined": {}, "held_back": 3},
            "gate": {**gate, "mnist": mnist, "drawn": drawn, "feedback": feedback, "probe": True},
        }
        report |= {**figures, "drawn": {"n": 1500, "writers": 6, "correct": 1471, "accuracy": 1471 / 1500}}
        report["drawn"] |= {"mean_over_writers": 0.981, "worst_writer": 0.948}
        # Each version has a weakness of its own, or a comparison of the two would show nothing.
        report["digits"][4 if verdict == "refused" else 9]["recall"] -= 0.0125
        for number, mistake in enumerate(report["worst_mistakes"]):
            mistake["pixels"] = drawing(number, thick=3)
        (folder / "report.json").write_text(json.dumps(report))
        (folder / "history.json").write_text(json.dumps(HISTORY))
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    def forget_pictures(self) -> None:
        """Have the shipped report name its mistakes without showing them, as older trainers did."""
        path = self.shared_dir / "pretrained" / "report.json"
        report = json.loads(path.read_text())
        for mistake in report["worst_mistakes"]:
            mistake.pop("pixels", None)
        path.write_text(json.dumps(report))

    def publish(self, folder: Path) -> None:
        for name in (*MODEL_FILES, "manifest.json"):
            shutil.copy(folder / name, self.shared_dir / f".{name}")
            (self.shared_dir / f".{name}").rename(self.shared_dir / name)

    def _write(self, name: str, content: dict) -> None:
        folder = self.shared_dir / "training"
        folder.mkdir(exist_ok=True)
        (folder / f".{name}").write_text(json.dumps({"updated_at": _time(), **content}))
        (folder / f".{name}").rename(folder / name)


def drawing(number: int, thick: int) -> str:
    """Give the base64 of a picture that differs for each number: a bar that turns."""
    cosine, sine = math.cos(number * 0.7), math.sin(number * 0.7)
    places = [(column - 13.5, row - 13.5) for row in range(28) for column in range(28)]
    ink = [abs(x * cosine + y * sine) < 9 and abs(y * cosine - x * sine) < thick for x, y in places]
    return base64.b64encode(bytes(255 * inked for inked in ink)).decode()


def _time(shift_s: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=shift_s)).isoformat(timespec="seconds")
