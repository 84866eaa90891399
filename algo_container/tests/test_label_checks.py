"""Which feedback is held back for a person to look at."""

from datetime import date

import numpy as np
from trainer.feedback_store import Labelled
from trainer.label_checks import MAX_PER_SESSION_AND_DIGIT, Opinion, held_back

TRUSTED_LABELS = np.arange(400) % 10


def opinion(answers: np.ndarray, confidence: float = 0.99, spread: float = 0.05, seed: int = 0) -> Opinion:
    """Be so sure of `answers`; features point to the answer, so what is read alike is alike."""
    probabilities = np.full((len(answers), 10), (1 - confidence) / 9)
    probabilities[np.arange(len(answers)), answers] = confidence
    features = np.eye(10)[answers] + np.random.default_rng(seed).normal(0, spread, (len(answers), 10))
    return Opinion(probabilities, np.full(len(answers), 0.99), features)


TRUSTED = opinion(TRUSTED_LABELS, seed=1)


def drawing(number: int, label: int, pixels: np.ndarray | None = None, **more) -> Labelled:
    if pixels is None:
        pixels = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
    day = more.get("day", date(2026, 1, 1))
    return Labelled(
        f"d{number}", label, pixels, None, more.get("session", f"s{number}"), more.get("accepted", False), day
    )


def check(drawings: list[Labelled], seen: Opinion) -> dict:
    return held_back(drawings, seen, TRUSTED_LABELS, TRUSTED)


def test_honest_labels_pass():
    drawings = [drawing(number, number % 10) for number in range(50)]
    assert check(drawings, opinion(np.arange(50) % 10)) == {}


def test_a_confident_contradiction_is_held_back_with_what_the_model_reads():
    drawings = [drawing(number, number % 10) for number in range(50)] + [drawing(50, 8)]
    held = check(drawings, opinion(np.append(np.arange(50) % 10, 3)))
    assert held == {"d50": {"reason": "contradicted", "answer": 3, "confidence": 0.99}}


def test_an_unsure_contradiction_is_what_there_is_to_learn():
    drawings = [drawing(number, number % 10) for number in range(50)] + [drawing(50, 8)]
    seen = opinion(np.append(np.arange(50) % 10, 3))
    seen.probabilities[50] = [0.01, 0.01, 0.01, 0.5, 0.01, 0.01, 0.01, 0.01, 0.42, 0.01]
    assert check(drawings, seen) == {}


def test_a_contradicted_label_passes_if_similar_drawings_have_it():
    drawings = [drawing(number, 8) for number in range(12)]
    seen = opinion(np.full(12, 8))
    seen.probabilities[11] = opinion(np.array([3])).probabilities[0]  # looks like the others, but is read as a 3
    assert check(drawings, seen) == {}


def test_many_wrong_labels_do_not_support_each_other():
    honest = [drawing(number, number % 10) for number in range(50)]
    poison = [drawing(number, 8) for number in range(50, 250)]
    held = check(honest + poison, opinion(np.concatenate([np.arange(50) % 10, np.full(200, 3)])))
    assert set(held) == {labelled.id for labelled in poison}


def test_what_a_person_vouched_for_is_never_held_back_and_supports_the_next():
    accepted = [drawing(number, 8, accepted=True) for number in range(5)]
    seen = opinion(np.full(6, 3), spread=0.001)
    seen.features[:] = np.array([0, 0, 0, 1.0, 0, 0, 0, 0, 0.9, 0])  # an 8 of a form of its own
    assert check([*accepted, drawing(9, 8)], seen) == {}
    assert set(check([*[drawing(number, 8) for number in range(5)], drawing(9, 8)], seen)) >= {"d9"}


def test_copies_are_kept_once():
    first = drawing(0, 3)
    nearly = first.pixels.copy()
    nearly[5, 5] ^= 16
    copies = [first, drawing(1, 3, first.pixels), drawing(2, 3, nearly)]
    held = check(copies, opinion(np.full(3, 3)))
    assert held == {
        "d1": {"reason": "duplicate", "of": "d0"},
        "d2": {"reason": "near_duplicate", "of": held["d2"]["of"]},
    }


def test_the_same_drawing_with_two_labels_is_held_back_on_both_sides_unless_one_is_vouched_for():
    first = drawing(0, 3)
    unsure = opinion(np.full(2, 3))
    unsure.probabilities[:] = [0.01, 0.01, 0.01, 0.5, 0.01, 0.42, 0.01, 0.01, 0.01, 0.01]
    held = check([first, drawing(1, 5, first.pixels)], unsure)
    assert held == {"d0": {"reason": "conflict", "of": "d1"}, "d1": {"reason": "conflict", "of": "d0"}}
    accepted = drawing(0, 3, first.pixels, accepted=True)
    assert set(check([accepted, drawing(1, 5, first.pixels)], unsure)) == {"d1"}


def test_nobody_can_hold_back_anothers_drawing_by_sending_it_with_a_wrong_label():
    first = drawing(0, 3)
    assert check([first, drawing(1, 5, first.pixels)], opinion(np.full(2, 3))) == {
        "d1": {"reason": "contradicted", "answer": 3, "confidence": 0.99}
    }


def test_one_session_cannot_flood_but_many_may_send_as_much():
    flood = [drawing(number, 7, session="one") for number in range(MAX_PER_SESSION_AND_DIGIT + 5)]
    held = check(flood, opinion(np.full(len(flood), 7)))
    assert held == {labelled.id: {"reason": "flood"} for labelled in flood[MAX_PER_SESSION_AND_DIGIT:]}
    unknown = [drawing(number, 7, session=None) for number in range(MAX_PER_SESSION_AND_DIGIT + 5)]
    assert len(check(unknown, opinion(np.full(len(unknown), 7)))) == 5
    days = [drawing(n, 7, session="one", day=date(2026, 1, 1 + n % 3)) for n in range(3 * MAX_PER_SESSION_AND_DIGIT)]
    assert check(days, opinion(np.full(len(days), 7))) == {}
    vouched = [drawing(n, 7, session="one", accepted=True) for n in range(MAX_PER_SESSION_AND_DIGIT)]
    assert check([*vouched, drawing(99, 7, session="one")], opinion(np.full(len(vouched) + 1, 7))) == {}
    many = [drawing(number, 7) for number in range(MAX_PER_SESSION_AND_DIGIT + 5)]
    assert check(many, opinion(np.full(len(many), 7))) == {}


def test_what_looks_like_no_digit_is_held_back():
    drawings = [drawing(number, number % 10) for number in range(20)]
    seen = opinion(np.arange(20) % 10)
    seen.digit_probabilities[7] = 0.01
    assert check(drawings, seen) == {"d7": {"reason": "not_a_digit", "confidence": 0.01}}


def test_nothing_to_check_is_no_failure():
    assert check([], Opinion(np.zeros((0, 10)), np.zeros(0), np.zeros((0, 10)))) == {}
