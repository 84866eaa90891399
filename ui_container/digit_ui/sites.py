"""What pages of other sites may do: change nothing here, and read answers only where the settings name their site."""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request

from digit_ui.api import OPEN_INFERENCE, READING, TENSORFLOW_SERVING, ApiBlueprint
from digit_ui.problems import Problem
from digit_ui.settings import Settings

# These change nothing, whatever comes with them.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
READING_TAGS = (READING, OPEN_INFERENCE, TENSORFLOW_SERVING)
ANY_ORIGIN = "*"
SENT_HEADERS = "Content-Type, Inference-Header-Content-Length"
SHOWN_HEADERS = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Inference-Header-Content-Length"
PREFLIGHT_KEPT_S = 600


def init_app(app: Flask) -> None:
    """Keep the pages of other sites away from what changes something in `app`."""
    app.before_request(_refuse_changes)
    app.after_request(_share)


def _refuse_changes() -> None:
    if request.method not in SAFE_METHODS and not _is_reading() and is_cross_site():
        raise Problem(403, "cross_site", "this was asked for by a page of another site; use this server's own page")


def is_cross_site() -> bool:
    """Tell whether a browser asks on behalf of a page that is not ours; a program is no page."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    # A browser leaves that header out where the page came by plain HTTP from another machine.
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != request.host.lower()
    except ValueError:
        return True


def _is_reading() -> bool:
    """Tell the operations that take a drawing and keep nothing of it."""
    operations = current_app.blueprints.get(request.blueprint or "")
    return isinstance(operations, ApiBlueprint) and operations.tag in READING_TAGS


def _share(response: Response) -> Response:
    """Let the pages of the named sites see what the reading operations answer, and ask before they send JSON."""
    settings: Settings = current_app.extensions["settings"]
    if not settings.cors_origins or not _is_reading():
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin is None or settings.cors_origins.isdisjoint((origin, ANY_ORIGIN)):
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = SHOWN_HEADERS
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = SENT_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
    return response
