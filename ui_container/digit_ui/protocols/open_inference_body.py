"""What a program sends to /v2/models/digits/infer and gets from there, as JSON and as JSON followed by bytes."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from flask import Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from digit_ui.api import contents
from digit_ui.fields import validate
from digit_ui.problems import Problem
from digit_ui.protocols.served_model import MODEL_NAME
from digit_ui.protocols.tensors import (
    DATATYPES,
    MAX_BATCH,
    PICTURE_SHAPES,
    SHAPES_IN_WORDS,
    from_bytes,
    from_json,
    parse_tensors,
    to_pixels,
)

INPUT_NAME = "input"
JSON_LENGTH = "Inference-Header-Content-Length"
BINARY_MEDIA_TYPE = "application/octet-stream"
LENGTH_PATTERN = "^[0-9]{1,10}$"


@dataclass(frozen=True)
class Output:
    """What the model gives for each picture."""

    datatype: str
    dtype: np.dtype
    shape: tuple[int, ...] = ()


OutputName = Literal["probabilities", "digit", "is_digit"]
OUTPUTS: dict[OutputName, Output] = {
    "probabilities": Output("FP32", np.dtype("<f4"), (10,)),
    "digit": Output("INT64", np.dtype("<i8")),
    "is_digit": Output("BOOL", np.dtype("?")),
}


class InferHeader(BaseModel):
    """Where the JSON ends, if tensors follow it as bytes."""

    json_length: Annotated[
        str | None,
        Field(alias=JSON_LENGTH, description="length of the JSON in bytes, where tensors follow it as bytes"),
        WithJsonSchema({"type": "string", "pattern": LENGTH_PATTERN}),
    ] = None


class Strict(BaseModel):
    """A part of a request, in which nothing is taken for something else."""

    model_config = ConfigDict(strict=True)


class InputParameters(Strict):
    """How the tensor is sent."""

    binary_data_size: int | None = Field(
        default=None, description="it follows the JSON, in so many bytes, little-endian"
    )


def _shape(picture: tuple[int, ...]) -> JsonDict:
    """Describe the shape of a tensor of such pictures."""
    count: JsonDict = {"minimum": 1, "maximum": MAX_BATCH}
    sides: list[JsonDict] = [{"const": side} for side in picture]
    return {"prefixItems": [count, *sides], "minItems": 1 + len(sides), "maxItems": 1 + len(sides)}


class InputTensor(Strict):
    """Pictures, as the network sees them."""

    name: Literal["input"]
    datatype: Literal["FP32", "UINT8"] = Field(description="FP32: 0 (paper) to 1 (ink); UINT8: 0 to 255")
    shape: list[int] = Field(json_schema_extra={"anyOf": [_shape(picture) for picture in PICTURE_SHAPES]})
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = Field(default=None, description="the values in row-major order, flat or nested")


class OutputParameters(Strict):
    """How the tensor is wanted."""

    model_config = ConfigDict(strict=True, extra="forbid")  # what else there is would be another answer

    binary_data: bool | None = Field(default=None, description="as bytes; without it, as `binary_data_output` says")


class RequestedOutput(Strict):
    """A tensor that is wanted."""

    name: OutputName
    parameters: OutputParameters = OutputParameters()


class RequestParameters(Strict):
    """How all tensors are wanted."""

    binary_data_output: bool = False


class InferRequest(Strict):
    """Pictures to read, at most 1024, and what is wanted of them: everything, unless `outputs` says so."""

    # With a limit, which has the characters counted, halves of them are refused: no answer could carry those.
    id: str | None = Field(default=None, max_length=1000, description="comes back with the answer")
    parameters: RequestParameters = RequestParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] = Field(default=[], max_length=len(OUTPUTS))


class BinarySize(BaseModel):
    """How long the tensor's bytes are, which follow the JSON in the order of the outputs."""

    binary_data_size: int


class OutputTensor(BaseModel):
    """What the model makes of the pictures. data: flat, in row-major order."""

    name: str
    datatype: str
    shape: list[int]
    parameters: BinarySize | None = None
    data: list[bool] | list[int] | list[float] | None = None


