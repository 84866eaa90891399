"""The versions that were published, which of them is in service, and the way back to an older one. Needs no Keras."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trainer.artefacts import ARTEFACTS
from trainer.digest import sha256
from trainer.disk import flush, flush_folder, locked, replace, uninterrupted
from trainer.errors import PublishError, RollbackError
from trainer.store_copy import in_step

KEPT_VERSIONS = 10
INTENT = ".publish.intent"
REFUSED = "refused"

Manifest = dict[str, Any]


def read_manifest(folder: Path) -> Manifest | None:
    """Give the manifest of a folder; None where there is none that can be read."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return manifest if isinstance(manifest["version"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def manifests(shared_dir: Path) -> list[Manifest]:
    """Give every version's manifest, the oldest first."""
    folders = sorted((shared_dir / "versions").glob("[!.]*"))
    return [manifest for folder in folders if (manifest := read_manifest(folder)) is not None]


def in_service(shared_dir: Path) -> tuple[Manifest, Path] | None:
    """Give the manifest and the folder of the model that serves: the published one, else the one that ships.

    None where there is neither; a pair of the user's own has no manifest.
    """
    published = read_manifest(shared_dir)
    if published is not None:
        folder = shared_dir / "versions" / published["version"]
        return published, folder if folder.is_dir() else shared_dir
    if all((shared_dir / name).exists() for name in ARTEFACTS[:2]):
        return None
    shipped = read_manifest(shared_dir / "pretrained")
    return None if shipped is None else (shipped, shared_dir / "pretrained")


@contextlib.contextmanager
def only_publisher(shared_dir: Path, store_may_be_away: bool = False) -> Iterator[None]:
    """Let one writer in at a time; what a killed one had begun to publish is finished first.

    Where the folder is a copy of an object store, it is in step with that before and after. Raises ObjectStoreError.
    """
    with locked(shared_dir / ".publish.lock"):
        _finish(shared_dir)
        with in_step(shared_dir, store_may_be_away):
            yield


def next_time(shared_dir: Path) -> datetime:
    """Give the time for a new version: now, but later than every other version's, whatever the clock has done."""
    now = datetime.now(UTC).replace(microsecond=0)
    latest = max((_created(manifest) for manifest in manifests(shared_dir)), default=now - timedelta(seconds=1))
    return max(now, latest + timedelta(seconds=1))


def shelve(shared_dir: Path, partial: Path, version: str, serve: bool) -> None:
    """Make the finished folder `partial` a version and, if it may serve, put it into service. Needs the lock."""
    versions = shared_dir / "versions"
    flush_folder(partial)
    with uninterrupted():
        if serve:
            replace(shared_dir / INTENT, version.encode())
        partial.rename(versions / version)
        flush(versions)
        if serve:
            _commit(shared_dir, version)
    prune(shared_dir)


def roll_back(shared_dir: Path, wanted: str | None = None) -> tuple[str, bool]:
    """Put a version into service again: the one that is named, else the one before.

    Returns its name, and whether anything had to be changed. Raises RollbackError if there is no such version, or it
    must not serve, and PublishError if the folder cannot be written.
    """
    try:
        with only_publisher(shared_dir):
            now = in_service(shared_dir)
            current = None if now is None else now[0]
            version = wanted or _before(shared_dir, current)
            if current is not None and current["version"] == version:
                return version, False
            manifest = _known(shared_dir, version)
            _check_whole(shared_dir / "versions" / version, manifest)
            with uninterrupted():
                replace(shared_dir / INTENT, version.encode())
                _commit(shared_dir, version)
            return version, True
    except OSError as error:
        raise not_written(shared_dir, error) from error


def prune(shared_dir: Path) -> None:
    """Delete all but the newest versions, never one that is needed. Needs the lock.

    Needed are the one in service, the one to go back to, and the one that was trained from scratch at the beginning.
    """
    needed: set[object] = set()
    if (now := in_service(shared_dir)) is not None:
        needed = {now[0]["version"], (now[0].get("base") or {}).get("version")}
        with contextlib.suppress(RollbackError):
            needed.add(_before(shared_dir, now[0]))
    for manifest in manifests(shared_dir)[:-KEPT_VERSIONS]:
        if manifest["version"] not in needed:
            folder = shared_dir / "versions" / manifest["version"]
            gone = folder.with_name(f".partial-{folder.name}")  # so that a reader never meets half of it
            try:
                folder.rename(gone)
                shutil.rmtree(gone)
            except OSError as error:  # what was published is published all the same
                print(f"cnn_mnist.py: {folder}: cannot be deleted ({error.strerror}); delete it by hand", flush=True)


