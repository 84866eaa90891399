"""POST /explain tells why the network answers as it does: every step to its input, its feature maps, its evidence."""

import base64

import numpy as np
from flask import Response, current_app, request
from PIL import Image
from pydantic import BaseModel, Field

from digit_ui.api import READING, ApiBlueprint, answer, problems
from digit_ui.drawing import DrawingBody, read_fields, read_ink
from digit_ui.explanation import weigh
from digit_ui.fields import Digit
from digit_ui.preprocessing import steps_to_network_input

# The drawing as it came is shown no larger than this.
SHOWN_SIDE_PX = 140

bp = ApiBlueprint("explain", __name__, READING)


class GreyPicture(BaseModel):
    """A grey picture, ink bright."""

    width: int
    height: int
    grey: str = Field(description="base64 of one byte a pixel, row by row")


class StepPictures(BaseModel):
    """The way from the drawing to what the network sees."""

    ink: GreyPicture
    cropped: GreyPicture
    fitted: GreyPicture
    centred: GreyPicture


class Layer(BaseModel):
    """What a convolution makes of the drawing: a picture for each of its filters."""

    name: str
    maps: list[GreyPicture]


class EvidenceGrids(BaseModel):
    """28 x 28 values: by how much the log-odds of `digit` over `second` fall if a place is changed."""

    ink: list[list[float]] = Field(description="if the ink around the pixel is erased")
    paper: list[list[float]] = Field(description="if ink is put there")


class Explanation(BaseModel):
    """Why it is `digit` rather than `second`, the next best."""

    digit: Digit
    second: Digit
    model_version: str
    steps: StepPictures
    layers: list[Layer]
    evidence: EvidenceGrids


@bp.post(
    "/explain",
    responses={200: Explanation, **problems(400, 413, 415, 422, 503)},
    openapi_extensions=bp.takes_drawings(DrawingBody),
)
def explain() -> Response:
    """Tell why it is that digit: every step to the network's input, its feature maps, and the evidence."""
    fields = read_fields(request, DrawingBody)
    classifier = current_app.extensions["model"].get()
    with current_app.extensions["turns"].turn():
        steps = steps_to_network_input(read_ink(*fields))
        evidence = weigh(classifier, steps.centred)
        layers = classifier.layers(steps.centred)
    return answer(
        Explanation(
            digit=evidence.digit,
            second=evidence.second,
            model_version=classifier.version,
            steps=StepPictures(
                ink=_picture(_shrunk(steps.ink)),
                cropped=_picture(_shrunk(steps.cropped)),
                fitted=_picture(steps.fitted),
                centred=_picture(steps.centred / 255),
            ),
            layers=[
                Layer(name=name, maps=[_picture(_stretched(maps[..., index])) for index in range(maps.shape[-1])])
                for name, maps in layers.items()
            ],
            evidence=EvidenceGrids(ink=_rounded(evidence.of_ink), paper=_rounded(evidence.of_paper)),
        )
    )


def _rounded(values: np.ndarray) -> list[list[float]]:
    # In double precision, or JSON would write 0.1 as 0.10000000149.
    rows: list[list[float]] = np.round(values.astype(np.float64), 3).tolist()
    return rows


def _picture(grey: np.ndarray) -> GreyPicture:
    """Write a picture, (height, width) in 0..1."""
    height, width = grey.shape
    rows = np.round(grey * 255).astype(np.uint8).tobytes()
    return GreyPicture(width=width, height=height, grey=base64.b64encode(rows).decode("ascii"))


def _shrunk(grey: np.ndarray) -> np.ndarray:
    image = Image.fromarray(grey.astype(np.float32))
    image.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX), Image.Resampling.BOX)
    shrunk: np.ndarray = np.clip(np.asarray(image), 0, 1)
    return shrunk


def _stretched(grey: np.ndarray) -> np.ndarray:
    """Use the whole range of greys: each map has a scale of its own, and a map at rest stays black."""
    stretched: np.ndarray = np.clip(grey / max(float(grey.max()), 1e-6), 0, 1)
    return stretched
