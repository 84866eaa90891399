"""What is made once and stays, as a library does that is imported: Python need not look for garbage in it."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def lasting() -> Iterator[None]:
    """Keep all that is there at the end of this block out of every search for garbage, and do not search within it.

    TensorFlow makes half a million objects. Searching them takes a third of the import's time, and at the end of the
    process as long again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
