"""What is in an S3 object store below an address, as the server reads it, through fsspec.

Imported only where SHARED_DIR is such an address: its client takes half a second to start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fsspec
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 10


class AwayError(Exception):
    """The store could not be reached, or did not let us in; the message says which and what to do."""


@dataclass(frozen=True)
class Stored:
    """What the store says of a file. modified_at: in seconds since 1970."""

    etag: str
    size_bytes: int
    modified_at: float


class ObjectStore:
    """The files below `s3://bucket/prefix`; their names here are relative to it.

    Credentials and endpoint come from the environment as for every program of AWS; certificates are checked.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._root = url.removeprefix("s3://").rstrip("/")
        self._files = fsspec.filesystem(
            "s3",
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": READ_TIMEOUT_S,
                "retries": {"total_max_attempts": 1},  # whoever looks again every few seconds retries enough
            },
        )
        self._files.retries = 1

    def listing(self) -> dict[str, Stored]:
        """Give every file by its name, as they all are at one moment. Raises AwayError."""
        with self._reached():
            found = self._files.find(self._root, detail=True)
        return {
            path.removeprefix(f"{self._root}/"): Stored(facts["ETag"], facts["size"], facts["LastModified"].timestamp())
            for path, facts in found.items()
            if facts["type"] == "file"
        }

    def read(self, name: str) -> bytes:
        """Give a file's content. Raises AwayError."""
        with self._reached():
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def download(self, name: str, path: Path) -> None:
        """Write a file's content there, without holding it in memory. Raises AwayError."""
        with self._reached():
            self._files.get_file(f"{self._root}/{name}", str(path))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say of every fault what it means, in words that hold no credential; the store's own words may."""
        try:
            yield
        except NoCredentialsError as error:
            raise AwayError(
                f"{self._url}: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except FileNotFoundError as error:
            raise AwayError(
                f"{self._url}: there is no such bucket, or a file went away meanwhile; make it, or mend SHARED_DIR"
            ) from error
        except PermissionError as error:
            raise AwayError(
                f"{self._url}: access is denied{_code(error)}; mend the credentials (AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY) or what they may do"
            ) from error
        except (OSError, BotoCoreError, ClientError) as error:
            raise AwayError(
                f"{self._url}: does not answer ({_kind(error)}); look at the store, the network and AWS_ENDPOINT_URL"
            ) from error


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}{_code(error)}"


def _code(error: BaseException) -> str:
    """Give the store's own code of a fault, such as SignatureDoesNotMatch."""
    cause = error if isinstance(error, ClientError) else error.__cause__
    return f" ({cause.response['Error']['Code']})" if isinstance(cause, ClientError) else ""
