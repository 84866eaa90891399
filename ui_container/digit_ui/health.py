"""GET /livez: the process runs; GET /readyz: a model is loaded."""

from flask import Blueprint, Response, current_app, jsonify

bp = Blueprint("health", __name__)


@bp.get("/livez")
def live() -> Response:
    """Answer, which is all that is asked."""
    return jsonify({"status": "live"})


@bp.get("/readyz")
def ready() -> Response:
    """Name the model in service and every better choice that was refused; 503 while there is none."""
    model = current_app.extensions["model"]
    classifier = model.get()
    return jsonify(
        {
            "status": "ready",
            "model_version": classifier.version,
            "model_origin": classifier.origin,
            "refused": list(model.refusals.values()),
        }
    )
