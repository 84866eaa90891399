"""gunicorn's threaded worker, whose threads wait a little for a client's next request.

gunicorn gives a connection back to its main thread after each answer, which gives it to another thread when the next
request is there: a third of the time that a short request takes. gunicorn.conf.py reads this, so it imports nothing of
ours.
"""

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 100


class LingeringWorker(ThreadWorker):  # type: ignore[misc] # gunicorn comes without types
    """Answers the requests of one client in one thread while they come quickly and there are threads enough."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 # gunicorn's own
        super().__init__(*args, **options)
        self._lingering: set[object] = set()

    def handle(self, conn: Any) -> object:  # noqa: ANN401 # as above
        """Answer a request and those that follow it; return what gunicorn's own does after the last one."""
        kept = super().handle(conn)
        while kept is True and self._next_comes(conn):
            kept = super().handle(conn)
        return kept

    def _next_comes(self, conn: Any) -> bool:  # noqa: ANN401 # as above
        """Wait for the next request; false where gunicorn is to wait for it."""
        if not self.alive or conn.is_http2 or self.cfg.is_ssl or len(self._lingering) >= self.cfg.threads // 2:
            return False
        if conn.parser.unreader.buf.getvalue():  # it came with the last one
            return False
        readable = select.poll()
        readable.register(conn.sock, select.POLLIN)
        self._lingering.add(conn)
        try:
            return bool(readable.poll(LINGER_MS))
        finally:
            self._lingering.discard(conn)
