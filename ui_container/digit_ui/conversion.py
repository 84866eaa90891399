"""Turn a Keras pair into an OpenVINO model once per digest, in a process that may die without harm."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digit_ui.artefacts import Artefact, ArtefactError, TransientError, pair_digest

# Part of the cache's key: raised when pair_reader.py writes another form, so that an old one is never read.
FORM = 3
# What prepare_model.py has converted: the shipped model, so that a first start has nothing to convert.
PREPARED = Path(__file__).parent / "prepared"
TIMEOUT_S = 120
KEPT_FORMS = 10


def converted(artefact: Artefact, cache_dir: Path) -> Path:
    """Return the folder that holds `artefact` in OpenVINO's form, converting it if it is not cached.

    Raises ArtefactError with the reader's own sentence if the pair is no model that can be served.
    """
    folder = cache_dir / f"{artefact.digest}-{FORM}"
    if folder.is_dir():
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _only_converter(cache_dir):
        if not folder.is_dir():  # another worker may have been faster
            work = Path(tempfile.mkdtemp(prefix=".partial-", dir=cache_dir))
            try:
                _convert(artefact, PREPARED / folder.name, work)
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            _prune(cache_dir)
    return folder


def forget(folder: Path) -> None:
    """Drop a converted form that turned out to be unusable, so that the next attempt makes it anew."""
    shutil.rmtree(folder, ignore_errors=True)


def _convert(artefact: Artefact, prepared: Path, work: Path) -> None:
    if not prepared.is_dir():
        _read_pair(artefact, work)
        return
    for path in prepared.iterdir():  # not the folder, whose time would be taken over: _prune goes by that
        shutil.copyfile(path, work / path.name)


def _read_pair(artefact: Artefact, work: Path) -> None:
    # A copy, checked: files that are replaced meanwhile must not be cached under the digest of the earlier ones.
    copies = [Path(shutil.copy(path, work)) for path in artefact.paths()]
    if pair_digest(work) != artefact.digest:
        raise ArtefactError(f"{artefact.folder}: the model changed while it was being read")
    command = [sys.executable, "-m", "digit_ui.pair_reader", *map(str, copies), str(work)]
    package_parent = Path(__file__).resolve().parents[1]
    try:
        result = subprocess.run(  # noqa: S603 # our own module, with paths that no request chooses
            command,
            cwd=package_parent,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": str(package_parent), "KERAS_BACKEND": "openvino"},
        )
    except subprocess.TimeoutExpired as error:
        raise ArtefactError(f"{artefact.folder}: reading the model took more than {TIMEOUT_S} s") from error
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or [f"the reader ended with status {result.returncode}"])[-1]
        # A negative status is a signal: somebody ended it, most likely the system for want of memory.
        raise (ArtefactError if result.returncode > 0 else TransientError)(f"{artefact.folder}: {reason}")
    for path in copies:
        path.unlink()


def _prune(cache_dir: Path) -> None:
    """Keep the newest forms; those of models in service are held open by their processes."""
    forms = sorted((path for path in cache_dir.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in forms[:-KEPT_FORMS]:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _only_converter(cache_dir: Path) -> Iterator[None]:
    with (cache_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
