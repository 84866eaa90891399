"""Whether the feedback store can be written, found out without ever waiting long for it."""

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from digit_ui.database import FeedbackStore
from digit_ui.store_faults import StoreError

FRESH_S = 1.0
# Less than whoever asks for our health waits for an answer.
LONGEST_S = 2.0

log = logging.getLogger(__name__)


@dataclass
class Look:
    """One try of the store, in a thread of its own: a disk that hangs may keep that one for ever."""

    store: FeedbackStore
    began: float = field(default_factory=time.monotonic)
    found: "Future[str | None]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Begin."""
        threading.Thread(target=self._try, name="store-check", daemon=True).start()

    @property
    def is_old(self) -> bool:
        """Tell whether it has ended and is not to be believed any more."""
        return self.found.done() and time.monotonic() - self.began > FRESH_S

    def _try(self) -> None:
        try:
            self.store.check()
        except StoreError as error:
            log.error("the feedback store cannot be written: %s", error)
            self.found.set_result(error.reason)
        else:
            self.found.set_result(None)


class StoreCheck:
    """Tries the store when asked, at most once a second, and one try at a time."""

    def __init__(self, store: FeedbackStore) -> None:
        self._store = store
        self._look: Look | None = None
        self._beginning = threading.Lock()

    def fault(self) -> str | None:
        """Tell why the store cannot be written, None where it can; the log says more."""
        with self._beginning:
            look = self._look
            begins = look is None or look.is_old
            if look is None or begins:
                look = self._look = Look(self._store)
        try:
            return look.found.result(timeout=max(0.0, look.began + LONGEST_S - time.monotonic()))
        except TimeoutError:
            if begins:
                log.error("the feedback store cannot be written: no answer within %g s", LONGEST_S)
            return f"no answer within {LONGEST_S:g} s"
