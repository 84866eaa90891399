"""POST /predict tells which digit it is."""

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request

from digit_ui.classifier import Classifier
from digit_ui.drawing import DrawingBody, read_drawing, read_fields

bp = Blueprint("predict", __name__)


@bp.post("/predict")
def predict() -> Response:
    """Answer with the digit; `?input=1` adds the 28 x 28 picture (0-255) that the network saw."""
    request.get_data()  # before the turn, which a slow client must not hold up
    with current_app.extensions["turns"].turn():
        return _answer()


def _answer() -> Response:
    drawing = read_drawing(*read_fields(request, DrawingBody))
    classifier: Classifier = current_app.extensions["model"].get()
    readings = classifier.read(drawing.pixels[np.newaxis])
    probabilities = readings.probabilities[0]
    digit = int(probabilities.argmax())
    answer = {
        "digit": digit,
        "confidence": round(float(probabilities[digit]), 6),
        "probabilities": [round(float(value), 6) for value in probabilities],
        "is_digit": bool(readings.is_digit[0]),
        "model_version": classifier.version,
    }
    if request.args.get("input") == "1":
        answer["input"] = drawing.pixels.tolist()
    return jsonify(answer)
