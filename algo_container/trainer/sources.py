"""What a training step is made of: scanned digits, pen strokes, drawn forms, and what is no digit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.dataset import Part
from trainer.digit_forms import draw_digits
from trainer.non_digits import draw_non_digits
from trainer.shards import Shards
from trainer.stream import Stream
from trainer.strokes import Drawing, Strokes

LEAST_DRAWN = 500
# Scanned digits beyond so many have no drawings made for them: those that there are come back more often, never alike.
MOST_DRAWN_FOR = 100_000


@dataclass(frozen=True)
class Mixture:
    """How much is drawn beside the scanned digits, which take the rest of a step.

    strokes, forms, non_digits: shares of a step; without a stroke file the forms take its part. forms_per_digit,
    non_digits_per_digit: made in a training for each scanned digit; they come back every few epochs, never alike.
    """

    strokes: float
    forms: float
    non_digits: float
    forms_per_digit: float
    non_digits_per_digit: float


THOROUGH = Mixture(0.16, 0.06, 0.16, forms_per_digit=0.2, non_digits_per_digit=0.4)
# Enough to know a pen's line and what is no digit; an epoch of it takes little longer than one of scanned digits alone.
QUICK = Mixture(1 / 16, 1 / 32, 1 / 16, forms_per_digit=0.03, non_digits_per_digit=0.06)


@dataclass(frozen=True)
class Sources:
    """All that can be trained on, each kind with its share of a step.

    scanned: from the CSV, or from shards that are read anew for each epoch; takes the rest of a step.
    """

    scanned: Part | Shards
    drawings: tuple[tuple[Strokes, float], ...]
    pictures: tuple[tuple[Part, float], ...] = ()

    def rows(self, batch_size: int) -> list[int]:
        """Give how many rows of each kind a step of `batch_size` rows takes: scanned, pictures, drawings.

        None too few: of each kind that has a share at least one.
        """
        shares = [share for _, share in (*self.pictures, *self.drawings)]
        others = [max(1, round(share * batch_size)) if share else 0 for share in shares]
        return [max(1, batch_size - sum(others)), *others]

    def steps(self, batch_size: int) -> int:
        """Say in how many steps every scanned digit is shown once."""
        return -(-len(self.scanned) // self.rows(batch_size)[0])


def gather(
    scanned: Part | Shards, strokes: Strokes | None, as_they_came: list[Drawing], seed: int, mixture: Mixture = THOROUGH
) -> Sources:
    """Put together what there is. strokes: of the stroke file, and `as_they_came` the same drawings."""
    form_count, non_digit_count = (
        max(LEAST_DRAWN, round(share * min(len(scanned), MOST_DRAWN_FOR)))
        for share in (mixture.forms_per_digit, mixture.non_digits_per_digit)
    )
    forms, shapes = draw_digits(form_count, seed)
    non_digits = draw_non_digits(non_digit_count, seed, [*as_they_came, *shapes[: max(2_000, len(as_they_came))]])
    if strokes is None:
        return Sources(scanned, ((forms, mixture.strokes + mixture.forms), (non_digits, mixture.non_digits)))
    drawn = ((strokes, mixture.strokes), (forms, mixture.forms), (non_digits, mixture.non_digits))
    return Sources(scanned, drawn)


class Steps:
    """One epoch: every scanned digit, in an order that follows from the seed, and others of every kind beside them.

    Or, where `steps` says so, only that many steps with as many of the scanned digits as they take.

    Of shards the steps have to be taken in order; which of them the caller asks for makes no difference.

    A step is ((pictures, points, pen), labels): pictures float32 (n, 28, 28, 1); points and pen as in Strokes, m of
    them; labels int32 (n + m,), those of the pictures first.
    """

    def __init__(self, sources: Sources, batch_size: int, seed: int | Sequence[int], steps: int | None = None) -> None:
        self._scanned = sources.scanned
        self._pictures = [part for part, _ in sources.pictures]
        self._strokes = [strokes for strokes, _ in sources.drawings]
        self._rng = np.random.default_rng(seed)
        self._rows = sources.rows(batch_size)
        self._steps = steps or sources.steps(batch_size)
        if isinstance(self._scanned, Shards):
            stream = Stream(self._scanned, np.random.default_rng(self._rng.integers(1 << 32)), self._rows[0])
            self._take: Callable[[int], Part] = lambda _: Part(*stream.take())
        else:
            part, order = self._scanned, self._order(len(self._scanned), self._rows[0])
            self._take = lambda step: Part(part.x[order[step]], part.y[order[step]])
        counts = [*map(len, self._pictures), *map(len, self._strokes)]
        self._orders = [self._order(count, rows) for count, rows in zip(counts, self._rows[1:], strict=True)]

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        scanned = self._take(step)
        rows = [order[step] for order in self._orders]
        pictures = [Part(part.x[chosen], part.y[chosen]) for part, chosen in zip(self._pictures, rows, strict=False)]
        drawn = [strokes[chosen] for strokes, chosen in zip(self._strokes, rows[len(pictures) :], strict=True)]
        labels = [*(part.y.astype(np.int32) for part in (scanned, *pictures)), *(part.labels for part in drawn)]
        points, pen = (np.concatenate([getattr(part, name) for part in drawn]) for name in ("points", "pen"))
        seen = np.concatenate([part.normalised for part in (scanned, *pictures)])
        return (seen, points, pen), np.concatenate(labels)

    def __iter__(self) -> Iterator[tuple[tuple[np.ndarray, ...], np.ndarray]]:
        return map(self.__getitem__, range(len(self)))

    def skip(self, steps: int) -> None:
        """Leave out the first steps of an epoch, which another process has taken."""
        if isinstance(self._scanned, Shards):
            for step in range(steps):
                self._take(step)

    def _order(self, count: int, rows: int) -> np.ndarray:
        """Give the rows of each step, (steps, rows): a permutation of all, begun again where it does not suffice.

        So every step has the same size, and XLA compiles only once.
        """
        wanted = len(self) * rows
        rounds = [self._rng.permutation(count) for _ in range(-(-wanted // count))] if wanted else []
        return np.concatenate([*rounds, np.zeros(0, dtype=int)])[:wanted].reshape(len(self), rows)
