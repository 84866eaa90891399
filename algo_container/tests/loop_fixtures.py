"""Versions and feedback stores of the forms that the loop's tests need, made without a training."""

import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np

STORE = """
CREATE TABLE feedback (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id VARCHAR(36) NOT NULL, created_at DATETIME NOT NULL,
  label INTEGER NOT NULL, digit INTEGER, model_version VARCHAR(64), pixels BLOB NOT NULL,
  original BLOB NOT NULL, original_type VARCHAR(32) NOT NULL, session VARCHAR(64), accepted_at DATETIME, UNIQUE (id)
);
CREATE INDEX feedback_of_a_label ON feedback (label, number, digit);
CREATE TABLE actions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, created_at DATETIME NOT NULL, kind VARCHAR(16) NOT NULL,
  feedback_id VARCHAR(36), version VARCHAR(64), label INTEGER
);
CREATE INDEX actions_of_a_kind ON actions (kind, number, feedback_id);
"""
NOW = "2026-01-01 00:00:00"


class Store:
    """A feedback store as the user interface makes it."""

    def __init__(self, shared_dir: Path) -> None:
        self.path = shared_dir / "feedback" / "feedback.db"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.executescript(STORE)

    def add(
        self, label: int, pixels: np.ndarray | None = None, strokes: object = None, session: str | None = "s"
    ) -> str:
        if pixels is None:
            pixels = np.random.default_rng().integers(0, 256, 784)
        original, kind = (
            (b"png", "image/png") if strokes is None else (json.dumps(strokes).encode(), "application/json")
        )
        values = (NOW, label, np.asarray(pixels, dtype=np.uint8).tobytes(), original, kind, session)
        row = self.connection.execute(
            "INSERT INTO feedback (id, created_at, label, pixels, original, original_type, session) "
            "VALUES (lower(hex(randomblob(16))), ?, ?, ?, ?, ?, ?) RETURNING id",
            values,
        ).fetchone()
        return row[0]

    def ask(self, kind: str, version: str | None = None, feedback_id: str | None = None) -> None:
        values = (NOW, kind, version, feedback_id)
        self.connection.execute(
            "INSERT INTO actions (created_at, kind, version, feedback_id) VALUES (?, ?, ?, ?)", values
        )

    def delete(self, feedback_id: str) -> None:
        self.connection.execute("DELETE FROM feedback WHERE id = ?", (feedback_id,))


def put_version(shared_dir: Path, number: int, serve: bool = True, **facts: object) -> str:
    """Lay a version into the folder as the trainer leaves it; its files are short, but whole."""
    version = f"20260101T0000{number:02}Z-{number:08x}"
    folder = shared_dir / "versions" / version
    folder.mkdir(parents=True)
    files = {}
    for name in ("model.json", "model.h5", "is_digit.json"):
        content = f"{name} of {version}".encode()
        (folder / name).write_bytes(content)
        files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    manifest = {
        "version": version,
        "created_at": f"2026-01-01T00:00:{number:02}Z",
        "parent": None,
        "files": files,
        "training": {"epochs": 1},
        "data": {},
        **facts,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if serve:
        for name in (*files, "manifest.json"):
            (shared_dir / name).write_bytes((folder / name).read_bytes())
    return version


def served(shared_dir: Path) -> str:
    """Give the version in service after making sure that the top-level files are its own."""
    manifest = json.loads((shared_dir / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        for folder in (shared_dir, shared_dir / "versions" / manifest["version"]):
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"]
    return manifest["version"]
