"""Read the fields of a request, and say which one is wrong."""

import json
import math
import re
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from digit_ui.problems import Problem

Fields = TypeVar("Fields", bound=BaseModel)
DIGIT_TEXT = re.compile(r"[0-9](\.0+)?")
Share = Annotated[float, Field(ge=0, le=1)]
_Digit = Annotated[int, Field(ge=0, le=9)]


def _ascii_digit(value: object) -> object:
    """Take "3" or "3.0", as forms and queries carry it, and 3.0, which is 3 in JSON; neither "３" nor true."""
    if isinstance(value, str) and DIGIT_TEXT.fullmatch(value):
        return int(value[0])
    return int(value) if isinstance(value, float) and value.is_integer() else value


Digit = Annotated[
    int,
    Field(ge=0, le=9, strict=True),
    BeforeValidator(
        _ascii_digit, json_schema_input_type=_Digit | Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    ),
]


def parse_json(data: bytes) -> object:
    """Parse a body. Raises Problem 400 if it is not JSON."""
    try:
        return json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad_json", f"the body is not JSON ({error})") from error


def validate(model: type[Fields], fields: object) -> Fields:
    """Read what was sent into `model`. Raises Problem 422 naming the first field that is wrong."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise refusal(error) from error


def refusal(error: ValidationError) -> Problem:
    """Say which field is wrong, the first if there are several."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the body"
    return Problem(422, "bad_field", f"{where}: {fault['msg']} (got {repr(fault['input'])[:60]})")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large for a number")
    return value
