"""Server-sent events: whoever watches holds one of the server's threads, so that there are only so many places."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flask import Response

from digit_ui.json_files import Facts
from digit_ui.problems import Problem

LOOK_EVERY_S = 0.5
# What lies between may take a silent connection for a dead one.
COMMENT_EVERY_S = 10
# The browser comes again by itself; until then it holds its place.
LONGEST_S = 300


@dataclass
class Streams:
    """The streams of one server process.

    places: how many there may be at once; is_serving: false once the server is to stop, which ends them all.
    """

    places: int = 4
    is_serving: Callable[[], bool] = lambda: True
    _taken: set[object] = field(default_factory=set)
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def open(self, look: Callable[[], Facts], connection: socket.socket | None) -> Response:
        """Answer with what `look` gives, at once and again whenever it has changed.

        connection: the client's, if it is known; a client that leaves is then noticed at once. Raises Problem 503 if
        all places are taken.
        """
        place = object()
        with self._taking:
            if len(self._taken) >= self.places:
                raise Problem(
                    503,
                    "too_many_streams",
                    f"{self.places} others are watching already; ask for the status instead",
                    30,
                )
            self._taken.add(place)
        response = Response(self._events(look, connection), content_type="text/event-stream")
        response.call_on_close(lambda: self._taken.discard(place))
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until there are many
        return response

    def _events(self, look: Callable[[], Facts], connection: socket.socket | None) -> Iterator[str]:
        started = spoken = time.monotonic()
        said = None
        while self.is_serving() and _is_there(connection) and time.monotonic() - started < LONGEST_S:
            status = json.dumps(look())
            if status != said:
                yield f"event: status\ndata: {status}\n\n"
                said, spoken = status, time.monotonic()
            elif time.monotonic() - spoken >= COMMENT_EVERY_S:
                yield ": nothing new\n\n"
                spoken = time.monotonic()
            time.sleep(LOOK_EVERY_S)


def _is_there(connection: socket.socket | None) -> bool:
    if connection is None:
        return True
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except (BlockingIOError, ValueError):  # it is silent, as it should be, or it is encrypted and cannot be looked into
        return True
    except OSError:
        return False
