"""Measure a trained network on rows it never saw."""

from typing import Any

import keras
import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from trainer.dataset import LABELS, Digits, normalise

# What report.json holds: numbers, lists and dictionaries of them, under names that say what they are.
Report = dict[str, Any]

WORST_MISTAKES = 50
PREDICT_ROWS = 1_000


def evaluate(model: keras.Model, test: Digits) -> Report:
    """Report accuracy with its 95 % Wilson interval, precision and recall a digit, confusions, worst mistakes.

    A mistake is the worse, the less probability the network left for the true digit.
    """
    probabilities = model.predict(normalise(test.pixels), batch_size=PREDICT_ROWS, verbose=0)
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
        "confusion_matrix": confusion_matrix(truth, answers, labels=LABELS).tolist(),
        "worst_mistakes": [
            {
                "row": int(row) + 1,
                "label": int(truth[row]),
                "answer": int(answers[row]),
                "confidence": float(probabilities[row, answers[row]]),
                "label_probability": float(true_probability[row]),
            }
            for row in worst
        ],
    }


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
    if report["worst_mistakes"]:
        lines += ["", "worst mistakes (all of the first 50 in report.json and mistakes.png):"]
        lines += [
            f"  row {row['row']}: a {row['label']} read as {row['answer']} ({row['confidence']:.0%} sure)"
            for row in report["worst_mistakes"][:10]
        ]
    return "\n".join(lines)
