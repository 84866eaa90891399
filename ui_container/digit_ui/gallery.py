"""What is in the store, a page at a time, and what the person who runs this does with it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Delete, Update, delete, func, select, update
from sqlalchemy.orm import Session, defer

from digit_ui.database import Action, Feedback, FeedbackStore

# Every database takes so many values in one question.
IDS_A_QUESTION = 500


class UnknownFeedback(Exception):
    """There is no drawing of this id, or no more."""


class WrongKey(Exception):
    """The drawing is somebody else's."""


@dataclass(frozen=True)
class Page:
    """Some drawings, newest first, each without its `original`.

    total: how many there are on all pages; following: what `before` must be for the next page, if there is one.
    """

    total: int
    drawings: Sequence[Feedback]
    following: int | None


class Gallery:
    """The store as the person who runs this sees it. Every method raises StoreError while it is out of reach."""

    def __init__(self, store: FeedbackStore) -> None:
        self._store = store

    def page(
        self,
        limit: int,
        before: int | None = None,
        label: int | None = None,
        wrong: bool = False,
        doubted: Sequence[str] | None = None,
    ) -> Page:
        """Give the newest `limit` drawings whose number is below `before`.

        wrong: only those that were read as another digit; doubted: only those of these ids that nobody vouched for.
        """
        with self._store.session() as session:
            if doubted is None:
                total, numbers = _newest(session, limit + 1, before, label, wrong)
            else:
                total, numbers = _newest_of(session, doubted, limit + 1, before, label, wrong)
            query = select(Feedback).options(defer(Feedback.original)).where(Feedback.number.in_(numbers[:limit]))
            drawings = session.scalars(query.order_by(Feedback.number.desc())).all()
        return Page(total, drawings, numbers[limit - 1] if len(numbers) > limit else None)

    def newest(self) -> tuple[int, int]:
        """Give the highest numbers of the drawings and of the actions: any change of the store changes one."""
        with self._store.session() as session:
            drawing = session.scalar(select(func.max(Feedback.number)))
            action = session.scalar(select(func.max(Action.number)))
        return drawing or 0, action or 0

    def accept(self, feedback_id: str) -> None:
        """Vouch for a drawing's label. Raises UnknownFeedback."""
        self._act(
            Action(kind="accept", feedback_id=feedback_id), update(Feedback).values(accepted_at=datetime.now(UTC))
        )

    def correct(self, feedback_id: str, label: int) -> None:
        """Give a drawing another label and vouch for it. Raises UnknownFeedback."""
        corrected = update(Feedback).values(label=label, accepted_at=datetime.now(UTC))
        self._act(Action(kind="correct", feedback_id=feedback_id, label=label), corrected)

    def delete(self, feedback_id: str) -> None:
        """Delete a drawing. Raises UnknownFeedback."""
        self._act(Action(kind="delete", feedback_id=feedback_id), delete(Feedback))

    def withdraw(self, feedback_id: str, key: str) -> None:
        """Delete a drawing for whoever got this key for it. Raises UnknownFeedback, or WrongKey."""
        try:
            its_own = Feedback.key_digest == digest_of(key)
            self._act(Action(kind="delete", feedback_id=feedback_id), delete(Feedback).where(its_own))
        except UnknownFeedback:
            with self._store.session() as session:
                if session.scalar(select(Feedback.number).where(Feedback.id == feedback_id)) is None:
                    raise
            raise WrongKey(feedback_id) from None

    def request(self, kind: str, version: str | None = None) -> int:
        """Ask the watching trainer for something; return the request's number."""
        with self._store.session() as session:
            action = Action(kind=kind, version=version)
            session.add(action)
            session.commit()
            return action.number

    def _act(self, action: Action, statement: Update | Delete) -> None:
        with self._store.session() as session:
            # This first: it waits for other writers, where a question before it could leave it outdated.
            changed = session.connection().execute(statement.where(Feedback.id == action.feedback_id))
            if changed.rowcount == 0:
                raise UnknownFeedback(action.feedback_id)
            session.add(action)
            session.commit()


def digest_of(key: str) -> str:
    """Give what the store keeps of a drawing's key: who reads the store can delete nobody's drawings by it."""
    return hashlib.sha256(key.encode()).hexdigest()


def _newest(session: Session, limit: int, before: int | None, label: int | None, wrong: bool) -> tuple[int, list[int]]:
    """Give how many drawings are wanted, and the highest of their numbers below `before`."""
    wanted: list[ColumnElement[bool]] = []
    if label is not None:
        wanted.append(Feedback.label == label)
    if wrong:
        wanted.append(Feedback.digit != Feedback.label)
    total = session.scalar(select(func.count()).select_from(Feedback).where(*wanted)) or 0
    query = select(Feedback.number).where(*wanted).order_by(Feedback.number.desc()).limit(limit)
    return total, list(session.scalars(query if before is None else query.where(Feedback.number < before)))


def _newest_of(
    session: Session, ids: Sequence[str], limit: int, before: int | None, label: int | None, wrong: bool
) -> tuple[int, list[int]]:
    """Do what `_newest` does, among the drawings of these ids that nobody vouched for."""
    query = select(Feedback.number, Feedback.label, Feedback.digit).where(Feedback.accepted_at.is_(None))
    numbers: list[int] = []
    for start in range(0, len(ids), IDS_A_QUESTION):
        # Asked for by their ids alone: SQLite would rather walk through all drawings of a label.
        rows = session.execute(query.where(Feedback.id.in_(ids[start : start + IDS_A_QUESTION])))
        numbers += [
            number
            for number, its_label, digit in rows
            if label in (None, its_label) and not (wrong and digit in (None, its_label))
        ]
    numbers.sort(reverse=True)
    return len(numbers), [number for number in numbers if before is None or number < before][:limit]
