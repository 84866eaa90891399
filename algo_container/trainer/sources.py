"""What a training step is made of: scanned digits, pen strokes, drawn forms, and what is no digit."""

from dataclasses import dataclass

import keras
import numpy as np

from trainer.dataset import Part
from trainer.digit_forms import draw_digits
from trainer.non_digits import draw_non_digits
from trainer.strokes import Drawing, Strokes

# Drawn in a training, for each scanned digit; they come back every few epochs, never alike.
FORMS_PER_DIGIT, NON_DIGITS_PER_DIGIT = 0.2, 0.4
LEAST_DRAWN = 500
# Shares of a step; without a stroke file the drawn forms take its part. The scanned digits take the rest.
STROKES_SHARE, FORMS_SHARE, NON_DIGITS_SHARE = 0.16, 0.06, 0.16


@dataclass(frozen=True)
class Sources:
    """All that can be trained on. scanned: from the CSV; drawings: one entry a kind, with its share of a step."""

    scanned: Part
    drawings: tuple[tuple[Strokes, float], ...]

    def drawn_rows(self, batch_size: int) -> list[int]:
        """Give how many rows of each kind of drawings a step of `batch_size` rows takes; none too few."""
        return [max(1, round(share * batch_size)) if share else 0 for _, share in self.drawings]

    def scanned_rows(self, batch_size: int) -> int:
        """Give how many scanned digits such a step takes; at least one."""
        return max(1, batch_size - sum(self.drawn_rows(batch_size)))


def gather(scanned: Part, strokes: Strokes | None, as_they_came: list[Drawing], seed: int) -> Sources:
    """Put together what there is. strokes: of the stroke file, and `as_they_came` the same drawings."""
    form_count, non_digit_count = (
        max(LEAST_DRAWN, round(share * len(scanned.y))) for share in (FORMS_PER_DIGIT, NON_DIGITS_PER_DIGIT)
    )
    forms, shapes = draw_digits(form_count, seed)
    non_digits = draw_non_digits(non_digit_count, seed, [*as_they_came, *shapes[: max(2_000, len(as_they_came))]])
    if strokes is None:
        return Sources(scanned, ((forms, STROKES_SHARE + FORMS_SHARE), (non_digits, NON_DIGITS_SHARE)))
    return Sources(scanned, ((strokes, STROKES_SHARE), (forms, FORMS_SHARE), (non_digits, NON_DIGITS_SHARE)))


class Steps(keras.utils.PyDataset):  # type: ignore[misc] # Keras comes without types
    """One epoch: every scanned digit, in another order each time, with drawings of every kind beside them.

    A step is ((pictures, points, pen), labels): pictures float32 (n, 28, 28, 1); points and pen as in Strokes, m of
    them; labels int32 (n + m,), those of the pictures first.
    """

    def __init__(self, sources: Sources, batch_size: int, seed: int) -> None:
        super().__init__()
        self._sources = sources
        self._rng = np.random.default_rng(seed)
        self._scanned_rows = sources.scanned_rows(batch_size)
        self._drawn_rows = sources.drawn_rows(batch_size)
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self._sources.scanned.y) // self._scanned_rows)

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        scanned = self._orders[0][step]
        drawn = [
            strokes[order[step]] for (strokes, _), order in zip(self._sources.drawings, self._orders[1:], strict=True)
        ]
        labels = [self._sources.scanned.y[scanned].astype(np.int32), *(strokes.labels for strokes in drawn)]
        points, pen = (np.concatenate([getattr(part, name) for part in drawn]) for name in ("points", "pen"))
        return (self._sources.scanned.x[scanned], points, pen), np.concatenate(labels)

    def on_epoch_end(self) -> None:
        """Put everything into another order."""
        self._shuffle()

    def _shuffle(self) -> None:
        counts = [len(self._sources.scanned.y), *(len(strokes) for strokes, _ in self._sources.drawings)]
        self._orders = [
            self._order(count, rows)
            for count, rows in zip(counts, [self._scanned_rows, *self._drawn_rows], strict=True)
        ]

    def _order(self, count: int, rows: int) -> np.ndarray:
        """Give the rows of each step, (steps, rows): a permutation of all, begun again where it does not suffice.

        So every step has the same size, and XLA compiles only once.
        """
        wanted = len(self) * rows
        rounds = [self._rng.permutation(count) for _ in range(-(-wanted // count))]
        return np.concatenate([*rounds, np.zeros(0, dtype=int)])[:wanted].reshape(len(self), rows)
