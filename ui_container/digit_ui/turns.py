"""Whose turn it is to have a drawing read: as many at once as there are cores, the others in a queue that ends."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from digit_ui.problems import Problem

RETRY_AFTER_S = 1


class Turns:
    """Lets `at_once` threads work and `max_waiting` others wait for them, first come, first served.

    More than the cores can do at once makes nobody's answer come sooner, and everybody's later. `changed` is told how
    many work and how many wait; `waited_s` tells how long the request that the calling thread answers has waited for
    its thread: nobody waits longer than `max_wait_s` for both.
    """

    def __init__(self, at_once: int, max_waiting: int, max_wait_s: float) -> None:
        self.at_once = at_once
        self.max_waiting = max_waiting
        self.max_wait_s = max_wait_s
        self.changed: Callable[[int, int], None] = lambda *_: None
        self.waited_s: Callable[[], float] = lambda: 0.0
        self._working = 0
        self._waiting: list[tuple[float, int, threading.Event]] = []  # a heap
        self._arrivals = itertools.count()
        self._changing = threading.Lock()

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return len(self._waiting)

    def say(self) -> None:
        """Tell `changed` again: it may add others who wait, of whom nothing is known here."""
        with self._changing:
            self._say()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and keep it. Raises Problem 503 if too many wait already, or if it does not come in time."""
        self._take()
        try:
            yield
        finally:
            self._pass_on()

    def _take(self) -> None:
        with self._changing:
            if self._working < self.at_once:
                self._working += 1
                self._say()
                return
            if len(self._waiting) >= self.max_waiting:
                raise Problem(
                    503,
                    "too_busy",
                    f"{self.max_waiting} others are waiting already; ask again in a moment",
                    RETRY_AFTER_S,
                )
            called, waited_s = threading.Event(), self.waited_s()
            place = (time.perf_counter() - waited_s, next(self._arrivals), called)
            heapq.heappush(self._waiting, place)
            self._say()
        if not called.wait(max(0.0, self.max_wait_s - waited_s)):
            self._give_up(place)

    def _give_up(self, place: tuple[float, int, threading.Event]) -> None:
        with self._changing:
            if place not in self._waiting:  # called just now, after all
                return
            self._waiting.remove(place)
            heapq.heapify(self._waiting)
            self._say()
        raise Problem(
            503,
            "too_busy",
            f"the server did not get to this drawing within {self.max_wait_s:g} s; ask again in a moment",
            RETRY_AFTER_S,
        )

    def _pass_on(self) -> None:
        """Give the turn to whose request came first."""
        with self._changing:
            if self._waiting:
                heapq.heappop(self._waiting)[-1].set()
            else:
                self._working -= 1
            self._say()

    def _say(self) -> None:
        self.changed(self._working, len(self._waiting))
