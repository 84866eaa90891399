"""POST /predict tells which digit it is."""

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request

from digit_ui.drawing import DrawingBody, read_drawing, read_fields

# Below it the network itself prefers no digit to all the others together.
IS_DIGIT_MIN_CONFIDENCE = 0.5

bp = Blueprint("predict", __name__)


@bp.post("/predict")
def predict() -> Response:
    """Answer with the digit; `?input=1` adds the 28 x 28 picture (0-255) that the network saw."""
    drawing = read_drawing(*read_fields(request, DrawingBody))
    classifier = current_app.extensions["model"].get()
    probabilities = classifier.predict(drawing.pixels[np.newaxis])[0]
    digit = int(probabilities.argmax())
    confidence = float(probabilities[digit])
    answer = {
        "digit": digit,
        "confidence": round(confidence, 6),
        "probabilities": [round(float(value), 6) for value in probabilities],
        "is_digit": confidence >= IS_DIGIT_MIN_CONFIDENCE,
        "model_version": classifier.version,
    }
    if request.args.get("input") == "1":
        answer["input"] = drawing.pixels.tolist()
    return jsonify(answer)
