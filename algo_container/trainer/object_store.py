"""What is in an S3 object store below an address, through fsspec.

Imported only where SHARED_DIR is such an address: its client takes half a second to start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import fsspec
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from trainer.errors import ConflictError, ObjectStoreError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 15
# So many tries of a request before the store counts as away.
TRIES = 2
# Of a file that is sent. A store that hangs before it has said that it takes the file escapes the client's own limits.
LEAST_BYTES_PER_S = 50_000
CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")

# The tag of each file by its name: another one whenever its content is.
Listing = dict[str, str]


@lru_cache(maxsize=1)
def open_store(url: str) -> "ObjectStore":
    """Give the store at this address, always the same one: to make its client takes a third of a second."""
    return ObjectStore(url)


class ObjectStore:
    """The files below `s3://bucket/prefix`; their names here are relative to it.

    A file that is written is there as a whole or not at all. Credentials and endpoint come from the environment as for
    every program of AWS; certificates are checked. Everything raises ObjectStoreError.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = url.removeprefix("s3://").rstrip("/")
        self._files = fsspec.filesystem(
            "s3",
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": READ_TIMEOUT_S,
                "retries": {"total_max_attempts": TRIES},
            },
        )
        self._files.retries = 1

    def listing(self) -> Listing:
        """Give every file, as they all are at one moment."""
        with self._reached():
            found = self._files.find(self._root, detail=True)
        return {
            path.removeprefix(f"{self._root}/"): facts["ETag"]
            for path, facts in found.items()
            if facts["type"] == "file"
        }

    def read(self, name: str) -> bytes:
        """Give a file's content."""
        with self._reached():
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def download(self, name: str, path: Path) -> None:
        """Write a file's content there."""
        with self._reached():
            self._files.get_file(f"{self._root}/{name}", str(path))

    def write(self, name: str, content: bytes) -> None:
        """Put a file in the place of another one or of none."""
        self._send(name, content)

    def replace(self, name: str, content: bytes, tag: str | None) -> None:
        """Put a file in the place of the one with this tag; None: of none.

        Raises ConflictError if somebody else has written meanwhile: the store itself compares.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        self._send(name, content, **condition)

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""
        with self._reached():
            self._files.rm_file(f"{self._root}/{name}")

    def _send(self, name: str, content: bytes, **condition: str) -> None:
        limit_s = TRIES * READ_TIMEOUT_S + len(content) / LEAST_BYTES_PER_S
        with self._reached():
            path, files = f"{self._root}/{name}", self._files
            fsspec.asyn.sync(files.loop, files._pipe_file, path, content, timeout=limit_s, **condition)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say of every fault what it means, in words that hold no credential; the store's own words may."""
        try:
            yield
        except NoCredentialsError as error:
            raise ObjectStoreError(
                f"{self.url}: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except FileNotFoundError as error:
            raise ObjectStoreError(
                f"{self.url}: there is no such bucket, or a file went away meanwhile; make it, or mend SHARED_DIR"
            ) from error
        except PermissionError as error:
            raise ObjectStoreError(
                f"{self.url}: access is denied ({_code(error)}); mend the credentials (AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY) or what they may do"
            ) from error
        except (OSError, BotoCoreError, ClientError) as error:
            if _code(error) in CONFLICTS:
                raise ConflictError(f"{self.url}: another trainer has published meanwhile") from error
            raise ObjectStoreError(
                f"{self.url}: does not answer ({_code(error)}); look at the store, the network and AWS_ENDPOINT_URL"
            ) from error


def _code(error: BaseException) -> str:
    """Give the store's own code of a fault, such as SignatureDoesNotMatch, else the fault's kind."""
    cause = error if isinstance(error, ClientError) else error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else type(error).__name__
