"""/v1/models/digits: what TensorFlow Serving answers over HTTP for a network with one input and one output."""

from typing import Any, Literal

import numpy as np
from flask import Response, current_app
from pydantic import BaseModel, RootModel

from digit_ui.api import TENSORFLOW_SERVING, ApiBlueprint, answer, problems
from digit_ui.classifier import Classifier
from digit_ui.fields import validate
from digit_ui.preprocessing import SIDE
from digit_ui.protocols.served_model import MODEL_NAME, ModelPath, ModelVersionPath, bad_requests, read
from digit_ui.protocols.tensorflow_serving_body import INPUT_NAME, SIGNATURE, PredictRequest, read_pictures
from digit_ui.protocols.tensors import parse_tensors, uncompressed_body

bp = ApiBlueprint("tensorflow_serving", __name__, TENSORFLOW_SERVING)


class ServableError(BaseModel):
    """No error."""

    error_code: Literal["OK"] = "OK"
    error_message: Literal[""] = ""


class ServableVersion(BaseModel):
    """The version in service. It is a name, where TensorFlow Serving has a number in a string."""

    version: str
    state: Literal["AVAILABLE"] = "AVAILABLE"
    status: ServableError = ServableError()


class ServableStatus(BaseModel):
    """Which versions can be asked: the one in service."""

    model_version_status: list[ServableVersion]


class ServableSpec(BaseModel):
    """What is described."""

    name: str = MODEL_NAME
    signature_name: str = ""
    version: str


class Dimension(BaseModel):
    """How long a tensor is in one direction; -1 stands for the number of pictures."""

    size: str
    name: str = ""


class TensorShape(BaseModel):
    """How long a tensor is in each direction."""

    dim: list[Dimension]
    unknown_rank: bool = False


class TensorInfo(BaseModel):
    """What goes in or comes out."""

    dtype: str = "DT_FLOAT"
    tensor_shape: TensorShape
    name: str


class Signature(BaseModel):
    """What goes in and comes out. The input is 0 (paper) to 1 (ink), and no preprocessing changes it."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]
    method_name: str = "tensorflow/serving/predict"


class Signatures(BaseModel):
    """Every way to ask: there is one."""

    signature_def: dict[str, Signature]


class SignatureMetadata(BaseModel):
    """The ways to ask."""

    signature_def: Signatures


class ServableMetadata(BaseModel):
    """The model in service and how to ask it."""

    model_spec: ServableSpec
    metadata: SignatureMetadata


class RowAnswer(BaseModel):
    """For each instance the probabilities of the digits 0 to 9."""

    predictions: list[list[float]]


class ColumnAnswer(BaseModel):
    """The same, where `inputs` were sent."""

    outputs: list[list[float]]


class PredictAnswer(RootModel[RowAnswer | ColumnAnswer]):
    """The answer in the format of the question."""


@bp.get("/v1/models/<name>", responses={200: ServableStatus, **problems(404, 503)})
def model(path: ModelPath) -> Response:
    """Name the version in service."""
    return _status(path)


@bp.get("/v1/models/<name>/versions/<version>", responses={200: ServableStatus, **problems(404, 503)})
def version(path: ModelVersionPath) -> Response:
    """Say that this version is in service."""
    return _status(path)


@bp.get("/v1/models/<name>/metadata", responses={200: ServableMetadata, **problems(404, 503)})
def metadata(path: ModelPath) -> Response:
    """Describe what goes in and comes out."""
    return _metadata(path)


@bp.get("/v1/models/<name>/versions/<version>/metadata", responses={200: ServableMetadata, **problems(404, 503)})
def version_metadata(path: ModelVersionPath) -> Response:
    """Describe what goes in and comes out of one version."""
    return _metadata(path)


ASKING: dict[str, Any] = {
    "responses": {200: PredictAnswer, **problems(400, 404, 413, 415, 503)},
    "openapi_extensions": bp.takes(PredictRequest),
}


# The converter's name keeps the library, which writes the description, from taking what precedes the colon for one.
@bp.post("/v1/models/<string:name>:predict", **ASKING)
def predict(path: ModelPath) -> Response:
    """Read pictures: tensors are the network's input as it is, PNG and JPEG are prepared as for `/predict`."""
    return _predict(path.classifier())


@bp.post("/v1/models/<name>/versions/<string:version>:predict", **ASKING)
def predict_version(path: ModelVersionPath) -> Response:
    """Have one version of the model read pictures."""
    return _predict(path.classifier())


def _status(path: ModelPath) -> Response:
    return answer(ServableStatus(model_version_status=[ServableVersion(version=path.classifier().version)]))


def _metadata(path: ModelPath) -> Response:
    signature = Signature(
        inputs={INPUT_NAME: _tensor(INPUT_NAME, -1, SIDE, SIDE, 1)},
        outputs={"probabilities": _tensor("probabilities", -1, 10)},
    )
    return answer(
        ServableMetadata(
            model_spec=ServableSpec(version=path.classifier().version),
            metadata=SignatureMetadata(signature_def=Signatures(signature_def={SIGNATURE: signature})),
        )
    )


def _tensor(name: str, *shape: int) -> TensorInfo:
    return TensorInfo(name=f"{name}:0", tensor_shape=TensorShape(dim=[Dimension(size=str(size)) for size in shape]))


def _predict(classifier: Classifier) -> Response:
    body = uncompressed_body()  # before the turn, which a slow client must not hold up
    with current_app.extensions["turns"].turn(), bad_requests():
        asked = validate(PredictRequest, parse_tensors(body))
        pixels = np.stack(read_pictures(asked))
        probabilities = read(classifier, pixels).probabilities.tolist()
    return answer(RowAnswer(predictions=probabilities) if asked.inputs is None else ColumnAnswer(outputs=probabilities))
