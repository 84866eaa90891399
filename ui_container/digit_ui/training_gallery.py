"""/training/feedback: every drawing with what was meant and what was read, and what can be done about it."""

import base64
from typing import Annotated, Literal

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from digit_ui.api import ADMINISTRATOR, READER, TRAINING, ApiBlueprint, Query, answer, problems
from digit_ui.database import Feedback
from digit_ui.fields import Digit, parse_json, validate
from digit_ui.gallery import Gallery, UnknownFeedback
from digit_ui.json_files import Facts, UtcText, utc_text
from digit_ui.problems import Problem, from_problem
from digit_ui.training_state import TrainingState

bp = ApiBlueprint("gallery", __name__, TRAINING, url_prefix="/feedback")


class GalleryQuery(Query):
    """Which drawings are wanted, and from where on."""

    digit: Digit | None = None
    wrong: Literal["0", "1"] = Field("0", description="1: only what was read wrongly")
    held: Literal["0", "1"] = Field("0", description="1: only what the trainer holds back")
    before: Annotated[int, Field(ge=1, lt=2**53)] | None = Field(None, description="`next` of the page before")
    limit: Annotated[int, Field(ge=1, le=200)] = 60


class CorrectionBody(BaseModel):
    """The digit that a drawing really is."""

    label: Digit


class FeedbackPath(BaseModel):
    """Which drawing is meant."""

    feedback_id: str


class FeedbackId(BaseModel):
    """The drawing that was changed."""

    id: str


class Item(BaseModel):
    """A drawing with what was meant and what was read."""

    id: str
    number: int
    created_at: UtcText
    label: Digit
    digit: Digit | None
    model_version: str | None
    wrong: bool = Field(description="it was read as another digit than it was meant to be")
    accepted: bool = Field(description="somebody vouched for the label")
    pixels: str = Field(description="base64 of 28 x 28 grey values, ink bright")
    held_back: Facts | None = Field(description="why the trainer does not learn from it")


class FeedbackPage(BaseModel):
    """Drawings, newest first; `next` is the `before` of the next page, null on the last."""

    total: int
    items: list[Item]
    next: int | None


@bp.errorhandler(UnknownFeedback)
def report_unknown_feedback(_error: UnknownFeedback) -> Response:
    """Answer 404 for a drawing that somebody may have deleted meanwhile."""
    return from_problem(Problem(404, "unknown_feedback", "there is no such drawing, or it has been deleted"))


@bp.get("", responses={200: FeedbackPage, **problems(401, 403, 422, 503)}, security=READER)
def show_feedback(query: GalleryQuery) -> Response:
    """Show what people drew, newest first, a page at a time."""
    state: TrainingState = current_app.extensions["training"]
    held_back = state.held_back()
    found = _gallery().page(
        query.limit, query.before, query.digit, query.wrong == "1", list(held_back) if query.held == "1" else None
    )
    items = [_item(drawing, held_back) for drawing in found.drawings]
    return answer(FeedbackPage(total=found.total, items=items, next=found.following))


@bp.post("/<feedback_id>/accept", responses={200: FeedbackId, **problems(401, 403, 404, 503)}, security=ADMINISTRATOR)
def accept(path: FeedbackPath) -> Response:
    """Vouch for a drawing's label."""
    _gallery().accept(path.feedback_id)
    return answer(FeedbackId(id=path.feedback_id))


@bp.post(
    "/<feedback_id>/correct",
    responses={200: FeedbackId, **problems(400, 401, 403, 404, 422, 503)},
    security=ADMINISTRATOR,
    openapi_extensions=bp.takes(CorrectionBody),
)
def correct(path: FeedbackPath) -> Response:
    """Give a drawing another label."""
    body = validate(CorrectionBody, parse_json(request.get_data()))
    _gallery().correct(path.feedback_id, body.label)
    return answer(FeedbackId(id=path.feedback_id))


@bp.delete("/<feedback_id>", responses={204: None, **problems(401, 403, 404, 503)}, security=ADMINISTRATOR)
def delete(path: FeedbackPath) -> tuple[str, int]:
    """Delete a drawing for good."""
    _gallery().delete(path.feedback_id)
    return "", 204


def _item(drawing: Feedback, held_back: Facts) -> Item:
    return Item(
        id=drawing.id,
        number=drawing.number,
        created_at=utc_text(drawing.created_at),
        label=drawing.label,
        digit=drawing.digit,
        model_version=drawing.model_version,
        wrong=drawing.digit is not None and drawing.digit != drawing.label,
        accepted=drawing.accepted_at is not None,
        pixels=base64.b64encode(drawing.pixels).decode("ascii"),
        # Who vouched for it since the trainer's last look has answered what it says there.
        held_back=held_back.get(drawing.id) if drawing.accepted_at is None else None,
    )


def _gallery() -> Gallery:
    gallery: Gallery = current_app.extensions["gallery"]
    return gallery
