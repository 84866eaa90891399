"""Delete what people drew once it is older than the settings let it be."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from digit_ui.database import Feedback, FeedbackStore
from digit_ui.gallery import Gallery, UnknownFeedback
from digit_ui.store_faults import StoreError

LOOK_EVERY_S = 3600
IDS_A_LOOK = 500

log = logging.getLogger(__name__)


class Retention:
    """Keeps drawings for so many days. Several processes may do it beside each other."""

    def __init__(self, store: FeedbackStore, gallery: Gallery, days: float) -> None:
        self._store = store
        self._gallery = gallery
        self._kept = timedelta(days=days)

    def delete_old(self) -> int:
        """Delete what is too old, each as the administrator would; return how many. Raises StoreError."""
        is_old = Feedback.created_at < datetime.now(UTC) - self._kept
        deleted = 0
        while True:
            with self._store.session() as session:
                ids = session.scalars(
                    select(Feedback.id).where(is_old).order_by(Feedback.number).limit(IDS_A_LOOK)
                ).all()
            if not ids:
                return deleted
            for feedback_id in ids:
                try:
                    self._gallery.delete(feedback_id)
                    deleted += 1
                except UnknownFeedback:  # another process was faster
                    continue

    def watch(self) -> threading.Thread:
        """Do it now and every hour, in a thread that ends with the process."""
        thread = threading.Thread(target=self._watch, name="retention", daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            try:
                if deleted := self.delete_old():
                    log.info("%d drawings older than %g days were deleted", deleted, self._kept / timedelta(days=1))
            except StoreError as error:
                log.error("old drawings could not be deleted, which is tried again in an hour: %s", error)
            pause.wait(LOOK_EVERY_S)
