"""Teach the model in service what people said they meant, without letting it forget what it was taught before."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.attempts import note
from trainer.dataset import Digits, Part, normalise
from trainer.digit_forms import draw_digits
from trainer.evaluation import Report, draw_once, evaluate, evaluate_drawn, metrics, predict, summary
from trainer.feedback_store import Contents, Labelled
from trainer.gate import SERVED, Comparison, Examination, judge
from trainer.label_checks import held_back
from trainer.lesson import Lesson
from trainer.non_digits import draw_non_digits
from trainer.parent import Parent, read_base, read_parent
from trainer.people import LEAST_EXAMINED, Sides, as_pictures, as_strokes, digest, take_sides
from trainer.progress import Progress
from trainer.publishing import check_writable, publish
from trainer.record import write_record
from trainer.sources import Sources
from trainer.status import JobStatus, tell, utc_now
from trainer.strokes import Drawing, Strokes, split_by_writer
from trainer.training import Recipe, fit, make_reproducible

# Chosen on writers whom five models had not seen (benchmarks/README.md): how far the feedback pulls, and what holds.
EPOCHS, STEPS, BATCH_SIZE, PEAK_LEARNING_RATE, AVERAGED_STEPS = 6, 150, 128, 3e-3, 200
FEEDBACK_STROKES_SHARE, FEEDBACK_PICTURES_SHARE = 0.35, 0.1
STROKES_SHARE, FORMS_SHARE, NON_DIGITS_SHARE = 0.04, 0.06, 0.05
# What the parent is least sure of is where a new hand first pushes an old one out.
UNSURE_ROWS, UNSURE_SHARE = 6_000, 0.35
# Of the feedback, what the parent reads worst comes twice as often as the rest.
MISREAD_SHARE = 0.2
# How much of it is kept; the second, if the gate finds that with the first too much is forgotten.
KEPT_OF_LEARNED = (0.6, 0.3)
FORMS, NON_DIGITS = 4_000, 6_000
# To compare labels with: as many examples as make the thresholds steady.
TRUSTED_ROWS = 5_000
EXAMINED_FORMS, EXAMINED_SEED = 2_000, 0


@dataclass(frozen=True)
class Taught:
    """What the models before were taught, to be replayed. strokes and drawings are the same, in both forms."""

    train: Digits
    test: Digits
    strokes: Strokes | None
    drawings: list[Drawing]
    data: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Outcome:
    """How a retraining ended: "served", "refused", "nothing" (to learn) or "stopped"; version: of what came out."""

    verdict: str
    version: str | None = None
    reason: str | None = None


def retrain(
    contents: Contents,
    taught: Taught,
    shared_dir: Path,
    seed: int,
    min_accuracy: float,
    status: JobStatus,
) -> Outcome:
    """Check the feedback, teach it to a copy of the model in service, and let the gate decide which of them serves.

    Raises RetrainError if the model in service cannot be taught, PublishError if the folder cannot be written.
    """
    check_writable(shared_dir)
    progress = Progress(sys.stdout, EPOCHS, status)
    make_reproducible(seed)
    parent = read_parent(shared_dir)
    looked_at = {
        "parent": parent.version,
        "through": contents.through,
        "actions_through": contents.actions_through,
    }

    status.enters("checking")
    trusted = trusted_part(taught, seed)
    opinion = parent.opinion(as_pictures(contents.drawings).x)
    held = held_back(contents.drawings, opinion, trusted.y.astype(int), parent.opinion(trusted.x))
    checks = {"checked_at": utc_now(), "model_version": parent.version}
    tell(shared_dir, "checks.json", {**checks, "held_back": [{"id": name, **facts} for name, facts in held.items()]})
    progress.say(
        f"{len(contents.drawings)} drawings with labels, {len(held)} of them held back for a person to look at"
    )
    known = (parent.manifest.get("feedback") or {}).get("learned", {})
    sides = take_sides([drawing for drawing in contents.drawings if drawing.id not in held], known, seed)
    if not sides.examined:
        note(shared_dir, **looked_at)
        return Outcome("nothing", reason=too_little(contents, held, known))

    status.enters("learning")
    progress.say(
        f"{len(sides.learned)} to learn from, {len(sides.examined)} to be examined on, told apart by {sides.by}"
    )
    lesson = parent.lesson(seed)
    replayed, examined = split_drawn(taught, parent)
    sources = gather(sides.learned, taught, replayed, parent, seed)
    recipe = Recipe(EPOCHS, BATCH_SIZE, seed, STEPS, PEAK_LEARNING_RATE, AVERAGED_STEPS, averaged_share=1.0)
    training = fit(lesson, sources, None, recipe, progress)
    if training.interrupted:
        return Outcome("stopped", reason="a person stopped it; nothing is published")

    status.enters("examining")
    papers, learned = set_papers(parent, read_base(shared_dir, parent), sides, taught, examined), lesson.get_weights()
    for kept in KEPT_OF_LEARNED:
        lesson.set_weights(learned)
        parent.blend(lesson, kept)
        report, gate = examine(lesson, papers, taught, min_accuracy)
        if gate["verdict"] == SERVED:
            break
    progress.say(summary(report))
    status.enters("publishing")
    facts = {
        "parent": parent.version,
        "base": parent.base,
        "metrics": metrics(report),
        "training": {
            "rows": len(sides.learned),
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "seed": seed,
            "validation_share": 0.0,
            "steps": STEPS,
            "learning_rate": PEAK_LEARNING_RATE,
            "kept_of_learned": kept,
            "duration_s": round(training.duration_s, 1),
        },
        "data": taught.data,
        "feedback": {
            "learned": {drawing.id: drawing.label for drawing in sides.learned},
            "examined": {drawing.id: drawing.label for drawing in sides.examined},
            "held_back": len(held),
            "digest": digest([*sides.learned, *sides.examined]),
            "through": contents.through,
            "actions_through": contents.actions_through,
        },
        "gate": gate,
    }

    def write_extras(folder: Path) -> None:
        write_record(folder, training.history, report, taught.test, progress.lines)

    version = publish(lesson.network, lesson.is_digit, shared_dir, taught.test, facts, write_extras)
    note(shared_dir, **looked_at)
    return Outcome(gate["verdict"], version, "; ".join(gate["reasons"]) or None)


def trusted_part(taught: Taught, seed: int) -> Part:
    """Choose examples whose labels are known, scanned ones and drawn ones, to compare labels with."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(taught.train))[:TRUSTED_ROWS]
    scanned = Part(normalise(taught.train.pixels[rows]), taught.train.labels[rows])
    drawn = taught.strokes or draw_digits(TRUSTED_ROWS, seed)[0]
    drawn = drawn[rng.permutation(len(drawn))[:TRUSTED_ROWS]]
    return Part(
        np.concatenate([scanned.x, draw_once(drawn, seed)]),
        np.concatenate([scanned.y, drawn.labels.astype(np.uint8)]),
    )


