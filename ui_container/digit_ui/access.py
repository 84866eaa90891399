"""A name for every request, in its answer and in all that is logged for it, and a line in the log when it ends."""

import logging
import re
import secrets
import time
from functools import partial
from typing import Any

from flask import Flask, Response, g, has_request_context, request

from digit_ui.metrics import OTHER

HEADER = "X-Request-ID"
SANE = re.compile(r"[0-9A-Za-z._:/+=@-]{1,64}")
# Asked for again and again by browsers and machines, and seldom of interest where nothing is wrong.
QUIET = {
    "assets.asset",
    "browser_model.current",
    "browser_model.onnx",
    "health.live",
    "health.ready",
    "health.healthz",
    "open_inference.live",
    "open_inference.model_ready",
    "open_inference.ready",
    "scraping.metrics",
}

log = logging.getLogger(__name__)


def init_app(app: Flask, names_addresses: bool) -> None:
    """Name the requests of `app` and log a line for each. names_addresses: with the client's address."""
    app.before_request(_name)
    app.after_request(partial(_end, names_addresses))


def name_lines() -> None:
    """Have each line that is logged in this process while a request is answered carry the request's name."""
    make = logging.getLogRecordFactory()

    def make_named(*given: Any, **named: Any) -> logging.LogRecord:  # noqa: ANN401 # logging's own
        record = make(*given, **named)
        if has_request_context() and "request_id" in g:
            record.request_id = g.request_id
        return record

    logging.setLogRecordFactory(make_named)


def _name() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if SANE.fullmatch(given) else secrets.token_hex(8)


def _end(names_addresses: bool, response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    level = logging.DEBUG if request.endpoint in QUIET and response.status_code < 400 else logging.INFO
    if log.isEnabledFor(level):
        facts: dict[str, Any] = {
            "method": request.method,
            "route": OTHER if request.url_rule is None else request.url_rule.rule,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - g.began) * 1000, 1),  # as metrics.py has noted it
            "bytes": response.content_length,  # None of a stream
        }
        line = "%(method)s %(route)s %(status)s %(duration_ms)s ms %(bytes)s bytes"
        if names_addresses:
            facts["address"] = request.remote_addr
            line += " to %(address)s"
        log.log(level, line, facts, extra=facts)
    return response
