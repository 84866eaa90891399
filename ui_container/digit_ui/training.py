"""/training: the page that shows the network learning, the news for it, and who may have them."""

import logging

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from digit_ui import training_export, training_gallery, training_versions
from digit_ui.admin import require_reader, require_token
from digit_ui.api import ADMINISTRATOR, READER, TRAINING, ApiBlueprint, answer, contents, problems
from digit_ui.gallery import Gallery
from digit_ui.json_files import Facts
from digit_ui.page import render_page
from digit_ui.problems import Problem, from_problem
from digit_ui.store_faults import StoreError
from digit_ui.streams import Streams
from digit_ui.training_messages import training_messages
from digit_ui.training_state import TrainingState
from digit_ui.training_versions import Requested

log = logging.getLogger(__name__)
bp = ApiBlueprint("training", __name__, TRAINING, url_prefix="/training")
bp.add(training_versions.bp)
bp.add(training_gallery.bp)
bp.add(training_export.bp)


class Status(BaseModel):
    """What is in service and what the trainer does; `job` and `watcher` are what it says of itself."""

    model_version: str | None
    model_origin: str | None
    watcher: Facts | None
    job: Facts | None
    revision: str = Field(description="another one whenever anything but the job has changed")


@bp.before_request
def check_who_asks() -> None:
    """Let nobody change or, unless it is public, read anything without the token; the page itself asks for it."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        require_token()
    elif request.endpoint != "training.page":
        require_reader()


@bp.after_request
def forbid_old_answers(response: Response) -> Response:
    """Have a browser ask again each time."""
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


@bp.errorhandler(StoreError)
def report_store(error: StoreError) -> Response:
    """Answer 503 while the store is out of reach."""
    log.error("the feedback store is out of reach: %s", error)
    return from_problem(Problem(503, "store_unavailable", "the feedback store is out of reach; ask again later", 10))


@bp.get("", doc_ui=False)
def page() -> Response:
    """Show the training page in the visitor's language."""
    return render_page("training.html", training_messages())


@bp.get("/admin", responses={204: None, **problems(401, 403)}, security=ADMINISTRATOR)
def check_token() -> tuple[str, int]:
    """Answer 204 to who has the token."""
    require_token()
    return "", 204


@bp.get("/status", responses={200: Status, **problems(401, 403)}, security=READER)
def status() -> Response:
    """Say what the trainer is doing."""
    return answer(Status(**_state().status()))


@bp.get("/events", responses={200: contents("text/event-stream"), **problems(401, 403, 503)}, security=READER)
def events() -> Response:
    """Say the same again whenever it has changed."""
    streams: Streams = current_app.extensions["streams"]
    return streams.open(_state().status, request.environ.get("gunicorn.socket"))


@bp.post("/retrain", responses={202: Requested, **problems(401, 403, 503)}, security=ADMINISTRATOR)
def retrain() -> Response:
    """Ask the watching trainer to train now."""
    gallery: Gallery = current_app.extensions["gallery"]
    return answer(Requested(request=gallery.request("retrain")), 202)


def _state() -> TrainingState:
    state: TrainingState = current_app.extensions["training"]
    return state
