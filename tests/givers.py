"""Clients that give feedback without pause while something dies under the server."""

import http.client
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from served import Server
from threads import beside

SEVEN = {"strokes": [[[0, 0], [100, 0], [40, 120]]], "label": 7}
CLIENTS = 4
UNREACHABLE = (OSError, http.client.HTTPException, ValueError)


@dataclass
class Givers:
    """Clients that give feedback without pause until they are told to stop. ids: of what was acknowledged."""

    server: Server
    ids: list[str] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def give(self) -> None:
        while not self._stopping.is_set():
            try:
                self.ids.append(self.server.post("/feedback", SEVEN)["id"])
            except urllib.error.HTTPError as error:
                self.refused.add(error.code)
            except UNREACHABLE:  # it is gone, and the client cannot know whether it was stored
                pass

    @contextmanager
    def at_work(self) -> Iterator["Givers"]:
        with beside(CLIENTS, self.give, self._stopping):
            yield self

    def wait_for_more(self, count: int = 20) -> None:
        """Wait until more feedback has been acknowledged, which the server must manage by itself."""
        wanted = len(self.ids) + count
        self.server.wait_until(lambda: len(self.ids) >= wanted)
