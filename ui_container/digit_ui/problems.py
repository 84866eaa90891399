"""Every error that leaves the server is application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, Field
from werkzeug import Response as WerkzeugResponse
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

MEDIA_TYPE = "application/problem+json"
# Below these, clients of other servers' protocols read the member `error`.
PROTOCOLS = ("/v1/", "/v2")

log = logging.getLogger(__name__)


class ProblemBody(BaseModel):
    """What went wrong (RFC 9457). `code` is for programs and stays the same, `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    error: str | None = Field(
        default=None, description="the same as `detail`, below /v1 and /v2, whose clients look for it"
    )


class Problem(Exception):
    """A request that cannot be answered. `code` is for programs, `detail` for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)


def init_app(app: Flask) -> None:
    """Answer every exception of `app` in the same form."""
    app.register_error_handler(Problem, from_problem)
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(Exception, _from_bug)


def from_problem(problem: Problem) -> Response:
    """Write a problem as an answer."""
    response = _respond(problem.status, problem.code, problem.detail)
    response.headers.update(problem.headers)
    return response


def _from_http(error: HTTPException) -> WerkzeugResponse:
    if error.code is None or error.code < 400:  # a redirect is no problem
        return error.get_response()
    code = HTTP_STATUS_CODES.get(error.code, "error").lower().replace(" ", "_")
    response = _respond(error.code, code, error.description or "")
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _from_bug(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return _respond(500, "internal_error", "the server failed on this request; its log says why")


def _respond(status: int, code: str, detail: str) -> Response:
    current_app.extensions["metrics"].problem(code, status)
    body = ProblemBody(title=HTTP_STATUS_CODES.get(status, "Error"), status=status, code=code, detail=detail)
    if request.path.startswith(PROTOCOLS):
        body.error = detail
    return Response(body.model_dump_json(exclude_none=True), status, content_type=MEDIA_TYPE)
