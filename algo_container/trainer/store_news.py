"""What the trainer says of itself, brought from its copy to the object store as it changes."""

import contextlib
import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import ObjectStoreError
from trainer.status import RENEWED_EVERY_S
from trainer.store_mark import read_mark

if TYPE_CHECKING:
    from trainer.object_store import ObjectStore

NEWS = ("status.json", "watcher.json", "checks.json", "attempt.json")
# A program that ends does not wait longer than this for a store that is away.
LAST_WORD_S = 5.0


@contextlib.contextmanager
def news_brought(folder: Path) -> Iterator[None]:
    """Bring the news in the background as long as this lasts; where the folder is no copy, do nothing.

    News that cannot be brought is left out: it must not end a training.
    """
    mark = read_mark(folder)
    if mark is None:
        yield
        return
    ending = threading.Event()
    bringer = threading.Thread(target=_bring, args=(folder, mark.url, ending), name="news", daemon=True)
    bringer.start()
    try:
        yield
    finally:
        ending.set()
        bringer.join(LAST_WORD_S)


def _bring(folder: Path, url: str, ending: threading.Event) -> None:
    from trainer.object_store import open_store  # as where the copy is made

    training = folder / "training"
    training.mkdir(parents=True, exist_ok=True)
    with (training / ".news.lock").open("w") as lock:
        while not _is_ours(lock.fileno()):  # the watcher does it for the training that it has started
            if ending.wait(RENEWED_EVERY_S):
                return
        store, brought = open_store(url), dict.fromkeys(NEWS, 0)
        while True:
            is_last = ending.wait(RENEWED_EVERY_S)
            _bring_changed(training, store, brought)
            if is_last:
                return


def _is_ours(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bring_changed(training: Path, store: "ObjectStore", brought: dict[str, int]) -> None:
    for name in NEWS:
        with contextlib.suppress(FileNotFoundError, ObjectStoreError):
            written_at = (training / name).stat().st_mtime_ns
            if written_at != brought[name]:
                store.write(f"training/{name}", (training / name).read_bytes())
                brought[name] = written_at
