"""/training/feedback: every drawing with what was meant and what was read, and what can be done about it."""

import base64
from typing import Annotated, Literal

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import BaseModel, Field

from digit_ui.database import Feedback
from digit_ui.fields import Digit, parse_json, validate
from digit_ui.gallery import Gallery, UnknownFeedback
from digit_ui.json_files import Facts, utc_text
from digit_ui.problems import Problem, from_problem
from digit_ui.training_state import TrainingState

bp = Blueprint("gallery", __name__, url_prefix="/feedback")


class GalleryQuery(BaseModel):
    """Which drawings are wanted, and from where on."""

    digit: Digit | None = None
    wrong: Literal["0", "1"] = "0"
    held: Literal["0", "1"] = "0"
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 60


class CorrectionBody(BaseModel):
    """The digit that a drawing really is."""

    label: Digit


@bp.errorhandler(UnknownFeedback)
def report_unknown_feedback(_error: UnknownFeedback) -> Response:
    """Answer 404 for a drawing that somebody may have deleted meanwhile."""
    return from_problem(Problem(404, "unknown_feedback", "there is no such drawing, or it has been deleted"))


@bp.get("")
def show_feedback() -> Response:
    """Show what people drew, newest first, a page at a time."""
    state: TrainingState = current_app.extensions["training"]
    query = validate(GalleryQuery, request.args.to_dict())
    held_back = state.held_back()
    found = _gallery().page(
        query.limit, query.before, query.digit, query.wrong == "1", list(held_back) if query.held == "1" else None
    )
    items = [_item(drawing, held_back) for drawing in found.drawings]
    return jsonify({"total": found.total, "items": items, "next": found.following})


@bp.post("/<feedback_id>/accept")
def accept(feedback_id: str) -> Response:
    """Vouch for a drawing's label."""
    _gallery().accept(feedback_id)
    return jsonify({"id": feedback_id})


@bp.post("/<feedback_id>/correct")
def correct(feedback_id: str) -> Response:
    """Give a drawing another label."""
    body = validate(CorrectionBody, parse_json(request.get_data()))
    _gallery().correct(feedback_id, body.label)
    return jsonify({"id": feedback_id})


@bp.delete("/<feedback_id>")
def delete(feedback_id: str) -> tuple[str, int]:
    """Delete a drawing for good."""
    _gallery().delete(feedback_id)
    return "", 204


def _item(drawing: Feedback, held_back: Facts) -> Facts:
    return {
        "id": drawing.id,
        "number": drawing.number,
        "created_at": utc_text(drawing.created_at),
        "label": drawing.label,
        "digit": drawing.digit,
        "model_version": drawing.model_version,
        "wrong": drawing.digit is not None and drawing.digit != drawing.label,
        "accepted": drawing.accepted_at is not None,
        "pixels": base64.b64encode(drawing.pixels).decode("ascii"),
        # Who vouched for it since the trainer's last look has answered what it says there.
        "held_back": held_back.get(drawing.id) if drawing.accepted_at is None else None,
    }


def _gallery() -> Gallery:
    gallery: Gallery = current_app.extensions["gallery"]
    return gallery
