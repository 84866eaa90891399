"""How many numbers of several digits are read right, through `/read`.

    make bench-numbers STROKES=file.jsonl.gz

Each number is composed of digits of one writer, in their own sizes: for each writer, each length from 1 to 6 and each
spacing a few, their digits and samples drawn by one random generator with a fixed seed. Apart, the paper between two
digits is uniform in 0.1 to 0.4 of their mean height; touching, their boxes overlap by up to half a line's width;
overlapping, the next digit is moved to the left until its line reaches up to half a line's width into the one before,
but no further than a quarter of the height past its edge, as in hasty writing. A digit stands up to 0.08 of the height
above or below the others; the mean height is uniform in 60 to 140 px, the line in 0.07 to 0.14 of it. What counts is
the share of numbers of which every digit is right and none is too many.

Nobody is read by a network that has seen their hand (`drawn.py`). The constants of `digit_ui/pieces.py` and
`digit_ui/number.py` were chosen on the writers of one fold; the share over the others stands beside that over all.
"""

import argparse
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from drawn import BOOTSTRAPS, SUPERSAMPLING, data_url, serve
from folds import FOLDS, FOLDS_DIR, SEED, TUNED_ON_FOLD, read_samples, unseen_writers
from PIL import Image, ImageDraw
from results import Spread, Table, save
from scipy.spatial import cKDTree

LENGTHS = range(1, 7)
SPACINGS = ("apart", "touching", "overlapping")
FORMS = ("as pictures", "as strokes")
MARGIN_PX = 20
MAX_OVERLAP = 0.25


@dataclass(frozen=True)
class Number:
    """A number as it was written: its picture as a data URL, and its strokes in pixels of that."""

    text: str
    writer: str
    spacing: str
    png: str
    strokes: list


@dataclass(frozen=True)
class Answer:
    """What was read, and how long it took."""

    number: Number
    form: str
    read: str
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether every digit is."""
        return self.read == self.number.text


def main() -> None:
    """Compose numbers of every writer, have them read in both forms, and save the shares."""
    parser = argparse.ArgumentParser(description="Measure the share of numbers of several digits that is read right.")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("--each", type=int, default=3, help="numbers of each writer, length and spacing")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), help="whose writers to read")
    chosen = parser.parse_args()
    samples = read_samples(chosen.strokes)
    answers = []
    for fold in chosen.folds:
        client = serve(FOLDS_DIR / str(fold))
        for writer in unseen_writers(samples, fold):
            answers += ask(client, compose_all(samples, writer, chosen.each))
    tuned_on = set(unseen_writers(samples, TUNED_ON_FOLD))
    rows = [share_row(answers, form, spacing, tuned_on) for form in FORMS for spacing in SPACINGS]
    lengths = [length_row(answers, form, spacing) for form in FORMS for spacing in SPACINGS]
    times = [time_row(answers, form) for form in FORMS]
    for row in (*rows, *lengths, *times):
        print(" | ".join(row))
    if chosen.folds == list(range(FOLDS)):
        columns = ["sent as", "digits", "numbers", "read right", "95 % interval", "worst writer", "not tuned on"]
        save(
            "read_numbers",
            "make bench-numbers STROKES=file.jsonl.gz",
            {
                "wrong": [
                    [a.form, a.number.spacing, a.number.writer, a.number.text, a.read]
                    for a in answers
                    if not a.is_right
                ]
            },
            [
                Table("Numbers of which every digit is read right", columns, rows),
                Table("By how many digits they have", ["sent as", "digits", *map(str, LENGTHS)], lengths),
                Table("Time of a request, in the process of the client", ["sent as", *map(str, LENGTHS)], times),
            ],
        )


def ask(client, numbers: list[Number]) -> list[Answer]:  # noqa: ANN001 # Flask's test client
    """Have numbers read in both forms."""
    answers = []
    for number in numbers:
        for form, body in zip(FORMS, ({"image": number.png}, {"strokes": number.strokes}), strict=True):
            start = time.perf_counter()
            answer = client.post("/read", json=body).get_json(force=True)
            answers.append(Answer(number, form, answer.get("number", ""), time.perf_counter() - start))
    return answers


def compose_all(samples: list[dict], writer: str, each: int) -> list[Number]:
    """Compose a writer's numbers; the same for the same writer, whoever else is measured."""
    rng = np.random.default_rng([SEED, *writer.encode()])
    by_label = defaultdict(list)
    for sample in samples:
        if sample["writer"] == writer:
            by_label[sample["label"]].append(sample["strokes"])
    numbers = []
    for spacing in SPACINGS:
        for length in LENGTHS:
            for _ in range(each):
                labels = rng.integers(0, 10, length).tolist()
                digits = [by_label[label][rng.integers(len(by_label[label]))] for label in labels]
                strokes, width = place(digits, spacing, rng)
                numbers.append(
                    Number(
                        "".join(map(str, labels)),
                        writer,
                        spacing,
                        data_url(draw(strokes, width)),
                        [np.round(stroke, 1).tolist() for stroke in strokes],
                    )
                )
    return numbers


