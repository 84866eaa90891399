"""Connections that have just been answered, and the one thread that waits for the next request of any of them.

Python runs one thread at a time. Where each waits for its own client, those that have a request take the interpreter
from each other wherever one might block, thirty times an answer, which costs a third of the processor's time. So one
thread, the leader, answers all of them in turn. Where an answer takes long, the others wait for it no longer than twice
`PATIENCE_S`.

worker.py runs this as a file, so it imports nothing of ours.
"""

import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

LINGER_S = 0.1
# Ten times what a drawing takes; an answer that waits for a disk or a database takes longer.
PATIENCE_S = 0.02

# A connection, and when it was seen to have sent something (`time.perf_counter`).
Asking = tuple[Any, float]


class Lingering:
    """At most `most` connections; the worker's main thread waits for all others.

    give_back: is told of a connection that the main thread is to wait for again, as it has been silent for long or as
    all of this ends; it must not call anything here. on_lead: is told when a thread begins to lead. on_line_empty: is
    told when nobody waits in line for the leader any longer, though many may still linger.
    """

    def __init__(
        self,
        most: int,
        give_back: Callable[[Any], None],
        on_lead: Callable[[], None],
        on_line_empty: Callable[[], None],
    ) -> None:
        self._most, self._give_back, self._on_lead, self._on_line_empty = most, give_back, on_lead, on_line_empty
        self._silent = selectors.DefaultSelector()
        self._line: deque[Asking] = deque()
        self._had_line = False
        self._leader: object = None
        self._answering_since: float | None = None  # None while the leader waits, when it cannot be dismissed
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
        return len(self._line)

    @property
    def count(self) -> int:
        """Count those who linger, in line or silent."""
        return len(self._silent.get_map()) + len(self._line)

    def close(self) -> None:
        """Wait for nobody any longer."""
        self._is_open = False

    def add(self, conn: Any) -> bool:  # noqa: ANN401 # gunicorn comes without types
        """Wait for the next request of a connection; false if there is no room. The thread is to `lead` afterwards."""
        with self._changing:
            if not self._is_open or self.count >= self._most:
                return False
            self._silent.register(conn.sock, selectors.EVENT_READ, (conn, time.monotonic() + LINGER_S))
            return True

    def lead(self, answer: Callable[[Any, float], None]) -> None:
        """Answer who sends something, one after the other, until nobody lingers or another thread leads.

        answer: takes the connection and when it was seen to have sent something (`time.perf_counter`).
        """
        while (me := self._take_the_lead()) is not None:
            try:
                self._on_lead()
                while (asking := self._next(me)) is not None:
                    answer(*asking)
            finally:
                with self._changing:
                    if self._leader is me:  # an error ends it
                        self._leader = self._answering_since = None

    def relieve(self, threads: int) -> Sequence[Asking]:
        """Dismiss a leader that takes long over an answer, and give as many of those in line as there are `threads`.

        Their answers may take as long, which they are not to do one after the other.
        """
        with self._changing:
            since = self._answering_since
            if since is None or time.monotonic() - since < PATIENCE_S:
                return ()
            self._leader = self._answering_since = None
            return [self._line.popleft() for _ in range(min(threads, len(self._line)))]

    def needs_leader(self) -> bool:
        """Tell whether somebody lingers and nobody leads."""
        with self._changing:
            return self._leader is None and self.count > 0

    def _take_the_lead(self) -> object:
        with self._changing:
            if self._leader is not None or self.count == 0:
                return None
            self._leader = object()
            return self._leader

    def _next(self, me: object) -> Asking | None:
        """Wait for somebody who asks; None if nobody lingers any longer, or if this leader has been dismissed."""
        while True:
            with self._changing:
                if self._leader is not me:
                    return None
                self._answering_since = None
                has_line = bool(self._line)
            had_line, self._had_line = self._had_line, has_line
            if had_line and not has_line:
                self._on_line_empty()
            events = self._silent.select(0 if has_line else LINGER_S)
            with self._changing:
                for key, _ in events:
                    self._silent.unregister(key.fileobj)
                    self._line.append((key.data[0], time.perf_counter()))
                self._sweep()
                if self._line:
                    self._answering_since = time.monotonic()
                    return self._line.popleft()
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