class InferResponse(BaseModel):
    """The tensors that were asked for."""

    model_config = ConfigDict(openapi_extra=contents(BINARY_MEDIA_TYPE))  # type: ignore[typeddict-unknown-key] # flask-openapi3's

    model_name: str = MODEL_NAME
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


def read_request(body: bytes, json_length: str | None) -> tuple[InferRequest, np.ndarray]:
    """Read what is asked, and the pictures: (n, 28, 28), 0 to 255. Raises Problem 400 or 422."""
    as_json, as_bytes = _split(body, json_length)
    asked = validate(InferRequest, parse_tensors(as_json))
    return asked, _pixels(asked.inputs[0], as_bytes)


def write_response(asked: InferRequest, version: str, arrays: dict[str, np.ndarray]) -> Response:
    """Write the outputs that were asked for, each as it was asked for."""
    outputs, parts = [], []
    for wanted in asked.outputs or [RequestedOutput(name=name) for name in OUTPUTS]:
        output, array = OUTPUTS[wanted.name], arrays[wanted.name]
        tensor = OutputTensor(name=wanted.name, datatype=output.datatype, shape=list(array.shape))
        as_bytes = wanted.parameters.binary_data
        if asked.parameters.binary_data_output if as_bytes is None else as_bytes:
            parts.append(array.astype(output.dtype).tobytes())
            tensor.parameters = BinarySize(binary_data_size=len(parts[-1]))
        else:
            tensor.data = array.ravel().tolist()
        outputs.append(tensor)
    head = (
        InferResponse(model_version=version, id=asked.id, outputs=outputs).model_dump_json(exclude_none=True).encode()
    )
    if not parts:
        return Response(head, content_type="application/json")
    return Response(b"".join([head, *parts]), content_type=BINARY_MEDIA_TYPE, headers={JSON_LENGTH: str(len(head))})


def _split(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    """Separate the JSON from the bytes that follow it."""
    if json_length is None:
        return body, b""
    if not re.fullmatch(LENGTH_PATTERN, json_length) or int(json_length) > len(body):
        raise Problem(
            400, "bad_length", f"{JSON_LENGTH} is {json_length[:20]!r}, expected at most the body's {len(body)} bytes"
        )
    return body[: int(json_length)], body[int(json_length) :]


def _pixels(tensor: InputTensor, as_bytes: bytes) -> np.ndarray:
    count, datatype, size = _count(tensor.shape), DATATYPES[tensor.datatype], tensor.parameters.binary_data_size
    if (tensor.data is None) == (size is None):
        raise Problem(400, "one_tensor", f"the tensor {INPUT_NAME!r} needs either data or binary_data_size")
    if len(as_bytes) != (size or 0):
        raise Problem(
            400, "bad_size", f"{len(as_bytes)} bytes follow the JSON, expected {size or 0}; {JSON_LENGTH} says where"
        )
    if tensor.data is None:
        if size != count * datatype.dtype.itemsize:
            raise _bad_count(tensor, f"{size} bytes", f"{count * datatype.dtype.itemsize}")
        return to_pixels(from_bytes(as_bytes, datatype), datatype)
    array = from_json(tensor.data, datatype)
    if array.shape not in ((count,), tuple(tensor.shape)):
        raise _bad_count(tensor, f"data of shape {list(array.shape)}", f"the same, or {count} values in a row")
    return to_pixels(array, datatype)


def _count(shape: list[int]) -> int:
    """Count the values of a tensor of this shape."""
    if tuple(shape[1:]) not in PICTURE_SHAPES or not 1 <= shape[0] <= MAX_BATCH:
        raise Problem(
            400, "bad_shape", f"the shape is {shape[:5]}, expected 1 to {MAX_BATCH} followed by {SHAPES_IN_WORDS}"
        )
    return math.prod(shape)


def _bad_count(tensor: InputTensor, got: str, wanted: str) -> Problem:
    return Problem(400, "bad_size", f"{got} for a {tensor.datatype} tensor of shape {tensor.shape}, expected {wanted}")
