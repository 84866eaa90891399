"""Write files so that a reader, a killed writer or a power cut never meets half of one."""

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def replace(path: Path, content: bytes, durable: bool = True) -> None:
    """Put `content` in the place of the file; when this returns, it is on the disk. Raises OSError.

    durable: not so for news, which a power cut may take with it.
    """
    with replacing(path, durable) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[IO[bytes]]:
    """Give a file to write to, and put it in the place of the other one at the end, as `replace` does.

    Where that fails, as on a full disk, nothing is left. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.partial")  # always the same: what a killed writer left is overwritten
    try:
        with temporary.open("wb") as file:
            yield file
        if durable:
            flush(temporary)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        flush(path.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the disk holds a folder's files and entries."""
    for path in [*folder.iterdir(), folder]:
        flush(path)


def flush(path: Path) -> None:
    """Wait until the disk holds the file or the folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Folders that a hypervisor shares with its machine cannot be flushed; their files can.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that `path` stands for, after waiting for whoever has it; a killed holder has let it go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a Ctrl-C or a stop wait until what has begun to be visible is whole.

    Not by a signal mask: that is the thread's own, and TensorFlow's threads would let the signal in.
    """
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for interruption in came:
        signal.raise_signal(interruption)
