"""POST /read tells which number it is: several digits, one after the other."""

from typing import Annotated

from flask import Response, current_app, request
from pydantic import BaseModel, Field

from digit_ui.api import READING, ApiBlueprint, answer, problems
from digit_ui.drawing import DrawingBody, read_fields, read_source
from digit_ui.fields import Digit, Share
from digit_ui.number import MAX_DIGITS, read_number
from digit_ui.picture import ink_of_wide_picture
from digit_ui.pieces import InkSheet, sheet_of_strokes

DECIMALS = 6

bp = ApiBlueprint("read", __name__, READING)


class DigitOfNumber(BaseModel):
    """A digit of a number, and where it is. `is_digit` is false for what looks like none."""

    digit: Digit
    confidence: Share = Field(description="the probability of `digit`")
    is_digit: bool
    box: Annotated[list[float], Field(min_length=4, max_length=4)] = Field(
        description="x and y of its left top corner, width and height, in pixels of the upright picture or in the "
        "strokes' unit"
    )


class Number(BaseModel):
    """A number and its digits: those of a line from left to right, the lines from the top down."""

    number: str = Field(pattern="^[0-9]+$")
    digits: Annotated[list[DigitOfNumber], Field(min_length=1, max_length=MAX_DIGITS)]
    model_version: str


@bp.post(
    "/read",
    responses={200: Number, **problems(400, 413, 415, 422, 503)},
    openapi_extensions=bp.takes_drawings(DrawingBody),
)
def read() -> Response:
    """Tell which number it is: at most 32 digits, in a line or in several that an empty strip divides."""
    source = read_source(*read_fields(request, DrawingBody))  # before the turn, which a slow client must not hold up
    classifier = current_app.extensions["model"].get()
    with current_app.extensions["turns"].turn():
        sheet = InkSheet(*ink_of_wide_picture(source)) if isinstance(source, bytes) else sheet_of_strokes(source)
        digits = read_number(sheet, classifier)
    return answer(
        Number(
            number="".join(str(read.digit) for read in digits),
            digits=[
                DigitOfNumber(
                    digit=read.digit,
                    confidence=round(read.confidence, DECIMALS),
                    is_digit=read.is_digit,
                    box=[left, top, right - left, bottom - top],
                )
                for read in digits
                for left, top, right, bottom in [read.box]
            ],
            model_version=classifier.version,
        )
    )
