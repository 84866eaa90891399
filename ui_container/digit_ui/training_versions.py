"""/training/versions: every version with its figures and files, and the way back to an older one."""

from flask import Blueprint, Response, current_app, jsonify, request, send_file
from pydantic import BaseModel

from digit_ui.fields import parse_json, validate
from digit_ui.gallery import Gallery
from digit_ui.json_files import Facts, utc_text
from digit_ui.problems import Problem
from digit_ui.serving import ModelInService
from digit_ui.versions import Version, Versions

bp = Blueprint("versions", __name__)


class RollbackBody(BaseModel):
    """The version to go back to."""

    version: str


@bp.get("/versions")
def list_versions() -> Response:
    """List every version with its figures, newest first."""
    current, shipped = _in_service(), _versions().shipped()
    shipped_name = None if shipped is None else shipped.name
    listed = [_summary(version, current, shipped_name) for version in _versions().newest_first()]
    return jsonify({"in_service": current, "versions": listed})


@bp.get("/versions/<name>")
def show_version(name: str) -> Response:
    """Give all that a version's trainer measured; the probe is for programs, and large."""
    version = _find(name)
    manifest = version.read("manifest.json") or {}
    manifest.pop("probe", None)
    return jsonify(
        {"manifest": manifest, "report": version.read("report.json"), "history": version.read("history.json")}
    )


@bp.get("/versions/<name>/<file>")
def send_version_file(name: str, file: str) -> Response:
    """Give one file of a version to keep."""
    path = _find(name).path(file)
    if path is None:
        raise Problem(404, "unknown_file", "this version has no such file")
    return send_file(path, as_attachment=True, download_name=file)


@bp.post("/rollback")
def roll_back() -> tuple[Response, int]:
    """Ask the watching trainer to put an older version into service again."""
    version = _find(validate(RollbackBody, parse_json(request.get_data())).version)
    if not _can_roll_back(version, _in_service()):
        why = "was refused and may not serve" if version.is_refused else "is in service already"
        raise Problem(409, "not_possible", f"version {version.name} {why}")
    gallery: Gallery = current_app.extensions["gallery"]
    return jsonify({"request": gallery.request("rollback", version.name)}), 202


def _summary(version: Version, in_service: str | None, shipped: str | None) -> Facts:
    manifest = version.manifest
    gate, feedback = manifest.gate, manifest.feedback
    return {
        "version": version.name,
        "created_at": utc_text(manifest.created_at),
        "parent": manifest.parent,
        "in_service": version.name == in_service,
        "shipped": version.name == shipped,
        "verdict": None if gate is None else gate.verdict,
        "reasons": [] if gate is None else gate.reasons,
        "metrics": manifest.metrics,
        "drawn": version.drawn,
        "feedback": None
        if feedback is None
        else {"learned": len(feedback.learned), "examined": len(feedback.examined)},
        "gate": None if gate is None else gate.model_dump(exclude_unset=True),
        "training": manifest.training,
        "can_roll_back": _can_roll_back(version, in_service),
    }


def _can_roll_back(version: Version, in_service: str | None) -> bool:
    return version.name != in_service and not version.is_refused


def _find(name: str) -> Version:
    version = _versions().find(name)
    if version is None:
        raise Problem(404, "unknown_version", "there is no such version, or its manifest cannot be read")
    return version


def _in_service() -> str | None:
    model: ModelInService = current_app.extensions["model"]
    return None if model.current is None else model.current.version


def _versions() -> Versions:
    versions: Versions = current_app.extensions["versions"]
    return versions
