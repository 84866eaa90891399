"""The one model that the inference protocols serve: its name, its version, and what it makes of many pictures."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from flask import current_app
from pydantic import BaseModel, Field

from digit_ui.classifier import Classifier, Readings
from digit_ui.metrics import Metrics, stage
from digit_ui.problems import Problem

MODEL_NAME = "digits"
# As fast as all at once, and what the network holds in between stays small.
AT_ONCE = 128


class ModelPath(BaseModel):
    """Which model is asked, in the version that is in service."""

    name: str = Field(json_schema_extra={"enum": [MODEL_NAME]})

    def classifier(self) -> Classifier:
        """Give the model. Raises Problem 404 for another one, 503 while there is none."""
        if self.name != MODEL_NAME:
            raise Problem(404, "unknown_model", f"there is no model {self.name!r} here; ask for {MODEL_NAME!r}")
        classifier: Classifier = current_app.extensions["model"].get()
        return classifier


class ModelVersionPath(ModelPath):
    """Which model is asked, in one version."""

    version: str

    def classifier(self) -> Classifier:
        """Give the model. Raises Problem 404 for another one or a version out of service, 503 while there is none."""
        classifier = super().classifier()
        if self.version != classifier.version:
            raise Problem(
                404,
                "unknown_version",
                f"version {self.version!r} is not in service; ask for {classifier.version!r}, or for no version",
            )
        return classifier


def read(classifier: Classifier, pixels: np.ndarray) -> Readings:
    """Read pixels (n, 28, 28) of any type, 0 to 255, ink bright, a part of them at a time, and count the answers."""
    with stage("model"):
        parts = [classifier.read(pixels[start : start + AT_ONCE]) for start in range(0, len(pixels), AT_ONCE)]
    readings = Readings(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.digit_probabilities for part in parts]),
        np.concatenate([part.is_digit for part in parts]),
    )
    metrics: Metrics = current_app.extensions["metrics"]
    metrics.answered(
        readings.probabilities.argmax(axis=1).tolist(), readings.is_digit.tolist(), readings.probabilities.max(axis=1)
    )
    return readings


@contextmanager
def bad_requests() -> Iterator[None]:
    """Raise Problem 400 in the place of 415 and 422: the protocols have one status for every wrong body."""
    try:
        yield
    except Problem as problem:
        if problem.status in (415, 422):
            raise Problem(400, problem.code, problem.detail) from problem
        raise
