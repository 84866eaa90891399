"""POST /feedback: which digit was meant; DELETE: not any more; GET /feedback.csv: what has been gathered."""

import logging
import secrets
from collections.abc import Iterator
from itertools import chain, islice
from typing import Annotated

from flask import Response, current_app, request, stream_with_context
from pydantic import BaseModel, StringConstraints

from digit_ui.admin import bearer, require_reader
from digit_ui.api import FEEDBACK, READER, SENDER, ApiBlueprint, answer, contents, problems
from digit_ui.database import Feedback, FeedbackStore
from digit_ui.drawing import DrawingBody, read_drawing, read_fields
from digit_ui.fields import Digit
from digit_ui.gallery import Gallery, UnknownFeedback, WrongKey, digest_of
from digit_ui.preprocessing import SIDE
from digit_ui.problems import Problem
from digit_ui.store_faults import StoreError
from digit_ui.training_gallery import report_unknown_feedback

CSV_HEADER = ",".join(["label", *(f"{row}x{column}" for row in range(1, SIDE + 1) for column in range(1, SIDE + 1))])

# The id is no secret where the training page is public; nobody guesses these.
KEY_BYTES = 16
# PostgreSQL keeps no null byte.
Text = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]

log = logging.getLogger(__name__)
bp = ApiBlueprint("feedback", __name__, FEEDBACK)
bp.register_error_handler(UnknownFeedback, report_unknown_feedback)


class FeedbackBody(DrawingBody):
    """A drawing again, the digit that was meant, what was answered, and by which session it was drawn."""

    label: Digit
    digit: Digit | None = None
    model_version: Text | None = None
    session: Text | None = None


class FeedbackReceipt(BaseModel):
    """What names the stored drawing, and what only its sender gets: the key to delete it."""

    id: str
    key: str


class SentPath(BaseModel):
    """Which drawing is meant."""

    feedback_id: str


@bp.post(
    "/feedback",
    responses={201: FeedbackReceipt, **problems(400, 413, 415, 422, 503)},
    openapi_extensions=bp.takes_drawings(FeedbackBody),
)
def give() -> Response:
    """Store a drawing with its label; 201 means that it survives a power cut."""
    body, picture = read_fields(request, FeedbackBody)
    with current_app.extensions["turns"].turn():
        drawing = read_drawing(body, picture)
    key = secrets.token_urlsafe(KEY_BYTES)
    feedback = Feedback(
        label=body.label,
        digit=body.digit,
        model_version=body.model_version,
        session=body.session,
        pixels=drawing.pixels.tobytes(),
        original=drawing.original,
        original_type=drawing.media_type,
        key_digest=digest_of(key),
    )
    try:
        feedback_id = _store().add(feedback)
    except StoreError as error:
        log.error("feedback could not be stored: %s", error)
        raise Problem(503, "store_unavailable", "the feedback could not be stored; send it again later", 10) from error
    current_app.extensions["metrics"].labelled(body.label, body.digit)
    return answer(FeedbackReceipt(id=feedback_id, key=key), 201)


@bp.delete("/feedback/<feedback_id>", responses={204: None, **problems(401, 403, 404, 503)}, security=SENDER)
def withdraw(path: SentPath) -> tuple[str, int]:
    """Delete a drawing for good, for who sent it: the header `Authorization: Bearer …` carries its receipt's `key`."""
    key = bearer()
    if key is None:
        raise Problem(
            401,
            "key_needed",
            "this needs the drawing's key: the header 'Authorization: Bearer …' with `key` from the answer to POST "
            "/feedback",
            headers={"WWW-Authenticate": "Bearer"},
        )
    gallery: Gallery = current_app.extensions["gallery"]
    try:
        gallery.withdraw(path.feedback_id, key)
    except WrongKey as error:
        raise Problem(403, "wrong_key", "this is not the key that the drawing's sender was given") from error
    except StoreError as error:
        log.error("feedback could not be deleted: %s", error)
        raise Problem(503, "store_unavailable", "the drawing cannot be deleted now; ask again later", 10) from error
    return "", 204


@bp.get("/feedback.csv", responses={200: contents("text/csv"), **problems(401, 403, 503)}, security=READER)
def export() -> Response:
    """Stream every drawing in Kaggle's layout: label,1x1,...,28x28."""
    require_reader()
    rows = _store().rows()
    try:
        first = list(islice(rows, 1))  # now, while the status can still say that the store is away
    except StoreError as error:
        log.error("feedback could not be read: %s", error)
        raise Problem(503, "store_unavailable", "the feedback cannot be read now; ask again later", 10) from error

    def lines() -> Iterator[str]:
        yield CSV_HEADER + "\n"
        for label, pixels in chain(first, rows):
            yield f"{label},{','.join(map(str, pixels))}\n"

    response = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    response.call_on_close(rows.close)  # also where nobody reads the rows: a HEAD, a client that has gone
    response.headers["Content-Disposition"] = "attachment; filename=feedback.csv"
    return response


def _store() -> FeedbackStore:
    store: FeedbackStore = current_app.extensions["feedback"]
    return store