def too_little(contents: Contents, held: Mapping[str, object], known: Mapping[str, object]) -> str:
    """Say why there is nothing to learn."""
    return (
        f"of {len(contents.drawings)} drawings {len(held)} are held back and {len(known)} have been learned before: "
        f"too few are new, expected at least {2 * LEAST_EXAMINED}, half of them to be examined on"
    )


def split_drawn(taught: Taught, parent: Parent) -> tuple[tuple[Strokes | None, list[Drawing]], tuple[str, Strokes]]:
    """Hold out the writers whom the base has not learned from either; where there are none, forms of another seed."""
    training, data = parent.base["training"], parent.base["data"]
    strokes = taught.data.get("strokes")
    if (
        taught.strokes is not None
        and strokes is not None
        and data.get("strokes", {}).get("sha256") == strokes["sha256"]
    ):
        kept, drawings, held = split_by_writer(
            taught.strokes, taught.drawings, training["validation_share"], training["seed"]
        )
        if held is not None:
            return (kept, drawings), ("strokes", held)
    return (taught.strokes, taught.drawings), ("forms", draw_digits(EXAMINED_FORMS, EXAMINED_SEED)[0])


def gather(
    learned: Sequence[Labelled],
    taught: Taught,
    replayed: tuple[Strokes | None, list[Drawing]],
    parent: Parent,
    seed: int,
) -> Sources:
    """Put the feedback together with what was taught before, the part that is easily forgotten above all."""
    forms, shapes = draw_digits(FORMS, seed + 1)
    strokes, drawings = replayed
    non_digits = draw_non_digits(NON_DIGITS, seed + 1, [*drawings, *shapes])
    scanned = Part(normalise(taught.train.pixels), taught.train.labels)
    probabilities = predict(parent.network, scanned.x)[np.arange(len(scanned.y)), scanned.y]
    unsure = np.argsort(probabilities, kind="stable")[:UNSURE_ROWS]
    heard = with_emphasis(learned, parent)
    pictures = [
        (as_pictures(heard), FEEDBACK_PICTURES_SHARE),
        (Part(scanned.x[unsure], scanned.y[unsure]), UNSURE_SHARE),
    ]
    drawn = [(forms, FORMS_SHARE), (non_digits, NON_DIGITS_SHARE)]
    if strokes is not None:
        drawn.append((strokes, STROKES_SHARE))
    if (feedback_strokes := as_strokes(heard)) is not None:
        drawn.append((feedback_strokes, FEEDBACK_STROKES_SHARE))
    return Sources(scanned, tuple(drawn), tuple(pictures))


