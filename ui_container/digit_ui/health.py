"""GET /livez: the process runs; GET /readyz, also as /healthz: every worker has a model and feedback can be kept."""

from typing import Literal

from flask import Response, current_app
from pydantic import BaseModel, Field

from digit_ui.api import HEALTH, ApiBlueprint, answer, problems
from digit_ui.problems import Problem
from digit_ui.store_check import StoreCheck
from digit_ui.store_watch import StoreState, StoreWatch
from digit_ui.workers import Workers

bp = ApiBlueprint("health", __name__, HEALTH)


class Live(BaseModel):
    """The process runs."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The model in service, and for each better choice that was refused the sentence that says why."""

    status: Literal["ready"] = "ready"
    model_version: str | None = Field(description="null while some workers serve another one already")
    model_versions: list[str] = Field(
        description="those that the workers serve: for a moment two, while one is swapped"
    )
    model_origin: str
    workers: int
    refused: list[str]
    object_store: StoreState | None = Field(description="null where models come from a folder")


@bp.get("/livez", responses={200: Live})
def live() -> Response:
    """Answer, which is all that is asked."""
    return answer(Live())


@bp.get("/readyz", responses={200: Ready, **problems(503)})
@bp.get("/healthz", responses={200: Ready, **problems(503)}, operation_id="health_healthz", endpoint="healthz")
def ready() -> Response:
    """Name the model in service and every better choice that was refused.

    503 while a worker has no model, or while the feedback store cannot be written; not while the object store is away.
    """
    workers: Workers = current_app.extensions["workers"]
    words = workers.words()
    said = [word for word in words if word is not None]
    serving = [word for word in said if word.model_version is not None]
    if len(serving) < len(words):
        why = next((word.lacking for word in said if word.lacking is not None), "it is being loaded")
        lacking = f"{len(words) - len(serving)} of {len(words)} workers" if len(words) > 1 else "the server"
        raise Problem(503, "no_model", f"{lacking} cannot answer yet: {why}", retry_after_s=2)
    store: StoreCheck = current_app.extensions["store_check"]
    fault = store.fault()
    if fault is not None:
        detail = f"feedback cannot be stored: {fault}; the server's log says more"
        raise Problem(503, "store_unavailable", detail, 10)
    watch: StoreWatch | None = current_app.extensions["store_watch"]
    versions = sorted({word.model_version for word in serving if word.model_version is not None})
    return answer(
        Ready(
            model_version=versions[0] if len(versions) == 1 else None,
            model_versions=versions,
            model_origin=serving[0].model_origin or "",
            workers=len(words),
            refused=list(dict.fromkeys(reason for word in serving for reason in word.refused)),
            object_store=None if watch is None else watch.state(),
        )
    )
