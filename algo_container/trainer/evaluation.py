"""Measure a trained network on rows it never saw."""

import base64
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from trainer.augmentation import choose_pens
from trainer.dataset import LABELS, Digits
from trainer.graphs import compiled
from trainer.inference import BLOCK_ROWS, infer
from trainer.rendering import render
from trainer.strokes import Strokes

# What report.json holds: numbers, lists and dictionaries of them, under names that say what they are.
Report = dict[str, Any]

WORST_MISTAKES = 50
CALIBRATION_GROUPS = 10


def predict(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Give the probabilities float32 (n, 10) for pictures float32 (n, 28, 28, 1) in 0..1."""
    probabilities: np.ndarray = infer(model, pictures)
    return probabilities


def evaluate(probabilities: np.ndarray, test: Digits) -> Report:
    """Report accuracy with its 95 % Wilson interval, precision and recall a digit, confusions, worst mistakes.

    probabilities: what the network makes of the test digits. A mistake is the worse, the less probability it left for
    the true digit.
    """
    answers = probabilities.argmax(axis=1)
    truth = test.labels.astype(int)
    correct = int((answers == truth).sum())
    interval = binomtest(correct, len(truth)).proportion_ci(confidence_level=0.95, method="wilson")
    precision, recall, _, support = precision_recall_fscore_support(truth, answers, labels=LABELS, zero_division=0)
    true_probability = probabilities[np.arange(len(truth)), truth]
    wrong = np.flatnonzero(answers != truth)
    worst = wrong[np.argsort(true_probability[wrong], kind="stable")][:WORST_MISTAKES]
    return {
        "dataset": test.source["file"],
        "n": len(truth),
        "correct": correct,
        "accuracy": correct / len(truth),
        "accuracy_ci95": [float(interval.low), float(interval.high)],
        "digits": [
            {"digit": d, "n": int(support[d]), "precision": float(precision[d]), "recall": float(recall[d])}
            for d in LABELS
        ],
        "calibration": calibration(probabilities, truth),
        "confusion_matrix": confusion_matrix(truth, answers, labels=LABELS).tolist(),
        "worst_mistakes": [
            {
                "row": int(row) + 1,
                "label": int(truth[row]),
                "answer": int(answers[row]),
                "confidence": float(probabilities[row, answers[row]]),
                "label_probability": float(true_probability[row]),
                "pixels": base64.b64encode(test.pixels[row].tobytes()).decode(),
            }
            for row in worst
        ],
    }


def metrics(report: Report) -> dict[str, object]:
    """Take what a manifest says of a report."""
    return {name: report[name] for name in ("dataset", "n", "correct", "accuracy", "accuracy_ci95")}


def draw_once(strokes: Strokes, seed: int) -> np.ndarray:
    """Draw each drawing as its writer made it, with a pen of its own: float32 (n, 28, 28, 1)."""
    blocks = [
        strokes[np.arange(start, min(start + BLOCK_ROWS, len(strokes)))] for start in range(0, len(strokes), BLOCK_ROWS)
    ]
    pictures = [_draw(block.points, block.pen, tf.constant([seed, number])) for number, block in enumerate(blocks)]
    return np.concatenate(pictures)


def evaluate_drawn(probabilities: np.ndarray, strokes: Strokes) -> Report:
    """Report how many of the drawings of unseen writers are read right: all, and as a mean over writers.

    probabilities: what the network makes of them, drawn.
    """
    right = probabilities.argmax(axis=1) == strokes.labels
    shares = [float(right[strokes.writers == writer].mean()) for writer in np.unique(strokes.writers)]
    return {
        "n": len(right),
        "writers": len(shares),
        "correct": int(right.sum()),
        "accuracy": float(right.mean()),
        "mean_over_writers": float(np.mean(shares)),
        "worst_writer": min(shares),
        "calibration": calibration(probabilities, strokes.labels),
    }


@compiled
def _draw(points: tf.Tensor, pen: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return render(points, pen, *choose_pens(tf.shape(points)[0], seed))


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> Report:
    """Report how well confidences fit: ten groups of equally many answers, from the least sure to the surest.

    Expected calibration error: the mean distance between what a group said and how often it was right.
    """
    confidences, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    groups = [
        group for group in np.array_split(np.argsort(confidences, kind="stable"), CALIBRATION_GROUPS) if group.size
    ]
    rows = [
        {"n": len(group), "confidence": float(confidences[group].mean()), "right": float(right[group].mean())}
        for group in groups
    ]
    error = sum(row["n"] * abs(row["confidence"] - row["right"]) for row in rows) / len(labels)
    return {"n": len(labels), "expected_calibration_error": error, "groups": rows}


def summary(report: Report) -> str:
    """Put the report into the words and the table that a person reads at the end of a training."""
    low, high = report["accuracy_ci95"]
    lines = [
        f"{report['accuracy']:.2%} of the {report['n']} digits of {report['dataset']} are read right "
        f"(95 % interval {low:.2%} to {high:.2%}; {report['n'] - report['correct']} mistakes)",
        "",
        "digit      n  precision  recall",
        *(
            f"{row['digit']:>5} {row['n']:>6} {row['precision']:>10.2%} {row['recall']:>7.2%}"
            for row in report["digits"]
        ),
        "",
        "confusions: a row for what was written, a column for what was read",
        "      " + "".join(f"{digit:>6}" for digit in LABELS),
        *(
            f"{digit:>6}" + "".join(f"{count:>6}" for count in counts)
            for digit, counts in zip(LABELS, report["confusion_matrix"], strict=True)
        ),
    ]
    error = report["calibration"]["expected_calibration_error"]
    lines += ["", f"its confidence is off by {error:.2%} (expected calibration error)"]
    if "drawn" in report:
        drawn = report["drawn"]
        lines.append(
            f"{drawn['accuracy']:.2%} of {drawn['n']} drawings by {drawn['writers']} unseen writers are read right "
            f"(mean over writers {drawn['mean_over_writers']:.2%}, worst {drawn['worst_writer']:.2%})"
        )
    if report["worst_mistakes"]:
        lines += ["", "worst mistakes (all of the first 50 in report.json and mistakes.png):"]
        lines += [
            f"  row {row['row']}: a {row['label']} read as {row['answer']} ({row['confidence']:.0%} sure)"
            for row in report["worst_mistakes"][:10]
        ]
    return "\n".join(lines)
