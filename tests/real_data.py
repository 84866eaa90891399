"""Where the tests find real MNIST and real pen strokes; without them the tests that need them are skipped."""

import os
from pathlib import Path

import pytest

BESIDE_PROJECT = Path(__file__).resolve().parents[2] / "shared"


def _find(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default)
    if path.exists():
        return path
    reason = f"{path} is not there; {variable} may name where it is"
    if os.environ.get("REQUIRE_REAL_DATA") == "1":
        pytest.fail(f"REQUIRE_REAL_DATA=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """Folder with all of MNIST as train.csv[.gz] and test.csv[.gz]."""
    return _find("MNIST_DIR", BESIDE_PROJECT / "mnist")


@pytest.fixture(scope="session")
def strokes_file() -> Path:
    """Gzipped JSON lines of real pen strokes with label and writer."""
    return _find("STROKES_FILE", BESIDE_PROJECT / "strokes" / "pendigits_train.jsonl.gz")
