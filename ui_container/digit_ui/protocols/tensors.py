"""Pictures as arrays of numbers: the network's input as it is, which no preprocessing changes."""

from dataclasses import dataclass

import numpy as np
from flask import request

from digit_ui.fields import parse_json
from digit_ui.metrics import timed
from digit_ui.preprocessing import SIDE
from digit_ui.problems import Problem

MAX_BATCH = 1024
PICTURE_SHAPES = ((SIDE, SIDE, 1), (SIDE, SIDE), (SIDE * SIDE,))
SHAPES_IN_WORDS = " or ".join(str(list(shape)) for shape in PICTURE_SHAPES)
# A list of n numbers, nested or not, has n - 1; the rest of a request has a few more.
MAX_COMMAS = MAX_BATCH * SIDE * SIDE + 100


@dataclass(frozen=True)
class Datatype:
    """How the values of a picture are written, from 0 (paper) to `ink`: as bytes, and as JSON."""

    dtype: np.dtype
    ink: int
    numbers: tuple[type, ...]


DATATYPES = {
    "FP32": Datatype(np.dtype("<f4"), 1, (int, float)),
    "UINT8": Datatype(np.dtype("u1"), 255, (int,)),
}


def uncompressed_body() -> bytes:
    """Receive the body, of whatever media type it calls itself. Raises Problem 413 (from Flask) or 415."""
    if request.content_encoding:
        raise Problem(
            415, "compressed_body", f"the body is compressed ({request.content_encoding[:20]!r}); send it as it is"
        )
    return request.get_data()


@timed("parse")
def parse_tensors(data: bytes) -> object:
    """Parse JSON that may hold MAX_BATCH pictures. Raises Problem 400."""
    # Counted before it is parsed: as Python objects a few megabytes of numbers become hundreds.
    if data.count(b",") > MAX_COMMAS:
        raise Problem(
            400, "too_many_pictures", f"the body has more values than {MAX_BATCH} pictures of {SIDE} x {SIDE}"
        )
    return parse_json(data)


def from_json(values: list[object], datatype: Datatype) -> np.ndarray:
    """Give nested lists of numbers as an array of their shape. Raises Problem 400."""
    array = np.array(values, dtype=object)  # whatever is no regular tensor keeps a list among its values
    for value in array.ravel():  # not .flat, which takes no more than 32 dimensions
        if type(value) not in datatype.numbers or not 0 <= value <= datatype.ink:
            got = f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)[:40]
            raise _bad_value(got, datatype)
    return array.astype(datatype.dtype)


def from_bytes(data: bytes, datatype: Datatype) -> np.ndarray:
    """Give the values of a tensor, little-endian, at least one, as a flat array. Raises Problem 400."""
    array = np.frombuffer(data, datatype.dtype)
    for value in (array.min(), array.max()):
        if not 0 <= value <= datatype.ink:  # also true for NaN
            raise _bad_value(f"{value:g}", datatype)
    return array


def to_pixels(array: np.ndarray, datatype: Datatype) -> np.ndarray:
    """Give a tensor of whole pictures as (n, 28, 28), 0 to 255."""
    pixels: np.ndarray = array.reshape(-1, SIDE, SIDE) * datatype.dtype.type(255 // datatype.ink)
    return pixels


def _bad_value(got: str, datatype: Datatype) -> Problem:
    kind = "a whole number" if datatype.numbers == (int,) else "a number"
    return Problem(400, "bad_value", f"the tensor has {got} where {kind} from 0 to {datatype.ink} is expected")