def place(digits: list[list], spacing: str, rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
    """Write digits beside each other; give their strokes in pixels, and the line's width."""
    height = rng.uniform(60, 140)
    width = height * rng.uniform(0.07, 0.14)
    spans = [np.ptp(np.concatenate([np.array(stroke) for stroke in digit])[:, 1]) for digit in digits]
    scale = height / max(statistics.mean(spans), 1)
    placed: list[np.ndarray] = []
    before: np.ndarray | None = None  # the digit before
    for digit in digits:
        strokes = [np.array(stroke, dtype=float) * scale for stroke in digit]
        points = np.concatenate(strokes)
        shift = np.array([-points[:, 0].min(), -points[:, 1].max() + rng.uniform(-0.08, 0.08) * height])
        own = np.concatenate([dense(stroke + shift) for stroke in strokes])
        if before is not None:
            gap = width + rng.uniform(0.1, 0.4) * height if spacing != "touching" else width * rng.uniform(0.5, 1)
            shift[0] += before[:, 0].max() + gap
            own[:, 0] += before[:, 0].max() + gap
            if spacing == "overlapping":
                nearer = distance_to_touch(before, own, width * rng.uniform(0.5, 1), MAX_OVERLAP * height)
                shift[0] -= nearer
                own[:, 0] -= nearer
        placed += [stroke + shift for stroke in strokes]
        before = own
    low = np.concatenate(placed).min(axis=0)
    return [stroke - low + MARGIN_PX + width / 2 for stroke in placed], width


def dense(stroke: np.ndarray) -> np.ndarray:
    """Put a point at every pixel of a stroke."""
    parts = [np.linspace(start, stop, max(2, int(np.hypot(*(stop - start))) + 1)) for start, stop in pairwise(stroke)]
    return np.concatenate([stroke[:1], *parts])


def distance_to_touch(before: np.ndarray, own: np.ndarray, wanted: float, most: float) -> float:
    """Say how far to move a digit to the left until its points come as near as `wanted` to those before it.

    most: pixels by which it may reach past the other's right edge, should they not touch before.
    """
    tree = cKDTree(before)
    farthest = own[:, 0].min() - before[:, 0].max() + most
    for moved in np.arange(0, farthest):
        if tree.query(own - [moved, 0])[0].min() <= wanted:
            return float(moved)
    return float(farthest)


def draw(strokes: list[np.ndarray], width: float) -> Image.Image:
    """Draw black on white, round caps and joins, anti-aliased."""
    size = np.ceil(np.concatenate(strokes).max(axis=0) + MARGIN_PX + width / 2).astype(int)
    image = Image.new("L", tuple((size * SUPERSAMPLING).tolist()), 255)
    pen = ImageDraw.Draw(image)
    radius = width * SUPERSAMPLING / 2
    for stroke in strokes:
        path = [(float(x), float(y)) for x, y in stroke * SUPERSAMPLING]
        if len(path) > 1:
            pen.line(path, fill=0, width=round(2 * radius))
        for x, y in path:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return image.reduce(SUPERSAMPLING)


def share_row(answers: list[Answer], form: str, spacing: str, tuned_on: set[str]) -> list[str]:
    """Say how many are right, with a 95 % bootstrap interval over writers."""
    by_writer = defaultdict(list)
    for answer in answers:
        if (answer.form, answer.number.spacing) == (form, spacing):
            by_writer[answer.number.writer].append(answer.is_right)
    shares = np.array([statistics.mean(rights) for rights in by_writer.values()])
    resampled = np.random.default_rng(SEED).choice(shares, (BOOTSTRAPS, len(shares))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    untuned = [right for writer, rights in by_writer.items() if writer not in tuned_on for right in rights]
    return [
        form,
        spacing,
        f"{sum(map(len, by_writer.values()))}",
        f"{shares.mean():.1%}",
        f"{100 * low:.1f} to {100 * high:.1f} %",
        f"{shares.min():.1%}",
        f"{statistics.mean(untuned):.1%} (n {len(untuned)})" if untuned else "",
    ]


def length_row(answers: list[Answer], form: str, spacing: str) -> list[str]:
    """Say how many are right of each length."""
    rights = defaultdict(list)
    for answer in answers:
        if (answer.form, answer.number.spacing) == (form, spacing):
            rights[len(answer.number.text)].append(answer.is_right)
    return [form, spacing, *(f"{statistics.mean(rights[length]):.1%} (n {len(rights[length])})" for length in LENGTHS)]


def time_row(answers: list[Answer], form: str) -> list[str]:
    """Say how long a number of each length takes."""
    times = defaultdict(list)
    for answer in answers:
        if answer.form == form:
            times[len(answer.number.text)].append(1000 * answer.seconds)
    return [form, *(Spread(times[length]).text("ms", 0) for length in LENGTHS)]


if __name__ == "__main__":
    main()
