"""Clients that ask without pause while something is done to those who answer."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from threads import beside

SEVEN = json.dumps({"strokes": [[[60, 60], [220, 60], [120, 240]]]}).encode()
# The same, drawn by a pen that tells 100 kB of points.
LARGE_SEVEN = json.dumps(
    {
        "strokes": [
            [[60 + n * 0.0654321, 60.0001] for n in range(2446)],
            [[220 - n * 0.0408998, 60 + n * 0.0735996] for n in range(2446)],
        ]
    }
).encode()
CLIENTS = 8
GIVEN_UP_S = 30


@dataclass
class Askers:
    """Eight clients at host:port, each of which waits for an answer, then a moment, and asks again; half send 100 kB.

    asked: how many requests have ended; failures: what came in the place of an answer; longest_s: the longest wait;
    versions: of the models that answered.
    """

    host: str
    port: int
    pause_s: float = 0.05
    asked: int = 0
    failures: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    versions: set[str] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _noting: threading.Lock = field(default_factory=threading.Lock)
    _bodies: Iterator[bytes] = field(default_factory=lambda: cycle((SEVEN, LARGE_SEVEN)))

    @contextmanager
    def at_work(self) -> Iterator["Askers"]:
        """Let them ask until the end of the block, which must leave them time for some requests."""
        with beside(CLIENTS, self._ask_often, self._stopping):
            self.wait_for_more()
            yield self
            self.wait_for_more()

    def wait_for_more(self, count: int = 100) -> None:
        """Wait until so many more have ended."""
        wanted, deadline = self.asked + count, time.monotonic() + 60
        while self.asked < wanted:
            assert time.monotonic() < deadline, f"{self.asked} of {wanted} requests ended; {self.failures[-3:]}"
            time.sleep(0.05)

    def _ask_often(self) -> None:
        with self._noting:
            body_sent = next(self._bodies)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=GIVEN_UP_S)
        while not self._stopping.is_set():
            began = time.monotonic()
            failure, version = None, None
            try:
                connection.request("POST", "/predict", body_sent, {"Content-Type": "application/json"})
                response = connection.getresponse()
                body = response.read()
                answer = json.loads(body) if response.status == 200 else {}
                version = answer.get("model_version")
                if answer.get("digit") != 7:
                    failure = f"{response.status} {body[:200]!r}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                failure = repr(error)
            with self._noting:
                self.asked += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if failure is not None:
                    self.failures.append(failure)
                else:
                    self.versions.add(version)
            time.sleep(self.pause_s)
        connection.close()
