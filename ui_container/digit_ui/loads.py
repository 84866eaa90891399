"""How many connections each worker holds, in memory that all of them see, so that a new one goes to who has fewest.

The system gives a new connection to the first worker that takes it, which is often the same one for all: of two
workers one then answers everybody, and a core stands idle. gunicorn.conf.py runs this as a file, so it imports nothing
of ours.
"""

import mmap
from array import array

# More than there ever are; a worker without a place of its own takes what it gets.
PLACES = 256
NOBODY = -1


class Loads:
    """A count for each place that `Board` gives out. Made before the workers are forked, which then share it."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, PLACES * array("i").itemsize)).cast("i")
        for place in range(PLACES):
            self._counts[place] = NOBODY

    def tell(self, place: int, connections: int) -> None:
        """Say how many connections the worker in a place holds."""
        if place < PLACES:
            self._counts[place] = connections

    def leave(self, place: int) -> None:
        """Say that nobody in this place takes connections."""
        self.tell(place, NOBODY)

    def is_more_than_another(self, connections: int) -> bool:
        """Tell whether a worker that takes connections holds fewer than so many."""
        return any(NOBODY < count < connections for count in self._counts.tolist())
