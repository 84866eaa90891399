"""A client's connection, whose request is gathered without waiting until it is whole.

worker.py runs this as a file, so it imports nothing of ours.
"""

import contextlib
import json
import re
import socket
import struct
import time
from http import HTTPStatus
from typing import Any

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn

RECEIVE_BYTES = 64 * 1024
# gunicorn's parser takes a hundred lines of 8 kB, of which no honest client sends a tenth.
MAX_HEAD_BYTES = 128 * 1024
MAX_CHUNK_LINE_BYTES = 1024
# Who does not take an answer for so long has gone, and must not hold a thread.
SEND_TIMEOUT_S = 60
# After the last answer, so that it is not lost with what the client was still sending.
LEAVE_S = 2

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
TRANSFER = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECTATION = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
CHUNK = re.compile(rb"([0-9a-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n", re.IGNORECASE)


class Connection(TConn):  # type: ignore[misc] # gunicorn comes without types
    """What gunicorn knows of a connection, and the bytes that have come of the next request.

    deadline: when this is given up (`time.monotonic`); is_cut: the request is answered without its body, which is
    too large, and no other can follow; is_leaving: the last answer is given; counted: the bytes
    that the worker holds it to account for.

    Whether the bytes are a request is for gunicorn's parser to say. It reads nothing but what is here: no thread ever
    waits for a client to send.
    """

    parser: Any
    initialized: bool

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any, max_body_bytes: int) -> None:  # noqa: ANN401 # gunicorn's own
        super().__init__(cfg, sock, client, server)
        # Not Python's own timeout, which would also wait where somebody only looks whether there is something to read.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
        self.data_ready = True
        self.received = bytearray()
        self.deadline = 0.0
        self.is_cut = False
        self.is_leaving = False
        self.counted = 0
        self._max_body_bytes = max_body_bytes
        self._begin()

    def init(self) -> None:
        """Hand the request over to gunicorn's parser; gunicorn calls this before it answers."""
        if self.parser is None:
            self.parser = get_parser(self.cfg, iter(()), self.client)
            self.initialized = True
        self.parser.unreader.unread(bytes(self.received))
        self.received.clear()

    def resume(self) -> bool:
        """Begin the next request, with what came after the last one; tell whether that is all of it."""
        self.received += self.parser.unreader.take_buffered()
        self._begin()
        return self._is_whole()

    def receive(self) -> bool | None:
        """Take what is there; tell whether a request can be answered, None if the client has left."""
        try:
            data = self.sock.recv(RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return None
        if not data:
            return None
        if self.is_leaving:
            return False
        self.received += data
        return self._is_whole()

    def refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer as `problems.py` would, and leave."""
        problem = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "code": code,
            "detail": detail,
        }
        body = json.dumps(problem)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._send((head + body).encode())
        self.leave()

    def leave(self) -> None:
        """Say that nothing more will be answered; the client has `LEAVE_S` to take the last answer."""
        self.is_leaving = True
        self.received.clear()
        self.deadline = time.monotonic() + LEAVE_S
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has left already
            self.deadline = 0.0

    def _begin(self) -> None:
        """Know nothing of the next request."""
        self._searched = 0
        self._end: int | None = None
        self._next_chunk: int | None = None
        self._body_bytes = 0

    def _is_whole(self) -> bool:
        """Tell whether all of the request is here, or as much as will be looked at; refuse what no parser takes."""
        if self._end is None and self._next_chunk is None:
            self._read_head()
        if self._next_chunk is not None:
            self._skip_chunks()
        return self.is_cut or (self._end is not None and len(self.received) >= self._end)

    def _read_head(self) -> None:
        blank_line = self.received.find(b"\r\n\r\n", self._searched)
        if blank_line < 0:
            self._searched = max(0, len(self.received) - 3)
            if len(self.received) > MAX_HEAD_BYTES:
                self._refuse_head()
            return
        body_start = blank_line + 4
        head = bytes(self.received[:body_start])
        length = LENGTH.search(head)
        if TRANSFER.search(head):
            self._next_chunk = body_start
        else:
            self._end = body_start + (int(length[1]) if length else 0)
            self.is_cut = self._end - body_start > self._max_body_bytes
        if not self.is_cut and EXPECTATION.search(head):
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _skip_chunks(self) -> None:
        """Go on to the first chunk that is not here whole, or to the end of the last one."""
        while self._next_chunk is not None:
            line = CHUNK.match(self.received, self._next_chunk)
            if line is None:
                has_ended = self.received.find(b"\r\n", self._next_chunk) >= 0
                if has_ended or len(self.received) - self._next_chunk > MAX_CHUNK_LINE_BYTES:
                    self.refuse(HTTPStatus.BAD_REQUEST, "bad_request", "the body's chunks are not as HTTP writes them")
                return
            size = int(line[1], 16)
            if size == 0:
                self._find_end(line.end() - 2)
                return
            # Of tiny chunks most is not body.
            if self._body_bytes + size > self._max_body_bytes or line.end() > MAX_HEAD_BYTES + 2 * self._max_body_bytes:
                detail = f"the body is larger than {self._max_body_bytes} bytes"
                self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request_entity_too_large", detail)
                return
            following = line.end() + size + 2
            if following > len(self.received):
                return
            self._body_bytes += size
            self._next_chunk = following

    def _find_end(self, trailers: int) -> None:
        blank_line = self.received.find(b"\r\n\r\n", trailers)
        if blank_line >= 0:
            self._next_chunk, self._end = None, blank_line + 4
        elif len(self.received) - trailers > MAX_HEAD_BYTES:
            self._refuse_head()

    def _refuse_head(self) -> None:
        detail = f"the head of the request is larger than {MAX_HEAD_BYTES} bytes"
        self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request_header_fields_too_large", detail)

    def _send(self, data: bytes) -> None:
        """Send a few bytes if there is room for them; a client that leaves none goes without."""
        with contextlib.suppress(OSError):
            self.sock.send(data, socket.MSG_DONTWAIT)