def with_emphasis(learned: Sequence[Labelled], parent: Parent) -> list[Labelled]:
    """Repeat the drawings that the parent reads worst: they are what a person wanted to be learned."""
    part = as_pictures(learned)
    probabilities = predict(parent.network, part.x)[np.arange(len(part.y)), part.y]
    worst = np.argsort(probabilities, kind="stable")[: round(MISREAD_SHARE * len(learned))]
    return [*learned, *(learned[row] for row in worst)]


@dataclass(frozen=True)
class Paper:
    """Pictures that no candidate learned from, their labels, and what older models, by name, make of them."""

    pictures: np.ndarray
    labels: np.ndarray
    older: dict[str, np.ndarray]

    def against(self, name: str, candidate: np.ndarray) -> Examination:
        """Lay a candidate's answers beside those of an older model."""
        return Examination(self.labels, self.older[name], candidate)


@dataclass(frozen=True)
class Papers:
    """All that a candidate is examined on. by, drawn_of: as the manifest's `gate` has them."""

    mnist: Paper
    drawn: Paper
    feedback: Paper
    strokes: Strokes
    by: str
    drawn_of: str


def set_papers(
    parent: Parent, base: keras.Sequential | None, sides: Sides, taught: Taught, examined: tuple[str, Strokes]
) -> Papers:
    """Make the pictures and ask the older models, once for all candidates."""
    older = {"parent": parent.network} if base is None else {"parent": parent.network, "base": base}
    drawn_of, strokes = examined

    def paper(pictures: np.ndarray, labels: np.ndarray) -> Paper:
        answers = {name: predict(network, pictures) for name, network in older.items()}
        return Paper(pictures, labels.astype(int), answers)

    heard = as_pictures(sides.examined)
    return Papers(
        paper(normalise(taught.test.pixels), taught.test.labels),
        paper(draw_once(strokes, EXAMINED_SEED), strokes.labels),
        paper(heard.x, heard.y),
        strokes,
        sides.by,
        drawn_of,
    )


def examine(lesson: Lesson, papers: Papers, taught: Taught, min_accuracy: float) -> tuple[Report, dict[str, Any]]:
    """Report on the candidate, and let the gate compare it with its parent and with what both began with."""
    on_test, on_drawn, on_feedback = (
        predict(lesson.network, paper.pictures) for paper in (papers.mnist, papers.drawn, papers.feedback)
    )
    report = evaluate(on_test, taught.test)
    if papers.drawn_of == "strokes":
        report["drawn"] = evaluate_drawn(on_drawn, papers.strokes)
    older = {
        name: Comparison(name, papers.mnist.against(name, on_test), papers.drawn.against(name, on_drawn))
        for name in papers.mnist.older
    }
    on_heard = papers.feedback.against("parent", on_feedback)
    gate = judge(older["parent"], older.get("base"), on_heard, papers.by, papers.drawn_of, min_accuracy)
    return report, gate
