"""A trainer's own copy of an object store: it publishes there as in any shared folder, and then in the store.

What is in the copy and not in the store yet is brought there by whoever publishes next: a store that is away costs no
training.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.artefacts import ARTEFACTS, MANIFEST
from trainer.digest import sha256
from trainer.disk import replace
from trainer.errors import ConflictError, ObjectStoreError
from trainer.store_mark import Mark, is_ahead, read_mark, version_in, version_of, versions_here, write_mark

if TYPE_CHECKING:
    from trainer.object_store import Listing, ObjectStore

ATTEMPT = "training/attempt.json"
# Nothing that leads out of a folder.
VERSION_FILE = re.compile(r"versions/(?P<version>[0-9A-Za-z][0-9A-Za-z._-]{0,63})/(?P<name>[0-9A-Za-z][0-9A-Za-z._-]*)")


@contextlib.contextmanager
def in_step(folder: Path, may_be_away: bool) -> Iterator[None]:
    """Work on a copy that is in step with its store before and after; on any other folder just work. Needs the lock.

    may_be_away: go on with what the store held when it was last seen. Raises ObjectStoreError; what is published by
    then stays in the copy.
    """
    mark = read_mark(folder)
    if mark is None:
        yield
        return
    from trainer.object_store import open_store  # only where it is needed: it takes half a second

    store = open_store(mark.url)
    try:
        bring(folder, mark, store)
        fetch(folder, store)
    except ObjectStoreError:
        if not (may_be_away and mark.seen):
            raise
    yield
    try:
        bring(folder, read_mark(folder) or mark, store)
    except ConflictError:
        raise
    except ObjectStoreError as error:
        raise ObjectStoreError(f"{error}; what was published is kept in {folder} and brought there later") from error


def fetch(folder: Path, store: "ObjectStore") -> None:
    """Make the copy what the store is; versions that the store never had stay."""
    mark = read_mark(folder) or Mark(store.url)
    stored = store.listing()
    there, here = versions_in(stored), versions_here(folder)
    (folder / "versions").mkdir(exist_ok=True)
    for version in sorted(there - here):
        _fetch_version(folder, store, stored, version)
    for version in here & set(mark.known) - there:
        shutil.rmtree(folder / "versions" / version)
    if _tags(stored) != mark.tags or not mark.seen:
        _fetch_served(folder, store, stored)
    if ATTEMPT in stored and not (folder / ATTEMPT).exists():
        (folder / ATTEMPT).parent.mkdir(exist_ok=True)
        replace(folder / ATTEMPT, store.read(ATTEMPT))
    _note(folder, store, stored)


def bring(folder: Path, mark: Mark, store: "ObjectStore") -> None:
    """Make the store what the copy is: versions first, the manifest that names one of them last.

    Raises ConflictError, with the copy again as the store is, if another version went into service there meanwhile.
    """
    if not is_ahead(folder):
        return
    stored = store.listing()
    for version in sorted(versions_here(folder) - versions_in(stored)):
        _bring_version(folder, store, version)
    served = version_of(folder / MANIFEST)
    if served is not None and served != mark.served:
        try:
            _bring_served(folder, store, stored, mark.tags.get(MANIFEST))
        except ConflictError as error:
            if version_in(store.read(MANIFEST)) != served:  # else it was we, and the answer was lost
                raise ConflictError(_give_way(folder, mark, store, served)) from error
    for version in set(mark.known) & versions_in(stored) - versions_here(folder):
        _delete_version(store, stored, version)
    _note(folder, store, store.listing())


def versions_in(stored: "Listing") -> set[str]:
    """Name the versions that are whole in the store: a version's manifest is written last of its files."""
    found = filter(None, map(VERSION_FILE.fullmatch, stored))
    return {match["version"] for match in found if match["name"] == MANIFEST}


def _tags(stored: "Listing") -> dict[str, str]:
    return {name: stored[name] for name in (*ARTEFACTS, MANIFEST) if name in stored}


def _note(folder: Path, store: "ObjectStore", stored: "Listing") -> None:
    served = version_of(folder / MANIFEST) if MANIFEST in stored else None
    known = sorted(versions_in(stored) & versions_here(folder))
    write_mark(folder, Mark(store.url, served, _tags(stored), known, seen=True))


def _give_way(folder: Path, mark: Mark, store: "ObjectStore", lost: str) -> str:
    """Leave in service what another trainer has put there, and say so."""
    write_mark(folder, Mark(mark.url, known=mark.known))
    fetch(folder, store)
    won = version_of(folder / MANIFEST)
    for name in ARTEFACTS:  # which may be ours at the top by now
        path = folder / "versions" / str(won) / name
        if path.exists() and path.read_bytes() != (folder / name).read_bytes():
            store.write(name, path.read_bytes())
    return (
        f"{store.url}: version {lost} is there, but not in service: another trainer put {won} into service meanwhile, "
        f"which stays; to have the other one serve all the same: --rollback {lost}"
    )


def _fetch_version(folder: Path, store: "ObjectStore", stored: "Listing", version: str) -> None:
    """Fetch a version as a whole or, if it is not what its manifest says, not at all."""
    partial = folder / "versions" / f".partial-{version}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for match in filter(None, map(VERSION_FILE.fullmatch, stored)):
        if match["version"] == version:
            store.download(match[0], partial / match["name"])
    if _is_whole(partial, version):
        partial.rename(folder / "versions" / version)
    else:
        shutil.rmtree(partial)
        print(f"cnn_mnist.py: version {version} in the object store is not what its manifest says; it is left out")


def _is_whole(partial: Path, version: str) -> bool:
    try:
        manifest = json.loads((partial / MANIFEST).read_text(encoding="utf-8"))
        files = {name: facts["sha256"] for name, facts in manifest["files"].items() if name in ARTEFACTS}
        return bool(manifest["version"] == version and files) and all(
            sha256(partial / name) == digest for name, digest in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _fetch_served(folder: Path, store: "ObjectStore", stored: "Listing") -> None:
    """Take over what is at the top: what the manifest names or, without one, a pair of a person's own."""
    names = (*ARTEFACTS, MANIFEST)
    for name in filter(stored.__contains__, names):
        replace(folder / name, store.read(name))
    for name in set(names) - set(stored):
        (folder / name).unlink(missing_ok=True)


def _bring_version(folder: Path, store: "ObjectStore", version: str) -> None:
    place = folder / "versions" / version
    names = sorted(path.name for path in place.iterdir() if path.name != MANIFEST)
    for name in (*names, MANIFEST):  # last: without it the others count as nothing
        store.write(f"versions/{version}/{name}", (place / name).read_bytes())


def _bring_served(folder: Path, store: "ObjectStore", stored: "Listing", tag: str | None) -> None:
    """Put the copy's model into service, the manifest last.

    But first where there is none yet: the model's files could be taken for a pair of a person's own.
    """
    if stored.get(MANIFEST) != tag:
        raise ConflictError("another version is in service")  # before anything is written
    manifest = (folder / MANIFEST).read_bytes()
    if tag is None:
        store.replace(MANIFEST, manifest, None)
    for name in ARTEFACTS:
        if (folder / name).exists():
            store.write(name, (folder / name).read_bytes())
        elif name in stored:
            store.delete(name)
    if tag is not None:
        store.replace(MANIFEST, manifest, tag)


def _delete_version(store: "ObjectStore", stored: "Listing", version: str) -> None:
    names = [name for name in stored if name.startswith(f"versions/{version}/")]
    for name in sorted(names, key=lambda name: not name.endswith(f"/{MANIFEST}")):  # so that nobody reads half of it
        store.delete(name)
