"""Which models there are to serve, in order of preference, and whether their files are what they should be."""

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from digit_ui.manifest import DigitTest, FileFacts, InputContract, Manifest, Probe

FILE_NAMES = ("model.json", "model.h5")
# A model of as many parameters as are read, with what an optimizer keeps of each, is smaller.
MAX_H5_BYTES = 2**30
MAX_JSON_BYTES = 16 * 2**20
LABELS = list(range(10))
Form = TypeVar("Form", bound=BaseModel)


class ArtefactError(Exception):
    """A model that cannot be served; the message names it, what was found and what was wanted."""


class TransientError(ArtefactError):
    """A model that could not be read now, for a reason that may pass although its files stay as they are."""


@dataclass(frozen=True)
class Artefact:
    """One model's two files, and how it tells what is no digit, if it does.

    onnx: what model.onnx beside them is, the same network for browsers, where its trainer has written one; digest:
    SHA-256 over both files, by which their converted form is cached.
    """

    origin: str
    version: str
    folder: Path
    contract: InputContract
    probe: Probe | None
    digit_test: DigitTest | None
    onnx: FileFacts | None
    digest: str

    def paths(self) -> tuple[Path, Path]:
        """Give model.json and model.h5."""
        return self.folder / FILE_NAMES[0], self.folder / FILE_NAMES[1]


@dataclass(frozen=True)
class Candidate:
    """A place where a model may be: with a manifest, or a bare pair that a user put there."""

    origin: str
    folder: Path
    has_manifest: bool

    def is_present(self) -> bool:
        """Tell whether somebody put something here that is meant to be served."""
        published = (self.folder / "manifest.json").exists()
        if self.has_manifest:
            return published
        # Beside a manifest the two files are the trainer's copies: a refused model must not come back as an own pair.
        return not published and all((self.folder / name).exists() for name in FILE_NAMES)

    def signature(self) -> tuple[object, ...]:
        """Give what changes when the files change, without reading them."""
        names = ("manifest.json",) if self.has_manifest else FILE_NAMES
        return (self.origin, *(_stat_signature(self.folder / name) for name in names))

    def read(self) -> Artefact:
        """Check the files against the manifest. Raises ArtefactError if they are not what it says."""
        return _read_published(self) if self.has_manifest else _read_bare(self)


def candidates(shared_dir: Path, pretrained_dir: Path) -> Iterator[Candidate]:
    """List the present ones: what the trainer published, else a user's own pair, else the shipped model."""
    for candidate in (
        Candidate("published model", shared_dir, has_manifest=True),
        Candidate("user's own pair", shared_dir, has_manifest=False),
        Candidate("shipped model", pretrained_dir, has_manifest=True),
    ):
        if candidate.is_present():
            yield candidate


def _read_published(candidate: Candidate) -> Artefact:
    path = candidate.folder / "manifest.json"
    manifest = _read_json(Manifest, path)
    if manifest.labels != LABELS:
        raise ArtefactError(f"{path}: labels are {manifest.labels}, expected {LABELS}")
    # The trainer keeps every version in a folder that it never touches again: no copy can be half-replaced there.
    version_folder = candidate.folder / "versions" / manifest.version
    folder = version_folder if version_folder.is_dir() else candidate.folder
    for name, facts in manifest.expected().items():
        size_bytes, digest = _measure(folder / name)
        if (size_bytes, digest) != (facts.size_bytes, facts.sha256):
            raise ArtefactError(
                f"{folder / name}: has {size_bytes} bytes and SHA-256 {digest[:12]}…, but its manifest says "
                f"{facts.size_bytes} bytes and {facts.sha256[:12]}…; copy the file again or publish the model again"
            )
    return Artefact(
        candidate.origin,
        manifest.version,
        folder,
        manifest.input,
        manifest.probe,
        None if manifest.files.is_digit_json is None else _read_json(DigitTest, folder / "is_digit.json"),
        manifest.files.model_onnx,
        pair_digest(folder),
    )


def _read_bare(candidate: Candidate) -> Artefact:
    digest = pair_digest(candidate.folder)
    return Artefact(candidate.origin, f"own-{digest[:12]}", candidate.folder, InputContract(), None, None, None, digest)


def _read_json(form: type[Form], path: Path) -> Form:
    try:
        _check_file(path)
        return form.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the file"
        raise ArtefactError(f"{path}: {where}: {fault['msg']}; publish the model again") from error


def pair_digest(folder: Path) -> str:
    """Give the SHA-256 over both files of the pair in `folder`. Raises ArtefactError if one cannot be read."""
    return hashlib.sha256("".join(_measure(folder / name)[1] for name in FILE_NAMES).encode()).hexdigest()


def _measure(path: Path) -> tuple[int, str]:
    try:
        _check_file(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise ArtefactError(
            f"{path}: cannot be read ({error.strerror}); put it there or publish the model again"
        ) from error


def _check_file(path: Path) -> None:
    """Refuse what would be read for ever, such as a pipe or a device, and what no model needs; follow a link."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise ArtefactError(f"{path}: is no file, or leads to none; put the file itself there")
    most = MAX_H5_BYTES if path.suffix == ".h5" else MAX_JSON_BYTES
    if facts.st_size > most:
        raise ArtefactError(f"{path}: has {facts.st_size} bytes, expected at most {most}")


def _stat_signature(path: Path) -> tuple[int, ...] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
