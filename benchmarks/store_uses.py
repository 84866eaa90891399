"""Grow a feedback store and measure each use of it: inserts, the gallery's pages, the trainer's question, exports."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask.testing import FlaskClient
from results import Spread
from sqlalchemy import func, select, text
from store_export import ROOT, TOKEN, Exported, Loaded, exported, loaded
from stored_drawings import Template, fill

sys.path.insert(0, str(ROOT / "ui_container"))
from digit_ui import create_app  # from the folder just named
from digit_ui.database import Action, Feedback, FeedbackStore
from digit_ui.settings import Settings

# As many as the page asks for at once, and one less than lead to a retraining.
A_PAGE, ALMOST_ENOUGH = 36, 19
# Of larger stores all rows at once would not fit into the memory of a small machine.
MOST_LOADED = 100_000

TRAINERS_LOOK = """
import json, sys, time
sys.path.insert(0, "algo_container")
from sqlalchemy import URL, func, select
from trainer.feedback_store import FeedbackStore, feedback
store, durations = FeedbackStore(URL.create("sqlite", database=sys.argv[1])), []
through, actions_through, n = map(int, sys.argv[2:])
def look():
    return len(store.requests(actions_through, actions_through)), store.count_new(through, actions_through)
def count_rows():
    with store._connected() as connection:
        return connection.scalar(select(func.count()).where(feedback.c.number > through))
for way in (look, count_rows):
    way()
    for _ in range(n):
        started = time.perf_counter()
        way()
        durations.append((time.perf_counter() - started) * 1e3)
print(json.dumps([durations[:n], durations[n:]]))
"""


@dataclass(frozen=True)
class Figures:
    """What was measured at one size. offset_page_ms, count_rows_ms, loaded: the plain ways; None where left out."""

    drawings: int
    disk_mb: float
    insert_ms: Spread
    first_page_ms: Spread
    deepest_page_ms: Spread
    offset_page_ms: Spread
    look_ms: Spread
    look_at_all_ms: Spread
    count_rows_ms: Spread
    export: Exported
    loaded: Loaded | None


def measure(
    drawings: Sequence[Template], sizes: Sequence[int], inserts: int = 200, repetitions: int = 20, exports: int = 5
) -> Iterator[Figures]:
    """Grow one store through the sizes, and measure at each; what is slow there is repeated less often."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_environment({"SHARED_DIR": folder, "CACHE_DIR": folder, "ADMIN_TOKEN": TOKEN})
        app = create_app(settings)
        store: FeedbackStore = app.extensions["feedback"]
        path = Path(settings.database_url.database or "")
        filled = 0
        for size in sizes:
            fill(store, drawings, filled + 1, size - inserts)
            insert_ms = [timed_ms(lambda at=at: add(store, drawings[at % len(drawings)])) for at in range(inserts)]
            filled = size
            is_large = size > MOST_LOADED
            yield Figures(
                drawings=size,
                insert_ms=Spread(insert_ms),
                disk_mb=disk_mb(store, path),
                **pages(app.test_client(), store, size, repetitions),
                **looks(path, size, actions(store), repetitions),
                export=exported(settings.shared_dir, 2 if is_large else exports),
                loaded=None if is_large else loaded(path),
            )


def pages(client: FlaskClient, store: FeedbackStore, size: int, repetitions: int) -> dict[str, Spread]:
    """Ask for the gallery's first and last page, and for the last one the plain way."""
    path = f"/training/feedback?limit={A_PAGE}"
    return {
        "first_page_ms": repeated(lambda: client.get(path), repetitions),
        "deepest_page_ms": repeated(lambda: client.get(f"{path}&before={A_PAGE + 1}"), repetitions),
        "offset_page_ms": repeated(lambda: offset_page(store, size - A_PAGE), max(3, repetitions // 7)),
    }


def looks(path: Path, size: int, actions_through: int, repetitions: int) -> dict[str, Spread]:
    """Ask the trainer's question where almost enough is new, and where all is; then count all rows."""
    few = max(3, repetitions // 4)
    look_ms, _ = trainers_look(path, size - ALMOST_ENOUGH, actions_through, repetitions)
    all_ms, count_ms = trainers_look(path, 0, 0, few)
    return {"look_ms": Spread(look_ms), "look_at_all_ms": Spread(all_ms), "count_rows_ms": Spread(count_ms)}


def trainers_look(path: Path, through: int, actions_through: int, n: int) -> list[list[float]]:
    """Time the trainer's question and the counting of rows, each n times, in the trainer's own environment."""
    command = [ROOT / ".venv/algo/bin/python", "-c", TRAINERS_LOOK, path, *map(str, (through, actions_through, n))]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    durations: list[list[float]] = json.loads(printed)
    return durations


def disk_mb(store: FeedbackStore, path: Path) -> float:
    """Give the size of the store's file once all that was written is in it."""
    with store.session() as session:
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    return path.stat().st_size / 1e6


def actions(store: FeedbackStore) -> int:
    """Give the number of the last action."""
    with store.session() as session:
        return session.scalar(select(func.max(Action.number))) or 0


def timed_ms(way: Callable[[], object]) -> float:
    """Time something once."""
    started = time.perf_counter()
    way()
    return (time.perf_counter() - started) * 1e3


def repeated(way: Callable[[], object], n: int) -> Spread:
    """Time something n times, after a first time that does not count."""
    way()
    return Spread([timed_ms(way) for _ in range(n)])


def add(store: FeedbackStore, template: Template) -> None:
    """Add a drawing as POST /feedback does."""
    facts = {"digit": template.label, "pixels": template.pixels, "original": template.original}
    store.add(Feedback(label=template.label, original_type="application/json", session="one", **facts))


def offset_page(store: FeedbackStore, offset: int) -> None:
    """Ask for a page the plain way."""
    with store.session() as session:
        session.scalar(select(func.count()).select_from(Feedback))
        session.scalars(select(Feedback).order_by(Feedback.number.desc()).offset(offset).limit(A_PAGE)).all()
