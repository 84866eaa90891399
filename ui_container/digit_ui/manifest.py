"""The form of manifest.json, as the trainer promises it in shared/manifest.schema.json."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]
Grey = Annotated[int, Field(ge=0, le=255)]
Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class FileFacts(BaseModel):
    """What one file of the model must be."""

    sha256: Digest
    size_bytes: PositiveInt


class Files(BaseModel):
    """The files of a model, by their names on disk."""

    model_json: FileFacts = Field(alias="model.json")
    model_h5: FileFacts = Field(alias="model.h5")
    is_digit_json: FileFacts | None = Field(default=None, alias="is_digit.json")
    model_onnx: FileFacts | None = Field(default=None, alias="model.onnx")


class InputContract(BaseModel):
    """What the network takes: a grey value 0-255 divided by `divisor`, ink bright, in this shape."""

    shape: tuple[Literal[28], Literal[28], Literal[1]] = (28, 28, 1)
    divisor: PositiveFloat = 255
    ink: Literal["bright"] = "bright"


class Probe(BaseModel):
    """Pictures, the probabilities that the trainer computed for them, and those that each is a digit at all."""

    inputs: list[Annotated[list[Grey], Field(min_length=784, max_length=784)]] = Field(min_length=1, max_length=1000)
    outputs: list[Annotated[list[Share], Field(min_length=10, max_length=10)]] = Field(min_length=1, max_length=1000)
    is_digit: Annotated[list[Share], Field(min_length=1, max_length=1000)] | None = None
    tolerance: Annotated[float, Field(gt=0, le=0.1)]


class DigitTest(BaseModel):
    """The form of is_digit.json: a second small output beside the ten.

    The input of the model's last layer, times `weights`, plus `bias`, is the log-odds that a digit was drawn at all.
    """

    weights: list[Finite] = Field(min_length=1, max_length=65_536)
    bias: Finite
    min_probability: Annotated[float, Field(gt=0, lt=1)]


class Named(BaseModel):
    """What says which version a manifest is of, whatever else is in it."""

    version: Version


class Manifest(BaseModel):
    """What a reader needs of a manifest; the rest is for people."""

    schema_version: Literal[1]
    version: Version
    created_at: AwareDatetime
    input: InputContract
    labels: list[int] = Field(min_length=10, max_length=10)
    files: Files
    probe: Probe

    def expected(self) -> dict[str, FileFacts]:
        """Give each file's facts by its name on disk."""
        named = {
            "model.json": self.files.model_json,
            "model.h5": self.files.model_h5,
            "is_digit.json": self.files.is_digit_json,
            "model.onnx": self.files.model_onnx,
        }
        return {name: facts for name, facts in named.items() if facts is not None}


class Gate(BaseModel):
    """What was measured against the parent, and whether the version may serve; the figures are for people."""

    model_config = ConfigDict(extra="allow")

    verdict: Literal["served", "refused"]
    reasons: list[str] = []
    drawn: dict[str, Any] | None = None


class LearnedFeedback(BaseModel):
    """The drawings that a version learned from and those it was only examined on: their labels by their ids."""

    learned: dict[str, int] = {}
    examined: dict[str, int] = {}


class VersionManifest(BaseModel):
    """What the training page needs of a manifest. Whether the model can be served is for `Manifest` to say."""

    version: Version
    created_at: AwareDatetime
    parent: str | None = None
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    gate: Gate | None = None
    feedback: LearnedFeedback | None = None
