"""GET /training/feedback/export: the whole store for the administrator, to be kept or to be sent in again."""

import socket
from itertools import chain

from flask import Response, current_app, request

from digit_ui.admin import require_token
from digit_ui.api import ADMINISTRATOR, TRAINING, ApiBlueprint, contents, problems
from digit_ui.export import Export, ExportRunning
from digit_ui.problems import Problem, from_problem
from digit_ui.training_state import TrainingState

# Who has not taken a piece of a few megabytes after so long has gone, and must not hold a thread.
STALLED_S = 300

bp = ApiBlueprint("export", __name__, TRAINING, url_prefix="/feedback/export")


@bp.errorhandler(ExportRunning)
def report_running(_error: ExportRunning) -> Response:
    """Answer 503 while another export holds its thread: the others are for short answers."""
    return from_problem(Problem(503, "export_running", "another export has not ended yet; ask again later", 30))


@bp.get("", responses={200: contents("application/x-ndjson"), **problems(401, 403, 503)}, security=ADMINISTRATOR)
def export() -> Response:
    """Stream every drawing as a line of JSON; it says more than the gallery, so it always needs the token."""
    require_token()
    exported: Export = current_app.extensions["export"]
    state: TrainingState = current_app.extensions["training"]
    pieces = exported.pieces(state.held_back())
    first = next(pieces, b"")  # now, while the status can still say that the store is away
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(STALLED_S)
    response = Response(chain([first], pieces), content_type="application/x-ndjson")
    response.call_on_close(pieces.close)  # also where nobody reads the lines: a HEAD, a client that has gone
    response.headers["Content-Disposition"] = "attachment; filename=feedback.jsonl"
    return response
