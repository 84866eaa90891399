"""gunicorn's threaded worker, whose threads are only given requests that have come whole.

gunicorn lets a thread wait while a client sends, so that as many slow or silent clients as there are threads keep
everybody else from an answer. Here they cost a socket each: the main thread gathers what they send, and gives up who
takes too long, or who has been silent longest where too many are.

gunicorn also gives a connection back to its main thread after each answer, which gives it to another thread when the
next request is there: a third of the time that a short request takes. Here it lingers a little (lingering.py).

And of gunicorn's workers the quickest takes a new connection, which may be the same one for all clients. Here a worker
leaves it for a moment to those that have fewer.
gunicorn.conf.py runs this as a file, so it imports nothing of ours.
"""

import errno
import runpy
import selectors
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

Connection = runpy.run_path(str(Path(__file__).with_name("connection.py")))["Connection"]
lingering = runpy.run_path(str(Path(__file__).with_name("lingering.py")))
Lingering, PATIENCE_S = lingering["Lingering"], lingering["PATIENCE_S"]

SWEEP_EVERY_S = 0.5
# A worker that is not asleep for longer has taken a connection by then.
LEAVE_TO_OTHERS_S = 0.002
# A server that is to stop waits so long for a request that is on its way.
STOPPING_S = 2
# Of all requests that are being sent or answered: many drawings, or sixteen of the largest bodies by default.
MAX_HELD_BYTES = 32 * 2**20
# While a client lingers nobody counts anew what it sends, and all who do are not to make up more than this share.
LINGERING_SHARE = 4


