"""What a program sends to /v1/models/digits:predict."""

import base64
import binascii
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from digit_ui.api import MAX_DRAWINGS
from digit_ui.drawing import DrawingBody, read_drawing
from digit_ui.problems import Problem
from digit_ui.protocols.tensors import DATATYPES, MAX_BATCH, PICTURE_SHAPES, SHAPES_IN_WORDS, from_json, to_pixels

INPUT_NAME = "input"
SIGNATURE: Literal["serving_default"] = "serving_default"
FP32 = DATATYPES["FP32"]


def _nested(shape: tuple[int, ...]) -> JsonDict:
    """Describe lists of this shape."""
    if not shape:
        return {"type": "number", "minimum": 0, "maximum": FP32.ink}
    return {"type": "array", "items": _nested(shape[1:]), "minItems": shape[0], "maxItems": shape[0]}


Tensor = Annotated[list[Any], Field(json_schema_extra={"anyOf": [_nested(shape) for shape in PICTURE_SHAPES]})]


class Strict(BaseModel):
    """A part of a request, in which nothing is taken for something else."""

    model_config = ConfigDict(strict=True, extra="forbid")


class EncodedPicture(Strict):
    """A PNG or JPEG, which is prepared as `/predict` does; at most 100 of them."""

    b64: str = Field(json_schema_extra={"contentEncoding": "base64"})


Picture = Tensor | EncodedPicture
Pictures = Annotated[list[Picture], Field(min_length=1, max_length=MAX_BATCH)]


class NamedRow(Strict):
    """A picture under the name of the network's input."""

    input: Picture


class NamedColumn(Strict):
    """Pictures under the name of the network's input."""

    input: Pictures


class PredictRequest(Strict):
    """Pictures to read, in rows (`instances`) or in columns (`inputs`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["instances"], "properties": {"instances": {"type": "array"}}},
                {"required": ["inputs"], "properties": {"inputs": {"type": ["array", "object"]}}},
            ]
        }
    )

    signature_name: Literal["serving_default"] = SIGNATURE
    instances: Annotated[list[Picture | NamedRow], Field(min_length=1, max_length=MAX_BATCH)] | None = None
    inputs: Pictures | NamedColumn | None = None


def read_pictures(asked: PredictRequest) -> list[np.ndarray]:
    """Read what is asked: for each picture (28, 28), 0 to 255. Raises Problem 400, 415 or 422 naming the picture."""
    pictures = _pictures(asked)
    encoded = sum(isinstance(picture, EncodedPicture) for picture in pictures)
    if encoded > MAX_DRAWINGS:
        raise Problem(400, "too_many_drawings", f"{encoded} pictures are PNG or JPEG, expected at most {MAX_DRAWINGS}")
    pixels = []
    for place, picture in enumerate(pictures):
        try:
            pixels.append(_read(picture))
        except Problem as problem:
            raise Problem(problem.status, problem.code, f"picture {place}: {problem.detail}") from problem
    return pixels


def _pictures(asked: PredictRequest) -> list[Picture]:
    if (asked.instances is None) == (asked.inputs is None):
        raise Problem(400, "one_format", "the request needs either 'instances' or 'inputs'")
    if asked.instances is not None:
        return [row.input if isinstance(row, NamedRow) else row for row in asked.instances]
    return asked.inputs.input if isinstance(asked.inputs, NamedColumn) else asked.inputs or []


def _read(picture: Picture) -> np.ndarray:
    if isinstance(picture, EncodedPicture):
        return read_drawing(DrawingBody(), _decode(picture.b64)).pixels
    array = from_json(picture, FP32)
    if array.shape not in PICTURE_SHAPES:
        raise Problem(400, "bad_shape", f"its shape is {list(array.shape)[:5]}, expected {SHAPES_IN_WORDS}")
    pixels: np.ndarray = to_pixels(array, FP32)[0]
    return pixels


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(400, "bad_base64", f"its base64 cannot be decoded ({error})") from error
