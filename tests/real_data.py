"""Where the tests find real MNIST and real pen strokes; without them the tests that need them are skipped."""

import gzip
import os
from itertools import islice
from pathlib import Path

import pytest
from lacking import lacking

BESIDE_PROJECT = Path(__file__).resolve().parents[2] / "shared"


def _find(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default)
    if not path.exists():
        lacking("REQUIRE_REAL_DATA", f"{path} is not there; {variable} may name where it is")
    return path


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory) -> Path:
    """Folder with all of MNIST as train.csv[.gz] and test.csv[.gz], in which the trainer may keep what it has read."""
    folder = tmp_path_factory.mktemp("mnist")
    for csv in _find("MNIST_DIR", BESIDE_PROJECT / "mnist").resolve().glob("[!.]*.csv*"):
        (folder / csv.name).symlink_to(csv)
    return folder


@pytest.fixture(scope="session")
def strokes_file() -> Path:
    """Gzipped JSON lines of real pen strokes with label and writer."""
    return _find("STROKES_FILE", BESIDE_PROJECT / "strokes" / "pendigits_train.jsonl.gz")


@pytest.fixture
def small_data(mnist_dir, tmp_path) -> Path:
    """A folder with a few thousand digits of MNIST."""
    for part, rows in (("train", 4001), ("test", 1001)):
        with gzip.open(mnist_dir / f"{part}.csv.gz", "rt") as file:
            (tmp_path / f"{part}.csv").write_text("".join(islice(file, rows)))
    return tmp_path