class LingeringWorker(ThreadWorker):  # type: ignore[misc] # gunicorn comes without types
    """Answers in one thread the requests of all clients that ask again soon.

    limits: how much a request may take, a `Limits`; max_lingering: how many clients that have been answered one thread
    waits for; spare_threads: where an answer takes long, those in line get threads of their own until so many are busy;
    loads: what all workers hold, a `Loads`; place: this one's there. gunicorn.conf.py sets them.

    The main thread takes connections and gathers requests, and gives each that is whole to a thread (`_serve`). Who has
    been answered lingers for the leader, which answers in the same way (`_answer_if_whole`), or goes back to the main
    thread (`_finish`).
    """

    limits: Any
    max_lingering: int
    spare_threads: int
    loads: Any
    place: int

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 # gunicorn's own
        super().__init__(*args, **options)
        self.on_shorter_line: Callable[[], None] = lambda: None  # the application may want to know
        self._lingering: Any = None
        self._is_leader_coming = False
        self._max_counted = 0
        self._answering = threading.local()
        self._waiting: dict[Any, None] = {}  # whose next request is not here yet, in the order in which they began
        self._held_bytes = 0
        self._next_sweep = 0.0

    def init_process(self) -> None:
        """Begin in the worker's own process: its selectors are not to be the parent's."""
        most = max(1, min(self.max_lingering, self.worker_connections // 2))
        self._max_counted = MAX_HELD_BYTES // LINGERING_SHARE // most
        self._lingering = Lingering(
            most,
            give_back=lambda conn: self.method_queue.defer(self._finish, conn, True),
            on_lead=lambda: self.method_queue.defer(lambda: None),  # wakes the main thread, which then looks more often
            on_line_empty=lambda: self.on_shorter_line(),
        )
        super().init_process()

    def in_line(self) -> int:
        """Count those whose next request is here and who wait for the leader."""
        count: int = self._lingering.in_line
        return count

    def seen_at(self) -> float:
        """Give when the request that the calling thread answers was seen to be here (`time.perf_counter`)."""
        return getattr(self._answering, "seen_at", time.perf_counter())

    def waited_s(self) -> float:
        """Give how long the request that the calling thread answers has waited for it, from when it was here."""
        return getattr(self._answering, "waited_s", 0.0)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections or no more, and say so to the other workers."""
        super().set_accept_enabled(enabled)
        if enabled:
            self.loads.tell(self.place, self.nr_conns)
        else:
            self.loads.leave(self.place)

    def accept(self, listener: Any) -> None:  # noqa: ANN401 # as above
        """Take a new connection, in the place of the one that has waited longest if there are too many."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        if self.loads.is_more_than_another(self.nr_conns):
            time.sleep(LEAVE_TO_OTHERS_S)
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self._hold(self.nr_conns + 1)
        self._await(Connection(self.cfg, sock, address, listener.getsockname(), self.limits.max_body_bytes))
        if self.nr_conns >= self.worker_connections:
            self._close(next(iter(self._waiting)))

    def enqueue_req(self, conn: Any) -> None:  # noqa: ANN401 # as above
        """Have a thread answer."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
        else:
            self.tpool.submit(self._serve, self._answer, conn, time.perf_counter())

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what the main thread does, and see to it that no long answer keeps those waiting who linger."""
        super().wait_for_and_dispatch_events(min(timeout, PATIENCE_S) if self._lingering.is_led else timeout)
        busy = self.nr_conns - len(self._waiting) - self._lingering.count
        # Where many threads wait their turn already, another one would only make them take the interpreter more often.
        relieved = self._lingering.relieve(max(0, self.spare_threads - busy))
        for conn, seen_at in relieved:
            self.tpool.submit(self._serve, self._answer_if_whole, conn, seen_at)
        if relieved:
            self.on_shorter_line()
        if self._lingering.needs_leader() and not self._is_leader_coming:
            self._is_leader_coming = True
            self.tpool.submit(self._come_to_lead)

    def murder_keepalived(self, force: bool = False) -> None:
        """Give up those whose time is over; gunicorn calls this all the time, with `force` at the end."""
        now = time.monotonic()
        if now >= self._next_sweep or force:
            self._next_sweep = now + SWEEP_EVERY_S
            for conn in [conn for conn in self._waiting if force or conn.deadline <= now]:
                self._give_up(conn)
        super().murder_keepalived(force)

    def handle_request(self, req: Any, conn: Any) -> object:  # noqa: ANN401 # as above
        """Answer, and say so if nothing more can be on this connection."""
        if getattr(conn, "is_cut", False):
            req.force_close()
        return super().handle_request(req, conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self._waiting:
            conn.deadline = min(conn.deadline, deadline)
        self._lingering.close()
        super()._cap_keepalive(deadline)

    def _serve(self, answer: Callable[[Any, float], None], conn: Any, seen_at: float) -> None:  # noqa: ANN401 # as above
        """Answer in a thread by `_answer` or `_answer_if_whole`, then lead unless another thread does."""
        answer(conn, seen_at)
        self._lead()

    def _come_to_lead(self) -> None:
        self._is_leader_coming = False
        self._lead()

    def _lead(self) -> None:
        try:
            self._lingering.lead(self._answer_if_whole)
        except Exception:
            self.log.exception("A thread that answers has failed, and another one takes its place.")

    def _answer_if_whole(self, conn: Any, seen_at: float) -> None:  # noqa: ANN401 # as above
        if conn.receive() is True:
            self._answer(conn, seen_at)
        else:  # the main thread will see whether the rest comes, or that the client has left
            self.method_queue.defer(self._finish, conn, True)

    def _answer(self, conn: Any, seen_at: float) -> None:  # noqa: ANN401 # as above
        """Answer a request that is here, and those that came with it; then the client lingers, or goes back."""
        self._begin(seen_at)
        lingers = False
        try:
            is_kept = self.handle(conn)
            while is_kept is True and conn.resume():
                self._begin(time.perf_counter())
                is_kept = self.handle(conn)
            if is_kept is True and not conn.received and conn.counted <= self._max_counted:
                lingers = self._lingering.add(conn)
        except BaseException:  # noqa: BLE001 # `handle` has answered and logged what it could, and nobody else looks
            is_kept = False
        if not lingers:
            self.method_queue.defer(self._finish, conn, is_kept)

    def _begin(self, seen_at: float) -> None:
        self._answering.seen_at, self._answering.waited_s = seen_at, time.perf_counter() - seen_at

    def _finish(self, conn: Any, is_kept: object) -> None:  # noqa: ANN401 # as above
        """Wait in the main thread for the next request, or for the client to take the last answer and leave."""
        if conn.sock.fileno() < 0:  # an answer broke off, and gunicorn has closed the connection
            self._drop(conn)
            return
        if not is_kept and not conn.is_leaving:
            conn.leave()
        self._await(conn)

    def _await(self, conn: Any) -> None:  # noqa: ANN401 # as above
        """Have the main thread gather the next request."""
        self._count(conn)
        if not conn.is_leaving:
            conn.deadline = time.monotonic() + (self.limits.read_timeout_s if self.alive else STOPPING_S)
        conn.sock.setblocking(False)
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._gather, conn))

    def _gather(self, conn: Any, _sock: object) -> None:  # noqa: ANN401 # as above
        if conn not in self._waiting:  # given up for another one that was ready at the same time
            return
        is_whole = conn.receive()
        if is_whole is None:
            self._close(conn)
            return
        self._count(conn)
        while self._held_bytes > MAX_HELD_BYTES and not conn.is_leaving:
            self._make_room()
        if is_whole and not conn.is_leaving:
            self._forget(conn)
            self.enqueue_req(conn)

    def _make_room(self) -> None:
        """Refuse whoever has held the most for longest without having sent a whole request."""
        conn = next(conn for conn in self._waiting if conn.received)
        conn.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "too many large requests are being sent; send it again")
        self._count(conn)

    def _give_up(self, conn: Any) -> None:  # noqa: ANN401 # as above
        if conn.is_leaving or not conn.received:
            self._close(conn)
            return
        detail = f"the request did not come whole within {self.limits.read_timeout_s:g} s; send it again"
        conn.refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", detail)
        self._count(conn)

    def _close(self, conn: Any) -> None:  # noqa: ANN401 # as above
        self._forget(conn)
        self._drop(conn)
        conn.close()

    def _drop(self, conn: Any) -> None:  # noqa: ANN401 # as above
        self._held_bytes -= conn.counted
        self._hold(self.nr_conns - 1)

    def _hold(self, connections: int) -> None:
        self.nr_conns = connections
        if self._accepting:
            self.loads.tell(self.place, connections)

    def _forget(self, conn: Any) -> None:  # noqa: ANN401 # as above
        del self._waiting[conn]
        self.poller.unregister(conn.sock)

    def _count(self, conn: Any) -> None:  # noqa: ANN401 # as above
        """Hold a connection to account for what has come of its request; it goes on while that is answered."""
        self._held_bytes += len(conn.received) - conn.counted
        conn.counted = len(conn.received)
