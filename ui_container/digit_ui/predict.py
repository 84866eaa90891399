"""POST /predict tells which digit it is."""

from typing import Annotated, Literal

import numpy as np
from flask import Response, current_app, request
from pydantic import BaseModel, Field, RootModel, SerializeAsAny

from digit_ui.api import READING, ApiBlueprint, Query, answer, problems
from digit_ui.classifier import Classifier
from digit_ui.drawing import DrawingBodies, DrawingBody, read_drawings
from digit_ui.fields import Digit, Share
from digit_ui.metrics import Metrics, stage
from digit_ui.preprocessing import SIDE

# float32 has no more.
DECIMALS = 6

bp = ApiBlueprint("predict", __name__, READING)

Grey = Annotated[int, Field(ge=0, le=255)]
Row = Annotated[list[Grey], Field(min_length=SIDE, max_length=SIDE)]


class PredictQuery(Query):
    """What is wanted beside the answer."""

    input: Literal["0", "1"] = Field("0", description="1: also the 28 x 28 picture that the network saw")


class Prediction(BaseModel):
    """The most probable digit. `is_digit` is false for what looks like none; `digit` is then the best guess."""

    digit: Digit
    confidence: Share = Field(description="the probability of `digit`")
    probabilities: Annotated[list[Share], Field(min_length=10, max_length=10)] = Field(
        description="of the digits 0 to 9"
    )
    is_digit: bool
    model_version: str


class PredictionWithInput(Prediction):
    """The same with the 28 x 28 grey values that the network saw, row by row, 0 to 255, ink bright."""

    input: Annotated[list[Row], Field(min_length=SIDE, max_length=SIDE)]


class Predictions(RootModel[list[SerializeAsAny[Prediction]]]):
    """A prediction for each drawing, in the order in which they came."""


class Answer(RootModel[PredictionWithInput | Prediction | list[PredictionWithInput | Prediction]]):
    """A prediction, or a list of them where a list of drawings came."""


@bp.post(
    "/predict",
    responses={200: Answer, **problems(400, 413, 415, 422, 503)},
    openapi_extensions=bp.takes_drawings(DrawingBody, DrawingBodies),
)
def predict(query: PredictQuery) -> Response:
    """Tell which digit it is.

    A list of drawings, or several pictures in form fields `images`, are answered by a list in the same order.
    """
    request.get_data()  # before the turn, which a slow client must not hold up
    with current_app.extensions["turns"].turn():
        drawings, are_list = read_drawings(request)
        predictions = _predict(np.stack([drawing.pixels for drawing in drawings]), query.input == "1")
    return answer(Predictions(predictions) if are_list else predictions[0])


def _predict(pixels: np.ndarray, with_input: bool) -> list[Prediction]:
    classifier: Classifier = current_app.extensions["model"].get()
    with stage("model"):
        readings = classifier.read(pixels)
    digits, are_digits = readings.probabilities.argmax(axis=1).tolist(), readings.is_digit.tolist()
    metrics: Metrics = current_app.extensions["metrics"]
    metrics.answered(digits, are_digits, readings.probabilities.max(axis=1))
    predictions: list[Prediction] = []
    for place, (digit, is_digit) in enumerate(zip(digits, are_digits, strict=True)):
        probabilities = [round(value, DECIMALS) for value in readings.probabilities[place].tolist()]
        fields = {
            "digit": digit,
            "confidence": probabilities[digit],
            "probabilities": probabilities,
            "is_digit": is_digit,
            "model_version": classifier.version,
        }
        if with_input:
            predictions.append(PredictionWithInput(**fields, input=pixels[place].tolist()))
        else:
            predictions.append(Prediction(**fields))
    return predictions
