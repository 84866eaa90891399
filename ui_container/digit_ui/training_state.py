"""What the trainer says of itself, and whether it is still there to say it."""

import hashlib
import time
from pathlib import Path

from digit_ui.gallery import Gallery
from digit_ui.json_files import Facts, JsonFile, read_json_file, signature
from digit_ui.serving import ModelInService
from digit_ui.store_faults import StoreError
from digit_ui.versions import Versions

# What it renews every second or two, and every few seconds, is older than this only when the trainer is gone.
JOB_SILENCE_S = 120
WATCHER_SILENCE_S = 60


class TrainingState:
    """Looks at the trainer's files at every question; nothing is kept."""

    def __init__(self, shared_dir: Path, model: ModelInService, versions: Versions, gallery: Gallery) -> None:
        self._folder = shared_dir / "training"
        self._model = model
        self._versions = versions
        self._gallery = gallery

    def status(self) -> Facts:
        """Say what is in service, what the trainer does, and by `revision` whether anything else has changed."""
        model = self._model.current
        job = self._job()
        return {
            "model_version": None if model is None else model.version,
            "model_origin": None if model is None else model.origin,
            "watcher": self._watcher(job is not None and job["alive"]),
            "job": job,
            "revision": self._revision(),
        }

    def held_back(self) -> dict[str, Facts]:
        """Give what the last look at the feedback held back, by its id."""
        file = read_json_file(self._folder / "checks.json")
        entries = None if file is None else file.facts.get("held_back")
        if not isinstance(entries, list):
            return {}
        return {
            entry["id"]: {name: value for name, value in entry.items() if name != "id"}
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("id"), str)
        }

    def _job(self) -> Facts | None:
        file = read_json_file(self._folder / "status.json")
        if file is None or not isinstance(file.facts.get("stage"), str):
            return None
        return {**file.facts, "alive": file.facts["stage"] != "done" and _age_s(file) < JOB_SILENCE_S}

    def _watcher(self, works: bool) -> Facts | None:
        file = read_json_file(self._folder / "watcher.json")
        return None if file is None else {**file.facts, "watching": works or _age_s(file) < WATCHER_SILENCE_S}

    def _revision(self) -> str:
        model = self._model.current
        try:
            store: object = self._gallery.newest()
        except StoreError:
            store = None
        seen = (
            None if model is None else model.version,
            self._versions.signature(),
            signature(self._folder / "checks.json"),
            store,
        )
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _age_s(file: JsonFile) -> float:
    return time.time() - file.written_at
