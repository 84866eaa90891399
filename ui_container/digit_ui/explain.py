"""POST /explain tells why the network answers as it does: every step to its input, its feature maps, its evidence."""

import base64

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request
from PIL import Image

from digit_ui.drawing import DrawingBody, read_fields, read_ink
from digit_ui.explanation import weigh
from digit_ui.preprocessing import steps_to_network_input

# The drawing as it came is shown no larger than this.
SHOWN_SIDE_PX = 140

bp = Blueprint("explain", __name__)


@bp.post("/explain")
def explain() -> Response:
    """Answer with grey pictures (base64 of their rows, ink bright) and with the evidence for the best digit."""
    fields = read_fields(request, DrawingBody)
    classifier = current_app.extensions["model"].get()
    with current_app.extensions["turns"].turn():
        steps = steps_to_network_input(read_ink(*fields))
        evidence = weigh(classifier, steps.centred)
        layers = classifier.layers(steps.centred)
    return jsonify(
        {
            "digit": evidence.digit,
            "second": evidence.second,
            "model_version": classifier.version,
            "steps": {
                "ink": _picture(_shrunk(steps.ink)),
                "cropped": _picture(_shrunk(steps.cropped)),
                "fitted": _picture(steps.fitted),
                "centred": _picture(steps.centred / 255),
            },
            "layers": [
                {"name": name, "maps": [_picture(_stretched(maps[..., index])) for index in range(maps.shape[-1])]}
                for name, maps in layers.items()
            ],
            "evidence": {
                "ink": _rounded(evidence.of_ink),
                "paper": _rounded(evidence.of_paper),
            },
        }
    )


def _rounded(values: np.ndarray) -> list[list[float]]:
    # In double precision, or JSON would write 0.1 as 0.10000000149.
    rows: list[list[float]] = np.round(values.astype(np.float64), 3).tolist()
    return rows


def _picture(grey: np.ndarray) -> dict[str, object]:
    """Write a picture, (height, width) in 0..1, as JSON."""
    height, width = grey.shape
    rows = np.round(grey * 255).astype(np.uint8).tobytes()
    return {"width": width, "height": height, "grey": base64.b64encode(rows).decode("ascii")}


def _shrunk(grey: np.ndarray) -> np.ndarray:
    image = Image.fromarray(grey.astype(np.float32))
    image.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX), Image.Resampling.BOX)
    shrunk: np.ndarray = np.clip(np.asarray(image), 0, 1)
    return shrunk


def _stretched(grey: np.ndarray) -> np.ndarray:
    """Use the whole range of greys: each map has a scale of its own, and a map at rest stays black."""
    stretched: np.ndarray = np.clip(grey / max(float(grey.max()), 1e-6), 0, 1)
    return stretched
