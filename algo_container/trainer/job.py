"""One training at a time in a shared folder, whoever starts it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from trainer.errors import BusyError
from trainer.versions import not_written


@contextlib.contextmanager
def only_training(shared_dir: Path) -> Iterator[None]:
    """Hold the folder's training. Raises BusyError if another process does; a killed one has let it go."""
    path = shared_dir / "training" / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as error:
        raise not_written(shared_dir, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise BusyError(
                f"{shared_dir}: another training is at work here (process {lock.read().strip() or 'unknown'}); "
                "wait for its end, or stop it"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
