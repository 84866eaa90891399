"""A checkpoint on this machine's disk, brought to the object store as it changes: its chief may come back elsewhere.

It is brought in the background, always the newest: a store that is slow or away costs a training no step.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from trainer.checkpoint import Checkpoint, State
from trainer.errors import ConflictError, ObjectStoreError
from trainer.stored_checkpoint import StoredCheckpoint

# Until a store that was away is tried again.
PAUSE_S = 10.0
# A training that ends does not wait longer than this for a store that is away.
LAST_WORD_S = 5.0


class CheckpointCopy(Checkpoint):
    """The copy of a store's checkpoint. say: tells a person what became of the store, of which nothing here ends."""

    def __init__(
        self, shared_dir: Path, plan: Mapping[str, object], stored: StoredCheckpoint, say: Callable[[str], None]
    ) -> None:
        super().__init__(shared_dir, plan)
        self._stored, self._say = stored, say
        self._newest: tuple[bytes, int] | None = None
        self._changed, self._ending = threading.Condition(), threading.Event()
        self._news: list[str] = []
        self._bringer = threading.Thread(target=self._bring, name="checkpoint", daemon=True)

    def save(self, state: State) -> None:
        """Put a state in the place of the one before, here at once and soon in the store. Raises OSError."""
        content = self.packed(state)
        with self._changed:
            self._newest = content, state.steps
            self._changed.notify()
        self._tell()
        self.write(content)

    def load(self, shapes: Sequence[tuple[int, ...]]) -> State | None:
        """Give what is kept of this training here or, where it has come further, in the store."""
        here = super().load(shapes)
        try:
            content = self._stored.take_over()
        except ObjectStoreError as error:
            self._say(f"{error}; going on without the checkpoint that may be there")
            return here
        there = None if content is None else self.unpacked(content, shapes)
        if content is None or there is None or (here is not None and here.steps >= there.steps):
            return here
        with contextlib.suppress(OSError):  # a full disk is told of when the next one is saved
            self.write(content)
        return there

    def forget(self) -> None:
        """Keep nothing any more, here and in the store."""
        super().forget()
        try:
            if self._bringer.is_alive():
                raise ObjectStoreError("the object store is slow to answer")
            self._stored.remove()
        except ConflictError as error:
            self._say(f"{error}; those stay")
        except ObjectStoreError as error:
            self._say(f"{error}; the checkpoint may stay there, and is gone on from by a training like this one only")

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Bring what is saved in this block, to the last."""
        self._bringer.start()
        try:
            yield
        finally:
            self._ending.set()
            with self._changed:
                self._changed.notify()
            self._bringer.join(LAST_WORD_S)
            self._tell()

    def _bring(self) -> None:
        is_away = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ending.is_set())
                newest, self._newest = self._newest, None
            if newest is None:
                return
            try:
                self._stored.put(*newest)
            except ConflictError as error:
                self._news.append(f"{error}; this training's stay on this machine alone")
                return
            except ObjectStoreError as error:
                if not is_away:
                    self._news.append(f"{error}; training goes on, with its checkpoint on this machine alone")
                is_away = True
                with self._changed:
                    self._newest = self._newest or newest
                if self._ending.wait(PAUSE_S):
                    return
            else:
                if is_away:
                    self._news.append("the object store holds the checkpoint again")
                is_away = False

    def _tell(self) -> None:
        while self._news:
            self._say(self._news.pop(0))
