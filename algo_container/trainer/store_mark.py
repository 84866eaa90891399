"""The file that makes a folder the copy of an object store, and says what that held when it was last seen."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trainer.artefacts import MANIFEST
from trainer.disk import replace
from trainer.errors import PublishError
from trainer.json_text import to_json_text

MARK = ".store.json"


@dataclass
class Mark:
    """What the store held when it was last seen, if it ever was.

    url: whose copy the folder is; served: the version in service; tags: of the files at the top; known: the versions
    that were there and here.
    """

    url: str
    served: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    seen: bool = False


def begin_copy(folder: Path, url: str, shipped: Path) -> None:
    """Make the folder a copy of the store. shipped: the model that serves where nothing is published.

    Raises PublishError if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if read_mark(folder) is None:
            write_mark(folder, Mark(url))
        if shipped.is_dir() and not (folder / "pretrained").exists():
            shutil.copytree(shipped, folder / "pretrained")
    except OSError as error:
        raise PublishError(
            f"{folder}: the copy of {url} cannot be kept there ({error.strerror or error}); make room, or name another "
            "folder (STORE_COPY_DIR)"
        ) from error


def read_mark(folder: Path) -> Mark | None:
    """Tell of which store the folder is a copy; None of a folder that is none."""
    try:
        return Mark(**json.loads((folder / MARK).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write_mark(folder: Path, mark: Mark) -> None:
    """Remember what the store holds."""
    replace(folder / MARK, to_json_text(asdict(mark)).encode())


def is_ahead(folder: Path) -> bool:
    """Tell whether the folder is a copy that holds what its store lacks, or lacks what was deleted here."""
    mark = read_mark(folder)
    if mark is None:
        return False
    served = version_of(folder / MANIFEST)
    return versions_here(folder) != set(mark.known) or (served is not None and served != mark.served)


def versions_here(folder: Path) -> set[str]:
    """Name the versions in the folder."""
    return {path.parent.name for path in (folder / "versions").glob(f"[!.]*/{MANIFEST}")}


def version_of(manifest: Path) -> str | None:
    """Read which version the manifest is of; None where it cannot be read."""
    try:
        return version_in(manifest.read_bytes())
    except OSError:
        return None


def version_in(manifest: bytes) -> str | None:
    """Give the version that a manifest is of; None where it says none."""
    try:
        version = json.loads(manifest)["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None
