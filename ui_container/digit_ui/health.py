"""GET /livez: the process runs; GET /readyz, also as /healthz: a model is loaded."""

from typing import Literal

from flask import Response, current_app
from pydantic import BaseModel

from digit_ui.api import HEALTH, ApiBlueprint, answer, problems

bp = ApiBlueprint("health", __name__, HEALTH)


class Live(BaseModel):
    """The process runs."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The model in service, and for each better choice that was refused the sentence that says why."""

    status: Literal["ready"] = "ready"
    model_version: str
    model_origin: str
    refused: list[str]


@bp.get("/livez", responses={200: Live})
def live() -> Response:
    """Answer, which is all that is asked."""
    return answer(Live())


@bp.get("/readyz", responses={200: Ready, **problems(503)})
@bp.get("/healthz", responses={200: Ready, **problems(503)}, operation_id="health_healthz", endpoint="healthz")
def ready() -> Response:
    """Name the model in service and every better choice that was refused; 503 while there is none."""
    model = current_app.extensions["model"]
    classifier = model.get()
    return answer(
        Ready(
            model_version=classifier.version,
            model_origin=classifier.origin,
            refused=list(model.refusals.values()),
        )
    )
