"""The versions that were published, and the shipped one: what their trainer says of them, and their files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from digit_ui import manifest
from digit_ui.json_files import Facts, Signature, read_json_file, signature
from digit_ui.manifest import VersionManifest

FILES = (
    "model.json",
    "model.h5",
    "is_digit.json",
    "model.onnx",
    "manifest.json",
    "report.json",
    "history.json",
    "training.log",
    "curves.png",
    "confusion.png",
    "mistakes.png",
    "reliability.png",
)
VERSION_NAME = TypeAdapter(manifest.Version)


@dataclass(frozen=True)
class Version:
    """One published model. manifest: what is needed often; drawn: its figure on digits that people drew, if any."""

    folder: Path
    manifest: VersionManifest
    drawn: Facts | None

    @property
    def name(self) -> str:
        """Give its name, which is also its folder's."""
        return self.manifest.version

    @property
    def is_refused(self) -> bool:
        """Tell whether it may not serve."""
        return self.manifest.gate is not None and self.manifest.gate.verdict == "refused"

    def read(self, name: str) -> Facts | None:
        """Read one of its JSON files; None if there is none that can be read."""
        file = read_json_file(self.folder / name)
        return None if file is None else file.facts

    def path(self, name: str) -> Path | None:
        """Give the path of one of its files, if a version has such a file and this one has it."""
        path = self.folder / name
        return path if name in FILES and path.is_file() else None


class Versions:
    """All versions in the shared folder. A name is checked before any path is made of it."""

    def __init__(self, shared_dir: Path, pretrained_dir: Path) -> None:
        self._versions_dir = shared_dir / "versions"
        self._pretrained_dir = pretrained_dir

    def newest_first(self) -> list[Version]:
        """Give every version whose manifest can be read; the shipped one too, but not twice."""
        found = {version.name: version for folder in self._folders() if (version := _in_its_folder(folder))}
        shipped = self.shipped()
        if shipped is not None:
            found.setdefault(shipped.name, shipped)
        return sorted(found.values(), key=lambda version: (version.manifest.created_at, version.name), reverse=True)

    def find(self, name: str) -> Version | None:
        """Give the version of this name, if there is one."""
        if not is_version_name(name):
            return None
        version = _in_its_folder(self._versions_dir / name)
        if version is None and (shipped := self.shipped()) is not None and shipped.name == name:
            return shipped
        return version

    def shipped(self) -> Version | None:
        """Give the version that the project brings, if it is there."""
        return _read(self._pretrained_dir)

    def signature(self) -> tuple[object, ...]:
        """Give what changes when the list of versions does, without reading one."""
        folders = [*self._folders(), self._pretrained_dir]
        return tuple((folder.name, signature(folder / "manifest.json")) for folder in folders)

    def _folders(self) -> Iterator[Path]:
        try:
            folders = sorted(self._versions_dir.iterdir())
        except OSError:
            return
        yield from (folder for folder in folders if is_version_name(folder.name))


def is_version_name(name: str) -> bool:
    """Tell whether a version may have this name, which then leads nowhere else as a part of a path."""
    try:
        VERSION_NAME.validate_python(name)
    except ValidationError:
        return False
    return True


def _in_its_folder(folder: Path) -> Version | None:
    version = _read(folder)
    return version if version is not None and version.name == folder.name else None


def _read(folder: Path) -> Version | None:
    written = signature(folder / "manifest.json")
    return None if written is None else _read_once(folder, written, signature(folder / "report.json"))


@lru_cache(maxsize=256)
def _read_once(folder: Path, _manifest: Signature, _report: Signature | None) -> Version | None:
    """Read a version again only when its files change: most of a manifest is its probe."""
    file = read_json_file(folder / "manifest.json")
    if file is None:
        return None
    try:
        known = VersionManifest.model_validate(file.facts)
    except ValidationError:
        return None
    report = read_json_file(folder / "report.json")
    drawn = report.facts.get("drawn") if report is not None else None
    if drawn is None and known.gate is not None:
        drawn = known.gate.drawn
    return Version(folder, known, drawn if isinstance(drawn, dict) else None)
