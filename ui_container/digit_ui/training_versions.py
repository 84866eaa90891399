"""/training/versions: every version with its figures and files, and the way back to an older one."""

from flask import Response, current_app, request, send_file
from pydantic import BaseModel

from digit_ui.api import ADMINISTRATOR, READER, TRAINING, ApiBlueprint, answer, contents, problems
from digit_ui.fields import parse_json, validate
from digit_ui.gallery import Gallery
from digit_ui.json_files import Facts, UtcText, utc_text
from digit_ui.problems import Problem
from digit_ui.serving import ModelInService
from digit_ui.versions import Version, Versions

bp = ApiBlueprint("versions", __name__, TRAINING)


class RollbackBody(BaseModel):
    """The version to go back to."""

    version: str


class Requested(BaseModel):
    """What the watching trainer will do; `request` counts them."""

    request: int


class VersionPath(BaseModel):
    """Which version is meant."""

    name: str


class VersionFilePath(VersionPath):
    """Which of its files is meant."""

    file: str


class FeedbackCounts(BaseModel):
    """How many drawings the version learned from, and on how many it was only examined."""

    learned: int
    examined: int


class Summary(BaseModel):
    """A version with its figures, as its trainer wrote them down."""

    version: str
    created_at: UtcText
    parent: str | None
    in_service: bool
    shipped: bool
    verdict: str | None
    reasons: list[str]
    metrics: Facts
    drawn: Facts | None
    feedback: FeedbackCounts | None
    gate: Facts | None
    training: Facts
    can_roll_back: bool


class Listing(BaseModel):
    """Every version, newest first."""

    in_service: str | None
    versions: list[Summary]


class Details(BaseModel):
    """All that a version's trainer measured."""

    manifest: Facts
    report: Facts | None
    history: Facts | None


@bp.get("/versions", responses={200: Listing, **problems(401, 403)}, security=READER)
def list_versions() -> Response:
    """List every version with its figures, newest first."""
    current, shipped = _in_service(), _versions().shipped()
    shipped_name = None if shipped is None else shipped.name
    listed = [_summary(version, current, shipped_name) for version in _versions().newest_first()]
    return answer(Listing(in_service=current, versions=listed))


@bp.get("/versions/<name>", responses={200: Details, **problems(401, 403, 404)}, security=READER)
def show_version(path: VersionPath) -> Response:
    """Give all that a version's trainer measured; the probe is for programs, and large."""
    version = _find(path.name)
    manifest = version.read("manifest.json") or {}
    manifest.pop("probe", None)
    return answer(Details(manifest=manifest, report=version.read("report.json"), history=version.read("history.json")))


@bp.get(
    "/versions/<name>/<file>",
    responses={200: contents("application/octet-stream"), **problems(401, 403, 404)},
    security=READER,
)
def send_version_file(path: VersionFilePath) -> Response:
    """Give one file of a version to keep."""
    found = _find(path.name).path(path.file)
    if found is None:
        raise Problem(404, "unknown_file", "this version has no such file")
    return send_file(found, as_attachment=True, download_name=path.file)


@bp.post(
    "/rollback",
    responses={202: Requested, **problems(400, 401, 403, 404, 409, 422, 503)},
    security=ADMINISTRATOR,
    openapi_extensions=bp.takes(RollbackBody),
)
def roll_back() -> Response:
    """Ask the watching trainer to put an older version into service again."""
    version = _find(validate(RollbackBody, parse_json(request.get_data())).version)
    if not _can_roll_back(version, _in_service()):
        why = "was refused and may not serve" if version.is_refused else "is in service already"
        raise Problem(409, "not_possible", f"version {version.name} {why}")
    gallery: Gallery = current_app.extensions["gallery"]
    return answer(Requested(request=gallery.request("rollback", version.name)), 202)


def _summary(version: Version, in_service: str | None, shipped: str | None) -> Summary:
    manifest = version.manifest
    gate, feedback = manifest.gate, manifest.feedback
    return Summary(
        version=version.name,
        created_at=utc_text(manifest.created_at),
        parent=manifest.parent,
        in_service=version.name == in_service,
        shipped=version.name == shipped,
        verdict=None if gate is None else gate.verdict,
        reasons=[] if gate is None else gate.reasons,
        metrics=manifest.metrics,
        drawn=version.drawn,
        feedback=None
        if feedback is None
        else FeedbackCounts(learned=len(feedback.learned), examined=len(feedback.examined)),
        gate=None if gate is None else gate.model_dump(exclude_unset=True),
        training=manifest.training,
        can_roll_back=_can_roll_back(version, in_service),
    )


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
