"""/v2: the Open Inference Protocol, version 2, over HTTP, with Triton's extension for tensors as bytes."""

from typing import Any

import numpy as np
from flask import Response, current_app
from pydantic import BaseModel

from digit_ui import health
from digit_ui.api import API_VERSION, OPEN_INFERENCE, ApiBlueprint, answer, problems
from digit_ui.classifier import Classifier, Readings
from digit_ui.preprocessing import SIDE
from digit_ui.protocols.open_inference_body import (
    BINARY_MEDIA_TYPE,
    INPUT_NAME,
    OUTPUTS,
    InferHeader,
    InferRequest,
    InferResponse,
    read_request,
    write_response,
)
from digit_ui.protocols.served_model import MODEL_NAME, ModelPath, ModelVersionPath, bad_requests, read
from digit_ui.protocols.tensors import uncompressed_body

bp = ApiBlueprint("open_inference", __name__, OPEN_INFERENCE, url_prefix="/v2")


class ServerMetadata(BaseModel):
    """What answers, and what it knows beyond the protocol."""

    name: str = "projet-digit"
    version: str = API_VERSION
    extensions: list[str] = ["binary_tensor_data"]


class ServerLive(BaseModel):
    """The process runs."""

    live: bool = True


class ServerReady(BaseModel):
    """All is as `/readyz` wants it."""

    ready: bool = True


class ModelReady(BaseModel):
    """The model can be asked."""

    name: str = MODEL_NAME
    ready: bool = True


class TensorMetadata(BaseModel):
    """What goes in or comes out; -1 stands for the number of pictures."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, str] = {}


class ModelMetadata(BaseModel):
    """The model in service."""

    name: str = MODEL_NAME
    versions: list[str]
    platform: str = "openvino"
    inputs: list[TensorMetadata] = [
        TensorMetadata(
            name=INPUT_NAME,
            datatype="FP32",
            shape=[-1, SIDE, SIDE, 1],
            parameters={
                "FP32": "0 (paper) to 1 (ink)",
                "UINT8": "taken too: 0 (paper) to 255 (ink)",
                "shapes": f"taken too: [-1, {SIDE}, {SIDE}] and [-1, {SIDE * SIDE}]",
                "preprocessing": "none: a digit as in MNIST, fitted into 20 x 20, its centre of mass in the middle",
            },
        )
    ]
    outputs: list[TensorMetadata] = [
        TensorMetadata(name=name, datatype=output.datatype, shape=[-1, *output.shape])
        for name, output in OUTPUTS.items()
    ]


@bp.get("", responses={200: ServerMetadata}, strict_slashes=False)
def server() -> Response:
    """Say what answers."""
    return answer(ServerMetadata())


@bp.get("/health/live", responses={200: ServerLive})
def live() -> Response:
    """Answer, which is all that is asked."""
    return answer(ServerLive())


@bp.get("/health/ready", responses={200: ServerReady, **problems(503)})
def ready() -> Response:
    """Answer 200 where `/readyz` does."""
    health.ready()
    return answer(ServerReady())


@bp.get("/models/<name>", responses={200: ModelMetadata, **problems(404, 503)})
def model(path: ModelPath) -> Response:
    """Describe the model: its tensors, and the version in service."""
    return _metadata(path)


@bp.get("/models/<name>/versions/<version>", responses={200: ModelMetadata, **problems(404, 503)})
def version(path: ModelVersionPath) -> Response:
    """Describe one version of the model."""
    return _metadata(path)


@bp.get("/models/<name>/ready", responses={200: ModelReady, **problems(404, 503)})
def model_ready(path: ModelPath) -> Response:
    """Answer 200 if the model can be asked."""
    return _ready(path)


@bp.get("/models/<name>/versions/<version>/ready", responses={200: ModelReady, **problems(404, 503)})
def version_ready(path: ModelVersionPath) -> Response:
    """Answer 200 if this version of the model can be asked."""
    return _ready(path)


ASKING: dict[str, Any] = {
    "responses": {200: InferResponse, **problems(400, 404, 413, 415, 503)},
    "openapi_extensions": bp.takes(InferRequest, BINARY_MEDIA_TYPE),
}


@bp.post("/models/<name>/infer", **ASKING)
def infer(path: ModelPath, header: InferHeader) -> Response:
    """Read pictures that are the network's input as it is: no preprocessing changes them."""
    return _infer(path.classifier(), header)


@bp.post("/models/<name>/versions/<version>/infer", **ASKING)
def infer_version(path: ModelVersionPath, header: InferHeader) -> Response:
    """Have one version of the model read pictures."""
    return _infer(path.classifier(), header)


def _metadata(path: ModelPath) -> Response:
    return answer(ModelMetadata(versions=[path.classifier().version]))


def _ready(path: ModelPath) -> Response:
    path.classifier()
    return answer(ModelReady())


def _infer(classifier: Classifier, header: InferHeader) -> Response:
    body = uncompressed_body()  # before the turn, which a slow client must not hold up
    with current_app.extensions["turns"].turn(), bad_requests():
        asked, pixels = read_request(body, header.json_length)
        readings = read(classifier, pixels)
    return write_response(asked, classifier.version, _outputs(readings))


def _outputs(readings: Readings) -> dict[str, np.ndarray]:
    return {
        "probabilities": readings.probabilities,
        "digit": readings.probabilities.argmax(axis=1),
        "is_digit": readings.is_digit,
    }
