"""Read what a person drew from a request, in any of the forms that the API takes."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy as np
from flask import Request
from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.config import JsonDict

from digit_ui.api import MAX_DRAWINGS
from digit_ui.fields import parse_json, validate
from digit_ui.metrics import stage, timed
from digit_ui.picture import FORMATS, ink_of_picture, ink_of_strokes, media_type_of
from digit_ui.preprocessing import to_network_input
from digit_ui.problems import Problem

MAX_STROKES = 500
MAX_POINTS = 20_000
MAX_COMMAS = 2 * MAX_POINTS + MAX_STROKES
MAX_COORDINATE = 1e6
STROKES_MEDIA_TYPE = "application/json"

Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE, strict=True, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate]


Image = Annotated[
    str, Field(description="data:image/png;base64,… or data:image/jpeg;…", json_schema_extra={"format": "picture"})
]
Strokes = Annotated[
    list[list[Point]],
    Field(
        description="x to the right, y down, in any unit",
        max_length=MAX_STROKES,
        json_schema_extra={"contains": {"type": "array", "minItems": 1}},
    ),
]
ONE_OF_BOTH: JsonDict = {
    "oneOf": [
        {"required": ["image"], "properties": {"image": {"type": "string"}}},
        {"required": ["strokes"], "properties": {"strokes": {"type": "array"}}},
    ]
}


class DrawingBody(BaseModel):
    """The JSON forms of a drawing: exactly one of `image` and `strokes`."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_BOTH)

    image: Image | None = None
    strokes: Strokes | None = None


class DrawingBodies(RootModel[Annotated[list[DrawingBody], Field(min_length=1, max_length=MAX_DRAWINGS)]]):
    """Many drawings at once."""


Body = TypeVar("Body", bound=DrawingBody)


@dataclass(frozen=True)
class Drawing:
    """A drawing as it came and as the network sees it. original: PNG, JPEG or JSON strokes; pixels: uint8 (28, 28)."""

    original: bytes
    media_type: str
    pixels: np.ndarray


@timed("parse")
def read_fields(request: Request, model: type[Body]) -> tuple[Body, bytes | None]:
    """Read a request's fields into `model`, and the picture that came as bytes, if it did.

    Takes JSON, a raw image/png or image/jpeg body (other fields then come in the query), or multipart with a file
    field `image`. Raises Problem 400, 413 (from Flask), 415 or 422.
    """
    kind = request.mimetype
    if kind == "application/json":
        return validate(model, _parse_strokes(request.get_data())), None
    if kind in FORMATS.values():
        return validate(model, request.args.to_dict()), request.get_data()
    if kind == "multipart/form-data":
        file = request.files.get("image")
        if file is None:
            raise Problem(400, "no_image", "the form has no file field named 'image'; add one with the picture")
        return validate(model, request.form.to_dict()), file.read()
    raise Problem(
        415,
        "unsupported_media_type",
        f"the body is {kind or 'of no stated type'}; send application/json, image/png, image/jpeg or "
        "multipart/form-data with a file field 'image'",
    )


def read_drawings(request: Request) -> tuple[list[Drawing], bool]:
    """Read one drawing or many, and say which.

    Many are a JSON list, or pictures in form fields `images`. Raises what `read_fields` and `read_drawing` do, naming
    the drawing, counted from 0, where there are many.
    """
    if request.mimetype == "application/json":
        with stage("parse"):
            sent = _parse_strokes(request.get_data())
            parsed = validate(DrawingBodies, sent) if isinstance(sent, list) else validate(DrawingBody, sent)
        if isinstance(parsed, DrawingBody):
            return [read_drawing(parsed, None)], False
        return [_read_one_of_many(place, body, None) for place, body in enumerate(parsed.root)], True
    files = request.files.getlist("images") if request.mimetype == "multipart/form-data" else []
    if not files:
        return [read_drawing(*read_fields(request, DrawingBody))], False
    if len(files) > MAX_DRAWINGS:
        raise Problem(422, "too_many_drawings", f"the form has {len(files)} images, expected at most {MAX_DRAWINGS}")
    return [_read_one_of_many(place, DrawingBody(), file.read()) for place, file in enumerate(files)], True


def _read_one_of_many(place: int, body: DrawingBody, picture: bytes | None) -> Drawing:
    try:
        return read_drawing(body, picture)
    except Problem as problem:
        raise Problem(problem.status, problem.code, f"drawing {place}: {problem.detail}") from problem


def read_drawing(body: DrawingBody, picture: bytes | None) -> Drawing:
    """Turn the fields of a request into a drawing. Raises Problem 400, 415 or 422 ("nothing is drawn")."""
    ink, original, media_type = _read(body, picture)
    with stage("preprocess"):
        pixels = to_network_input(ink)
    return Drawing(original, media_type, pixels)


def read_ink(body: DrawingBody, picture: bytes | None) -> np.ndarray:
    """Turn the fields of a request into ink: float32 (height, width), 0 to 255. Raises as `read_drawing` does."""
    return _read(body, picture)[0]


@timed("decode")
def _read(body: DrawingBody, picture: bytes | None) -> tuple[np.ndarray, bytes, str]:
    """Give the ink, the drawing as it came, and its media type."""
    drawn = read_source(body, picture)
    if isinstance(drawn, bytes):
        return ink_of_picture(drawn), drawn, media_type_of(drawn)
    return ink_of_strokes(drawn), json.dumps(drawn, separators=(",", ":")).encode(), STROKES_MEDIA_TYPE


def read_source(body: DrawingBody, picture: bytes | None) -> bytes | list[list[Point]]:
    """Give the picture's bytes or the strokes, whichever was sent. Raises Problem 400, 415 or 422."""
    given = [name for name, value in (("image", body.image), ("strokes", body.strokes)) if value is not None]
    if picture is None and len(given) != 1:
        got = " and ".join(given) or "neither"
        raise Problem(400, "one_drawing", f"the request has {got}, expected either 'image' or 'strokes'")
    if body.strokes is not None:
        points = sum(map(len, body.strokes))
        if points > MAX_POINTS:
            raise Problem(422, "too_many_points", f"the strokes have {points} points, expected at most {MAX_POINTS}")
        return body.strokes
    return picture if picture is not None else _from_data_url(body.image or "")


def _from_data_url(url: str) -> bytes:
    head, comma, payload = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise Problem(400, "not_a_data_url", "'image' must be a data URL: data:image/png;base64,…")
    if head not in {f"data:{kind};base64" for kind in FORMATS.values()}:
        raise Problem(415, "not_an_image", f"'image' is {head[5:-7][:60]!r}, expected image/png or image/jpeg")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(400, "bad_base64", f"the data URL's base64 cannot be decoded ({error})") from error


def _parse_strokes(data: bytes) -> object:
    # Counted before it is parsed: as Python objects a few megabytes of points become hundreds.
    if data.count(b",") > MAX_COMMAS:
        raise Problem(422, "too_many_points", f"the body has more values than {MAX_POINTS} points can have")
    return parse_json(data)