def not_written(shared_dir: Path, error: OSError) -> PublishError:
    """Say that the folder could not be written."""
    return PublishError(
        f"{shared_dir}: the model could not be written ({error.strerror or error}); what was published before is "
        "untouched: make room or mend the folder's permissions, then train again"
    )


def _before(shared_dir: Path, current: Manifest | None) -> str:
    """Name the version that `current` was made from, else the newest one before it that may serve."""
    if current is None:
        raise RollbackError(f"{shared_dir}: nothing is published, so there is nothing to go back from")
    shipped = read_manifest(shared_dir / "pretrained")
    there = {manifest["version"]: manifest for manifest in manifests(shared_dir)}
    if shipped is not None:
        there.setdefault(shipped["version"], shipped)
    if current.get("parent") in there:
        return str(current["parent"])
    older = [
        manifest for manifest in there.values() if _created(manifest) < _created(current) and not is_refused(manifest)
    ]
    if not older:
        raise RollbackError(f"version {current['version']} is the first one here: there is none to go back to")
    return str(max(older, key=_created)["version"])


def _known(shared_dir: Path, version: str) -> Manifest:
    """Give a version's manifest; the shipped model becomes a version like the others when somebody goes back to it."""
    shipped = read_manifest(shared_dir / "pretrained")
    every = {manifest["version"]: manifest for manifest in manifests(shared_dir)}
    if shipped is not None and shipped["version"] == version and version not in every:
        _adopt(shared_dir, version)
        return shipped
    if version not in every:
        known = ", ".join(every) or "none"
        raise RollbackError(f"{shared_dir}: there is no version {version!r} (there are: {known})")
    if is_refused(every[version]):
        reasons = "; ".join(every[version]["gate"]["reasons"])
        raise RollbackError(f"version {version} was refused and may not serve: {reasons}")
    return every[version]


def _adopt(shared_dir: Path, version: str) -> None:
    partial = shared_dir / "versions" / f".partial-{version}"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(shared_dir / "pretrained", partial)
    flush_folder(partial)
    partial.rename(shared_dir / "versions" / version)
    flush(shared_dir / "versions")


def _check_whole(folder: Path, manifest: Manifest) -> None:
    for name, facts in manifest["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) != facts["sha256"]:
            raise RollbackError(f"{folder / name}: is not what its manifest says; choose another version")


def _finish(shared_dir: Path) -> None:
    """Finish what a killed publisher had begun, if its version is whole; clear away what is not."""
    versions = shared_dir / "versions"
    for leftover in versions.glob(".partial-*"):  # the lock says that nobody is at work on it
        shutil.rmtree(leftover)
    intent = shared_dir / INTENT
    if intent.exists():
        version = intent.read_text(encoding="utf-8")
        if read_manifest(versions / version) is not None:
            _commit(shared_dir, version)
        intent.unlink(missing_ok=True)


def _commit(shared_dir: Path, version: str) -> None:
    folder = shared_dir / "versions" / version
    for name in _commit_order(shared_dir):
        if (folder / name).exists():
            replace(shared_dir / name, (folder / name).read_bytes())
        else:  # a model of an earlier trainer
            (shared_dir / name).unlink(missing_ok=True)
    (shared_dir / INTENT).unlink()
    flush(shared_dir)


def _commit_order(shared_dir: Path) -> tuple[str, ...]:
    """Put the manifest last: a reader takes it as the commit.

    But first where there is none yet: a reader would then take the two files, one of them new and one old, for a
    pair of the user's own. What the manifest names is whole in its version's folder by now.
    """
    if (shared_dir / "manifest.json").exists():
        return (*ARTEFACTS, "manifest.json")
    return ("manifest.json", *ARTEFACTS)


def is_refused(manifest: Mapping[str, Any]) -> bool:
    """Tell whether the gate has refused it."""
    gate = manifest.get("gate")
    return isinstance(gate, dict) and gate.get("verdict") == REFUSED


def _created(manifest: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(manifest["created_at"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
