"""Decide whether a retrained model may serve in the place of its parent."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from trainer.versions import REFUSED

# The chance that is taken, at each examination, of refusing a model that is as good as the older one.
SIGNIFICANCE = 0.05
LEAST_PROBABILITY = 1e-7
SERVED = "served"


@dataclass(frozen=True)
class Examination:
    """What parent and candidate make of the same n pictures. labels: int (n,); both probabilities: float (n, 10)."""

    labels: np.ndarray
    parent: np.ndarray
    candidate: np.ndarray

    def compare(self) -> dict[str, Any]:
        """Count who reads what right, and give the chance that an equally good candidate does as badly or worse.

        An exact one-sided McNemar test: only what one of the two alone reads right tells them apart.
        """
        parent_right = self.parent.argmax(axis=1) == self.labels
        candidate_right = self.candidate.argmax(axis=1) == self.labels
        only_parent = int((parent_right & ~candidate_right).sum())
        only_candidate = int((candidate_right & ~parent_right).sum())
        differing = only_parent + only_candidate
        p_value = binomtest(only_parent, differing, 0.5, alternative="greater").pvalue if differing else 1.0
        return {
            "n": len(self.labels),
            "parent_correct": int(parent_right.sum()),
            "candidate_correct": int(candidate_right.sum()),
            "only_parent": only_parent,
            "only_candidate": only_candidate,
            "p_value": round(float(p_value), 6),
        }

    def improvement(self) -> dict[str, Any]:
        """Count who reads what right, and give the mean log loss of both."""
        rows = np.arange(len(self.labels))
        losses = {
            name: float(-np.log(np.maximum(probabilities[rows, self.labels], LEAST_PROBABILITY)).mean())
            for name, probabilities in (("parent_loss", self.parent), ("candidate_loss", self.candidate))
        }
        counts = self.compare()
        return {name: counts[name] for name in ("n", "parent_correct", "candidate_correct")} | losses


@dataclass(frozen=True)
class Comparison:
    """The candidate beside one older model, called `name`, on the test digits and on drawn ones."""

    name: str
    mnist: Examination
    drawn: Examination


def judge(
    parent: Comparison,
    base: Comparison | None,
    feedback: Examination,
    by: str,
    drawn_of: str,
    min_accuracy: float,
) -> dict[str, Any]:
    """Return the manifest's `gate`: what was measured, the verdict and, if it is refused, the reasons.

    base: what the line of retrained models began with, if that is not the parent: what each loses within the noise
    must not add up; feedback: held out from the training, by "person" or by "drawing"; drawn_of: what was drawn,
    "strokes" or "forms"; min_accuracy: on the test digits, below which nothing may be published.
    """
    measured: dict[str, dict[str, Any]] = {
        **_measure(parent, drawn_of),
        "feedback": {"by": by, **feedback.improvement()},
    }
    reasons = _losses(parent.name, measured)
    if base is not None:
        measured["since_base"] = _measure(base, drawn_of)
        reasons += _losses(base.name, measured["since_base"])
    accuracy = measured["mnist"]["candidate_correct"] / measured["mnist"]["n"]
    if accuracy < min_accuracy:
        reasons.append(f"{accuracy:.2%} of the test digits is below the {min_accuracy:.2%} that may be published")
    if not _is_better(measured["feedback"]):
        heard = measured["feedback"]
        reasons.append(
            f"it is no better on the feedback that it did not learn from: {heard['candidate_correct']} of {heard['n']} "
            f"right at a loss of {heard['candidate_loss']:.4f}, its parent {heard['parent_correct']} at "
            f"{heard['parent_loss']:.4f}"
        )
    return {"verdict": REFUSED if reasons else SERVED, "reasons": reasons, **measured}


def _measure(older: Comparison, drawn_of: str) -> dict[str, dict[str, Any]]:
    return {"mnist": older.mnist.compare(), "drawn": {"of": drawn_of, **older.drawn.compare()}}


def _losses(name: str, measured: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"it reads {figures['candidate_correct']} of {figures['n']} {what} right, its {name} "
        f"{figures['parent_correct']}: worse by more than the noise (p = {figures['p_value']:.2g})"
        for what, figures in (("test digits", measured["mnist"]), ("drawn digits", measured["drawn"]))
        if figures["p_value"] < SIGNIFICANCE
    ]


def _is_better(heard: dict[str, Any]) -> bool:
    """Fewer mistakes are better; as many, with more probability for what was meant, are, too."""
    gained = heard["candidate_correct"] - heard["parent_correct"]
    return bool(gained > 0 or (gained == 0 and heard["candidate_loss"] < heard["parent_loss"]))
