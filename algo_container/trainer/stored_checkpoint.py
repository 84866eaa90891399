"""A checkpoint in an object store: complete or not seen at all, and written by one trainer at a time.

The data come first, `training/checkpoint/<steps>-<digest>.npz`, and last `training/checkpoint.json`, which names them:
without it they count as nothing. It is written on condition that nobody else has written it since it was looked at, and
what it named before is deleted after that. Who begins to train takes it over; who finds that another one has done so
leaves it to them.
"""

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING

from trainer.errors import ConflictError, ObjectStoreError
from trainer.json_text import to_json_text

if TYPE_CHECKING:
    from trainer.object_store import Listing, ObjectStore

INDEX = "training/checkpoint.json"
# Nothing that leads to other files.
DATA = re.compile(r"training/checkpoint/\d+-[0-9a-f]{16}\.npz")
# Somebody who goes on writing while it is taken over does so once.
TRIES = 3


@dataclass(frozen=True)
class Index:
    """What `training/checkpoint.json` says. file: where the data are; writer: whose they are, a new one each start."""

    file: str
    sha256: str
    size_bytes: int
    steps: int
    plan: Mapping[str, object]
    writer: str


class StoredCheckpoint:
    """The one checkpoint of a store. plan: as Checkpoint has it. Everything raises ObjectStoreError."""

    def __init__(self, store: "ObjectStore", plan: Mapping[str, object]) -> None:
        self._store, self._plan = store, json.loads(json.dumps(plan))  # as it comes back
        self._writer = uuid.uuid4().hex
        self._is_ours = False

    def take_over(self) -> bytes | None:
        """Make it ours, and give the data if they are of this plan, else None."""
        index = self._claim()
        if index is None or index.plan != self._plan:
            return None
        content = self._store.read(index.file) if index.file in self._store.listing() else b""
        if hashlib.sha256(content).hexdigest() != index.sha256:
            raise ObjectStoreError(f"{self._store.url}: {index.file} is not what {INDEX} says; it is left out")
        return content

    def put(self, content: bytes, steps: int) -> None:
        """Put data in the place of those before. Raises ConflictError if another trainer has taken over."""
        if not self._is_ours:
            self._claim()
        digest = hashlib.sha256(content).hexdigest()
        index = Index(
            f"training/checkpoint/{steps}-{digest[:16]}.npz", digest, len(content), steps, self._plan, self._writer
        )
        self._store.write(index.file, content)
        listing = self._store.listing()
        self._check_ours(listing)
        self._point_to(index, listing)
        self._clear(listing, index.file)

    def remove(self) -> None:
        """Delete what we have put there, the index first. Raises ConflictError if another trainer has taken over."""
        if not self._is_ours:
            return
        listing = self._store.listing()
        self._check_ours(listing)
        if INDEX in listing:
            self._store.delete(INDEX)
        self._clear(listing, None)

    def _claim(self) -> Index | None:
        """Have whoever wrote it before find that it is ours now; give what it is."""
        for tries_left in reversed(range(TRIES)):
            listing = self._store.listing()
            index = self._index(listing)
            try:
                if index is not None:
                    self._point_to(with_changes(index, writer=self._writer), listing)
                break
            except ConflictError:
                if not tries_left:
                    raise
        # What a killed writer has left; it could not become a checkpoint any more.
        self._clear(listing, index.file if index else None)
        self._is_ours = True
        return index

    def _index(self, listing: "Listing") -> Index | None:
        if INDEX not in listing:
            return None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return Index(**json.loads(self._store.read(INDEX)))
        return None  # not by us: it is overwritten

    def _check_ours(self, listing: "Listing") -> None:
        index = self._index(listing)
        if index is not None and index.writer != self._writer:
            raise ConflictError(f"{self._store.url}: another trainer keeps its checkpoints there now")

    def _point_to(self, index: Index, listing: "Listing") -> None:
        """Write the index in the place of the one that was listed. Raises ConflictError if there is another one now."""
        try:
            self._store.replace(INDEX, to_json_text(asdict(index)).encode(), listing.get(INDEX))
        except ConflictError:
            if self._index(self._store.listing()) != index:  # else it was we, and the answer was lost
                raise

    def _clear(self, listing: "Listing", kept: str | None) -> None:
        """Delete all data that were listed but the file `kept`."""
        for name in filter(DATA.fullmatch, listing):
            if name != kept:
                self._store.delete(name)
