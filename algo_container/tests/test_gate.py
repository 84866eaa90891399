"""Whether a retrained model may take its parent's place."""

import numpy as np
import pytest
from trainer.gate import Comparison, Examination, judge


def answers(labels: np.ndarray, wrong: range = range(0), confidence: float = 0.9) -> np.ndarray:
    """Answer all labels with `confidence`, but those of some rows with the next digit."""
    given = labels.copy()
    given[list(wrong)] = (given[list(wrong)] + 1) % 10
    probabilities = np.full((len(labels), 10), (1 - confidence) / 9)
    probabilities[np.arange(len(labels)), given] = confidence
    return probabilities


LABELS = np.arange(1000) % 10
SAME = Examination(LABELS, answers(LABELS), answers(LABELS))
BETTER = Examination(LABELS[:20], answers(LABELS[:20], range(3)), answers(LABELS[:20], range(1)))


def decide(mnist=SAME, drawn=SAME, feedback=BETTER, min_accuracy=0.0, base=None) -> dict:
    return judge(Comparison("parent", mnist, drawn), base, feedback, "person", "forms", min_accuracy)


def test_a_better_one_that_forgot_nothing_serves():
    gate = decide()
    assert (gate["verdict"], gate["reasons"]) == ("served", [])
    assert gate["feedback"]["by"] == "person" and gate["drawn"]["of"] == "forms"


def test_it_may_lose_what_noise_explains_and_no_more():
    # 1 against 0 and 5 against 1 happen to equals (p = 0.5 and 0.11), 8 against 1 hardly ever (p = 0.02).
    assert decide(Examination(LABELS, answers(LABELS), answers(LABELS, range(1))))["verdict"] == "served"
    five_to_one = Examination(LABELS, answers(LABELS, range(1)), answers(LABELS, range(1, 6)))
    assert decide(five_to_one)["mnist"]["p_value"] == pytest.approx(7 / 64, abs=1e-6)
    assert decide(five_to_one)["verdict"] == "served"
    gate = decide(Examination(LABELS, answers(LABELS, range(1)), answers(LABELS, range(1, 9))))
    assert gate["verdict"] == "refused" and gate["mnist"] == {
        "n": 1000,
        "parent_correct": 999,
        "candidate_correct": 992,
        "only_parent": 8,
        "only_candidate": 1,
        "p_value": pytest.approx(10 / 512, abs=1e-6),
    }
    assert gate["reasons"] == [
        "it reads 992 of 1000 test digits right, its parent 999: worse by more than the noise (p = 0.02)"
    ]


def test_small_losses_must_not_add_up_over_many_retrainings():
    # Against its parent 1 is lost, against what the line began with 10.
    parent = Examination(LABELS, answers(LABELS, range(9)), answers(LABELS, range(10)))
    base = Comparison("base", Examination(LABELS, answers(LABELS), answers(LABELS, range(10))), SAME)
    assert decide(parent)["verdict"] == "served" and "since_base" not in decide(parent)
    gate = decide(parent, base=base)
    assert gate["verdict"] == "refused" and gate["since_base"]["mnist"]["only_parent"] == 10
    assert gate["reasons"][0].startswith("it reads 990 of 1000 test digits right, its base 1000: worse")


def test_the_same_count_of_mistakes_on_other_digits_is_no_loss():
    assert (
        decide(Examination(LABELS, answers(LABELS, range(50)), answers(LABELS, range(50, 100))))["verdict"] == "served"
    )


def test_forgetting_how_people_draw_is_refused():
    gate = decide(drawn=Examination(LABELS, answers(LABELS), answers(LABELS, range(10))))
    assert gate["verdict"] == "refused" and "drawn digits" in gate["reasons"][0]


@pytest.mark.parametrize(
    ("parent", "candidate", "verdict"),
    [
        (answers(LABELS[:20], range(2)), answers(LABELS[:20], range(3), 0.99), "refused"),  # one mistake more
        (answers(LABELS[:20], range(2)), answers(LABELS[:20], range(1), 0.6), "served"),  # one fewer, if less sure
        (answers(LABELS[:20], range(0), 0.9), answers(LABELS[:20], range(0), 0.95), "served"),  # as many, but surer
        (answers(LABELS[:20], range(0), 0.9), answers(LABELS[:20], range(0), 0.9), "refused"),  # no better
    ],
)
def test_it_must_be_better_on_feedback_that_it_did_not_learn_from(parent, candidate, verdict):
    assert decide(feedback=Examination(LABELS[:20], parent, candidate))["verdict"] == verdict


def test_a_model_below_the_least_accuracy_is_refused():
    both = answers(LABELS, range(100))
    gate = decide(Examination(LABELS, both, both), min_accuracy=0.95)
    assert gate["reasons"] == ["90.00% of the test digits is below the 95.00% that may be published"]
