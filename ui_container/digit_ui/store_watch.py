"""Keeps this machine's copy of the object store up to date, in one of the server's workers."""

import fcntl
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

# The first look that a new server waits for, so that it does not begin with the shipped model where there is a better.
FIRST_LOOK_S = 15
STATE = "store.json"

log = logging.getLogger(__name__)


class StoreState(BaseModel):
    """How it stands with the object store.

    looked_at, reached_at: when it was last asked and when it last answered, in seconds since 1970; reached: whether it
    answered then; fault: why it did not, or which of what it holds is not whole.
    """

    reached: bool = False
    looked_at: float = 0.0
    reached_at: float = 0.0
    fault: str | None = None

    @property
    def is_faulty(self) -> bool:
        """Tell whether the store answers, but with something that is not whole."""
        return self.reached and self.fault is not None


@dataclass
class StoreWatch:
    """Looks at the object store from one process at a time, whichever worker that is; all read what it found."""

    url: str
    folder: Path
    poll_interval_s: float

    def state(self) -> StoreState:
        """Give what the last look found."""
        try:
            return StoreState.model_validate_json((self.folder / STATE).read_bytes())
        except (OSError, ValidationError):
            return StoreState(fault=f"{self.url}: has not been looked at yet")

    def watch(self) -> None:
        """Begin to look, in a thread that ends with the process."""
        threading.Thread(target=self._watch, name="store-watcher", daemon=True).start()

    def wait_for_a_look(self) -> None:
        """Wait until somebody has looked from now on, or has had time enough to; not where there is a copy to serve."""
        if (self.folder / "manifest.json").exists():
            return
        began, pause = time.time(), threading.Event()
        while self.state().looked_at < began and time.time() - began < FIRST_LOOK_S:
            pause.wait(0.05)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._look_on()
            except Exception as error:
                log.exception("the object store cannot be looked at")
                self._tell(StoreState(looked_at=time.time(), fault=str(error) or type(error).__name__))
            pause.wait(self.poll_interval_s)

    def _look_on(self) -> None:
        """Look again and again, as the only one; the others wait here for the end of whoever does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._look_from(lock)

    def _look_from(self, _lock: IO[str]) -> None:
        # Only where it is needed: the client of the store takes half a second to start, and memory.
        from digit_ui.object_store import AwayError, ObjectStore
        from digit_ui.store_copy import StoreCopy

        copy = StoreCopy(ObjectStore(self.url), self.folder)
        copy.begin()
        before, pause = self.state(), threading.Event()
        while True:
            looked_at = time.time()
            try:
                faults = copy.look()
                now = StoreState(
                    reached=True, looked_at=looked_at, reached_at=looked_at, fault="; ".join(faults) or None
                )
            except AwayError as error:
                now = StoreState(looked_at=looked_at, reached_at=before.reached_at, fault=str(error))
            _say(before, now)
            self._tell(now)
            before = now
            pause.wait(self.poll_interval_s)

    def _tell(self, state: StoreState) -> None:
        partial = self.folder / f".{STATE}.partial"
        partial.write_text(state.model_dump_json())
        partial.replace(self.folder / STATE)


def _say(before: StoreState, now: StoreState) -> None:
    """Log what has changed, once."""
    if now.reached and not before.reached:
        log.info("the object store answers")
    if now.fault is not None and now.fault != before.fault:
        log.error("%s; what serves goes on serving", now.fault)
