"""Connections that have just been answered, and the one thread that waits for the next request of any of them.

Python runs one thread at a time. Where each waits for its own client, those that have a request take the interpreter
from each other wherever one might block, thirty times an answer, which costs a third of the processor's time. So one
thread, the leader, answers all of them in turn; where an answer takes long, another takes its place.

worker.py runs this as a file, so it imports nothing of ours.
"""

import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

LINGER_S = 0.1
# Ten times what a drawing takes; an answer that waits for a disk or a database takes longer.
PATIENCE_S = 0.02


class Lingering:
    """At most `most` connections; the worker's main thread waits for all others.

    give_back: is told of a connection that has been silent for long, or that nobody is to wait for any longer;
    on_lead: is told when a thread begins to lead; on_empty: when nobody is in line any longer.
    """

    def __init__(
        self,
        most: int,
        give_back: Callable[[Any], None],
        on_lead: Callable[[], None],
        on_empty: Callable[[], None],
    ) -> None:
        self._most, self._give_back, self._on_lead, self._on_empty = most, give_back, on_lead, on_empty
        self._silent = selectors.DefaultSelector()
        self._came: deque[tuple[Any, float]] = deque()  # who has sent something, and when that was seen
        self._was_line = False
        self._leader: object = None
        self._answering_since: float | None = None
        self._next_sweep = 0.0
        self._is_open = True
        self._changing = threading.Lock()

    @property
    def is_led(self) -> bool:
        """Tell whether a thread leads."""
        return self._leader is not None

    @property
    def in_line(self) -> int:
        """Count those who have sent something and wait for the leader."""
        return len(self._came)

    def close(self) -> None:
        """Wait for nobody any longer."""
        self._is_open = False

    def add(self, conn: Any) -> bool:  # noqa: ANN401 # gunicorn comes without types
        """Wait for the next request of a connection if there is room; who adds one offers to `lead` afterwards."""
        with self._changing:
            if not self._is_open or len(self._silent.get_map()) + len(self._came) >= self._most:
                return False
            self._silent.register(conn.sock, selectors.EVENT_READ, (conn, time.monotonic() + LINGER_S))
            return True

    def lead(self, answer: Callable[[Any, float], None]) -> None:
        """Answer who sends something, one after the other, until nobody lingers or another thread leads.

        answer: takes the connection and when it was seen to have sent something (`time.perf_counter`).
        """
        me = object()
        with self._changing:
            if self._leader is not None:
                return
            self._leader = me
        self._on_lead()
        while (one := self._next(me)) is not None:
            answer(*one)

    def relieve(self) -> bool:
        """Dismiss a leader that takes long over an answer; tell whether another one is needed at once."""
        with self._changing:
            since = self._answering_since
            if since is None or time.monotonic() - since < PATIENCE_S:
                return False
            self._leader = self._answering_since = None
            return bool(self._came or self._silent.get_map())

    def _next(self, me: object) -> tuple[Any, float] | None:
        while True:
            with self._changing:
                if self._leader is not me:
                    return None
                self._answering_since = None
                is_line = bool(self._came)
            if self._was_line and not is_line:
                self._on_empty()
            self._was_line = is_line
            events = self._silent.select(0 if is_line else LINGER_S)
            with self._changing:
                for key, _ in events:
                    self._silent.unregister(key.fileobj)
                    self._came.append((key.data[0], time.perf_counter()))
                self._sweep()
                if self._came:
                    self._answering_since = time.monotonic()
                    return self._came.popleft()
                if not self._silent.get_map():
                    self._leader = None
                    return None

    def _sweep(self) -> None:
        """Give back who has been silent for long; all of them at the end."""
        now = time.monotonic()
        if now < self._next_sweep and self._is_open:
            return
        self._next_sweep = now + LINGER_S
        for key in list(self._silent.get_map().values()):
            conn, until = key.data
            if until <= now or not self._is_open:
                self._silent.unregister(key.fileobj)
                self._give_back(conn)
