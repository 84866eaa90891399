"""Text goes out compressed to whoever takes it so: on a slow line the bytes are most of the wait."""

import gzip
from collections.abc import Callable

from flask import Flask, Response, request

# Below this, the head of the answer is most of it.
LEAST_BYTES = 1024
# The next levels save a hundredth of the bytes and cost twice the time.
LEVEL = 6
KINDS_OF_TEXT = ("text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml")


def init_app(app: Flask) -> None:
    """Compress the answers of `app` that are text, whole and not small; what is streamed goes as it comes."""
    app.after_request(_compress)


def is_text(media_type: str | None) -> bool:
    """Tell whether contents of this type shrink."""
    return (media_type or "").startswith(KINDS_OF_TEXT)


def compress(content: bytes, level: int = LEVEL) -> bytes:
    """Compress; the same content gives the same bytes."""
    return gzip.compress(content, level, mtime=0)


def answer_compressed(response: Response, compressed: Callable[[], bytes]) -> None:
    """Put `compressed()` in the place of the answer's body if the request's Accept-Encoding allows."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(compressed())
        response.content_encoding = "gzip"


def _compress(response: Response) -> Response:
    is_whole = not response.is_streamed and not response.direct_passthrough and response.content_encoding is None
    if is_whole and is_text(response.mimetype) and (response.content_length or 0) >= LEAST_BYTES:
        answer_compressed(response, lambda: compress(response.get_data()))
    return response
