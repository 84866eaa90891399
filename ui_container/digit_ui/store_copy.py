"""A copy of an object store on this machine: whole versions and the news of the trainer, kept as a shared folder is.

Everything else reads the copy as it would read a shared folder, and goes on doing so while the store is away.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from pydantic import ValidationError

from digit_ui.artefacts import FILE_NAMES, MAX_H5_BYTES, MAX_JSON_BYTES, ArtefactError, Candidate
from digit_ui.json_files import read_json_file
from digit_ui.manifest import Named
from digit_ui.object_store import ObjectStore, Stored
from digit_ui.versions import FILES, is_version_name

MANIFEST = "manifest.json"
NEWS = ("status.json", "watcher.json", "checks.json")
PARTIAL = ".partial-"
# A version that is not what its manifest says is fetched again when the store has other files, or after this.
RETRY_S = 60

Listing = dict[str, Stored]


class StoreCopy:
    """Brings the folder up to date with the store. One process at a time may do it."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._versions = folder / "versions"
        self._held: dict[str, str] = {}
        self._faults: dict[str, tuple[object, float, str]] = {}

    def begin(self) -> None:
        """Make the folder, and clear away what a killed process has left. Raises OSError."""
        for name in ("versions", "training"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        for leftover in self._versions.glob(f"{PARTIAL}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def look(self) -> list[str]:
        """Copy what is new; give a sentence for each version that is not whole, which stays as it was here.

        Raises AwayError if the store is away, and OSError if the copy cannot be written.
        """
        stored = self._store.listing()
        self._copy_news(stored)
        faults = []
        for copy in (self._copy_published, self._copy_others):
            try:
                copy(stored)
            except ArtefactError as error:
                faults.append(str(error))
        self._prune(stored)
        return list(dict.fromkeys(faults))

    def _copy_news(self, stored: Listing) -> None:
        for name in NEWS:
            news = stored.get(f"training/{name}")
            if news is not None and self._is_new(f"training/{name}", news):
                path = self._folder / "training" / name
                self._put(path, self._read(f"training/{name}", stored))
                # Its age tells whether the trainer is alive.
                os.utime(path, (news.modified_at, news.modified_at))
                self._held[f"training/{name}"] = news.etag

    def _copy_published(self, stored: Listing) -> None:
        """Copy the version in service, then the manifest that names it. Where there is none, copy a bare pair."""
        manifest = stored.get(MANIFEST)
        if manifest is None:
            self._copy_own_pair(stored)
        elif self._is_new(MANIFEST, manifest):
            content = self._read(MANIFEST, stored)
            version = _version_of(content, f"{MANIFEST} in the object store")
            if f"versions/{version}/{MANIFEST}" not in stored:  # published since the listing, or not whole
                stored |= self._store.listing()
            # Files beside the manifest count where the version has no folder, as in a shared folder.
            beside = f"versions/{version}/{MANIFEST}" not in stored
            self._copy_version(version, "" if beside else f"versions/{version}/", stored)
            self._put(self._folder / MANIFEST, content)
            self._held[MANIFEST] = manifest.etag

    def _copy_others(self, stored: Listing) -> None:
        faults = []
        for version in sorted(_versions_in(stored), reverse=True):
            try:
                self._copy_version(version, f"versions/{version}/", stored)
            except ArtefactError as error:
                faults.append(str(error))
        if faults:
            raise ArtefactError("; ".join(faults))

    def _copy_version(self, version: str, place: str, stored: Listing) -> None:
        """Copy a version as a whole or not at all. place: where its files are in the store."""
        if (self._versions / version).is_dir():
            return
        files = {name: stored[place + name] for name in FILES if place + name in stored}
        known = self._faults.get(version)
        if known is not None and known[0] == files and time.monotonic() < known[1]:
            raise ArtefactError(known[2])
        partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self._versions))
        try:
            for name in files:
                _check_size(place + name, stored)
                self._store.download(place + name, partial / name)
            read = Candidate("copy", partial, has_manifest=True).read()
            if read.version != version:
                raise ArtefactError(f"{partial / MANIFEST}: is of version {read.version}, expected {version}")
            partial.chmod(0o755)
            partial.rename(self._versions / version)
        except ArtefactError as error:
            reason = str(error).replace(f"{partial}/", f"{place or 'beside the manifest: '}")
            fault = f"version {version} in the object store is not whole: {reason}"
            self._faults[version] = (files, time.monotonic() + RETRY_S, fault)
            raise ArtefactError(fault) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._faults.pop(version, None)

    def _copy_own_pair(self, stored: Listing) -> None:
        if not all(name in stored for name in FILE_NAMES):
            return  # what serves goes on serving until something else is there
        if any(self._is_new(name, stored[name]) for name in FILE_NAMES) or (self._folder / MANIFEST).exists():
            contents = {name: self._read(name, stored) for name in FILE_NAMES}
            for name, content in contents.items():
                self._put(self._folder / name, content)
                self._held[name] = stored[name].etag
            (self._folder / MANIFEST).unlink(missing_ok=True)
            self._held.pop(MANIFEST, None)

    def _prune(self, stored: Listing) -> None:
        """Delete what the store has deleted, but never what serves here."""
        file = read_json_file(self._folder / MANIFEST)
        needed = {*_versions_in(stored), None if file is None else file.facts.get("version")}
        for folder in self._versions.iterdir():
            if is_version_name(folder.name) and folder.name not in needed:
                gone = folder.with_name(f"{PARTIAL}{folder.name}")  # so that no reader meets half of it
                folder.rename(gone)
                shutil.rmtree(gone)

    def _is_new(self, name: str, found: Stored) -> bool:
        return self._held.get(name) != found.etag

    def _read(self, name: str, stored: Listing) -> bytes:
        _check_size(name, stored)
        return self._store.read(name)

    def _put(self, path: Path, content: bytes) -> None:
        """Replace a file in one moment, if it is another one: a reader takes a replaced one for a new one."""
        if path.exists() and path.read_bytes() == content:
            return
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(content)
        os.replace(partial, path)


def _versions_in(stored: Listing) -> set[str]:
    """Name the versions that are whole in the store: a version's manifest is written last of its files."""
    names = {name.split("/")[1] for name in stored if name.startswith("versions/") and name.endswith(f"/{MANIFEST}")}
    return {name for name in names if is_version_name(name) and f"versions/{name}/{MANIFEST}" in stored}


def _check_size(name: str, stored: Listing) -> None:
    most = MAX_H5_BYTES if name.endswith(".h5") else MAX_JSON_BYTES
    if stored[name].size_bytes > most:
        raise ArtefactError(f"{name}: has {stored[name].size_bytes} bytes, expected at most {most}")


def _version_of(manifest: bytes, where: str) -> str:
    try:
        return Named.model_validate_json(manifest).version
    except ValidationError as error:
        raise ArtefactError(f"{where}: names no version; publish the model again") from error
