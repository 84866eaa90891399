"""GET /model/…: the model in service for browsers that read drawings themselves, as its trainer wrote it in ONNX."""

from typing import TypedDict

from flask import Blueprint, Response, current_app, jsonify

from digit_ui.artefacts import Artefact
from digit_ui.assets import KEPT_S, Assets
from digit_ui.problems import Problem
from digit_ui.serving import ModelInService

ONNX_NAME = "model.onnx"
ONNX_MEDIA_TYPE = "application/octet-stream"
# ONNX Runtime Web, which `make runtime` fetches.
RUNTIME = ("vendor/onnxruntime/ort.js", "vendor/onnxruntime/ort.wasm.gz")
MEGABYTE = 1_000_000

bp = Blueprint("browser_model", __name__)


class OnnxFacts(TypedDict):
    """Where the model lies, from the page, and what it must be."""

    url: str
    sha256: str
    size_bytes: int


class BrowserFacts(TypedDict):
    """What a browser must know of the model: the part of the manifest that is about it."""

    version: str
    onnx: OnnxFacts
    divisor: float
    probe: dict[str, object]


def facts_for_browsers(artefact: Artefact) -> BrowserFacts | None:
    """Say what a browser needs to know of a model; None where its trainer has written no ONNX."""
    if artefact.onnx is None or artefact.probe is None:
        return None
    url = f"model/{artefact.version}.onnx"
    return {
        "version": artefact.version,
        "onnx": {"url": url, "sha256": artefact.onnx.sha256, "size_bytes": artefact.onnx.size_bytes},
        "divisor": artefact.contract.divisor,
        "probe": artefact.probe.model_dump(),
    }


def download_bytes(assets: Assets, artefact: Artefact) -> int | None:
    """Say how much a browser must load to read for itself; None where it cannot, for want of a runtime or a model."""
    if artefact.onnx is None or not all(name in assets.contents for name in RUNTIME):
        return None
    runtime = [assets.contents[name] if name.endswith(".gz") else assets.compressed(name) for name in RUNTIME]
    return artefact.onnx.size_bytes + sum(map(len, runtime))


@bp.get("/model/current.json")
def current() -> Response:
    """Say which model is in service. 404 where browsers cannot read it, 503 where there is none."""
    response = jsonify(_facts(_artefact()))
    response.cache_control.no_cache = True
    return response


@bp.get("/model/<version>.onnx")
def onnx(version: str) -> Response:
    """Answer with the model in service; 404 for every other version."""
    artefact = _artefact()
    _facts(artefact)
    if version != artefact.version:
        raise Problem(404, "not_found", f"version {version} is not in service; load the page again")
    try:
        content = (artefact.folder / ONNX_NAME).read_bytes()
    except OSError as error:
        raise Problem(
            404, "not_found", f"{ONNX_NAME} of version {version} cannot be read; load the page again"
        ) from error
    response = Response(content, mimetype=ONNX_MEDIA_TYPE)
    response.cache_control.public = response.cache_control.immutable = True
    response.cache_control.max_age = KEPT_S
    return response


def _artefact() -> Artefact:
    model: ModelInService = current_app.extensions["model"]
    return model.get().artefact


def _facts(artefact: Artefact) -> BrowserFacts:
    facts = facts_for_browsers(artefact)
    if facts is None:
        raise Problem(404, "no_onnx", f"model {artefact.version} has no {ONNX_NAME}, which only newer trainers write")
    return facts
