"""Clients that ask beside a test until it tells them to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(count: int, work: Callable[[], None], stopping: threading.Event) -> Iterator[None]:
    """Let so many threads do `work`, which ends when `stopping` is set, as it is at the end of the block."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
