"""The digest by which files are told apart in manifests."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal, without holding the file in memory. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
