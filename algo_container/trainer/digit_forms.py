"""Draw digits in the forms that Europeans give them, more of them than any thirty writers have.

Crossed and serifed 7, 1 with a short or long flag and a foot, slashed and open 0, open and closed 4, 2 with a loop,
straight and curled 9. Every form is a function of a random generator: no two drawings are alike.
"""

from collections.abc import Callable

import numpy as np

from trainer.curves import Line, Shape, arc, by_hand, curve
from trainer.strokes import Strokes, collect

Rng = np.random.Generator

# By how much more often a digit is drawn: most for those that differ most between countries.
WEIGHTS = np.array([1.3, 2.0, 1.0, 0.8, 1.2, 0.8, 0.6, 1.6, 0.8, 1.2])
SHIFT = 0.025


def draw_digits(count: int, seed: int) -> tuple[Strokes, list[Shape]]:
    """Draw so many digits. The same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(FORMS), count, p=WEIGHTS / WEIGHTS.sum())
    shapes = [by_hand(rng, FORMS[label](rng), SHIFT) for label in labels]
    return collect(shapes, labels.tolist()), shapes


def zero(rng: Rng) -> Shape:
    """Draw an oval, left open, closed or run past its beginning, often slashed."""
    width, start = rng.uniform(0.25, 0.5), rng.uniform(-140, -40)
    oval = np.array(arc(0, 0, width, 0.5, start, start + rng.choice([-1, 1]) * rng.uniform(300, 410), 36))
    inwards = np.linspace(1, rng.uniform(0.8, 1.15), len(oval))[:, np.newaxis]
    shape: Shape = [[(x, y) for x, y in (0.5 + oval * inwards).tolist()]]
    if rng.random() < 0.5:
        across = 0.8 * width * rng.uniform(0.6, 1.35) * (1 if rng.random() < 0.85 else -1)
        up = 0.4 * rng.uniform(0.4, 1.35)
        shape.append([(0.5 + across, 0.5 - up), (0.5 - across, 0.5 + up)])
    return shape


def one(rng: Rng) -> Shape:
    """Draw a stem, mostly with a flag from short to as long as the stem, often with a foot.

    A flag stays steeper than the bar of a 7, unless it is short or there is a foot.
    """
    lean, foot = rng.normal(0.03, 0.1), rng.random() < 0.35
    stem: Line = [(0.5 + lean, 0.0), (0.5 - lean, 1.0)]
    shape = [stem]
    if rng.random() < 0.88:
        angle = np.radians(rng.uniform(15 if foot else 30, 75))
        length = rng.uniform(0.12, 0.75 if angle > np.radians(38) else 0.45)
        tip = (0.5 + lean - length * np.cos(angle), length * np.sin(angle))
        bow = rng.normal(0.05, 0.15) * length
        flag = (tip, ((tip[0] + 0.5 + lean) / 2 - bow, tip[1] / 2 - bow), stem[0])
        # Some hands turn at the top without a corner.
        shape = [curve(*flag, *stem[1:]) if rng.random() < 0.3 else curve(*flag, points=6) + stem[1:]]
    if foot:
        width, x = rng.uniform(0.15, 0.4), 0.5 - lean + rng.normal(0, 0.04)
        shape.append([(x - width, 1 + rng.normal(0, 0.02)), (x + width, 1 + rng.normal(0, 0.04))])
    return shape


def two(rng: Rng) -> Shape:
    """Draw a swan's neck on a loop, on a straight base or on a wave."""
    w, kind = rng.uniform(0.25, 0.4), rng.random()
    neck = curve(
        (0.5 - w, rng.uniform(0.12, 0.3)),
        (0.5 - w * 0.3, 0.02),
        (0.5 + w * 0.7, 0.1),
        (0.5 + w * 0.8, 0.35),
        (0.5, 0.7),
    )
    if kind < 0.4:
        loop = curve(
            (0.5 - w * 0.7, 0.93),
            (0.5 - w * 1.1, 0.98),
            (0.5 - w, 0.82),
            (0.5 - w * 0.4, 0.85),
            (0.5 + w * 0.3, 0.97),
            (0.5 + w * 1.2, rng.normal(0.92, 0.05)),
        )
        return [neck + loop]
    if kind < 0.7:
        return [[*neck, (0.5 - w, 1.0), (0.5 + w * rng.uniform(0.8, 1.4), rng.normal(1, 0.04))]]
    return [neck + curve((0.5 - w, 1.0), (0.5 - w * 0.2, 0.92), (0.5 + w * 0.4, 1.02), (0.5 + w * 1.2, 0.93))]


def three(rng: Rng) -> Shape:
    """Draw two bows, or a flat top over a bow."""
    w = rng.uniform(0.25, 0.42)
    bow = curve(
        (0.48, rng.normal(0.45, 0.03)),
        (0.5 + w * 0.8, 0.55),
        (0.5 + w, 0.75),
        (0.5 + w * 0.3, 0.98),
        (0.5 - w * 0.9, 0.9),
    )
    if rng.random() < 0.5:
        return [[(0.5 - w, rng.normal(0, 0.03)), (0.5 + w * 0.9, 0.0), *bow]]
    return [
        curve((0.5 - w, 0.15), (0.5, 0.0), (0.5 + w * 0.8, 0.17), (0.5 + w * 0.4, 0.4), (0.48 - w * 0.1, 0.45)) + bow
    ]


def four(rng: Rng) -> Shape:
    """Draw it open, closed, or in one stroke."""
    w, bar, kind = rng.uniform(0.18, 0.42), rng.uniform(0.5, 0.75), rng.random()
    x, end = 0.5 + w * rng.uniform(0.15, 0.6), (0.5 + w * rng.uniform(0.9, 1.4), bar + rng.normal(0, 0.03))
    foot = (x - rng.normal(0.02, 0.05), 1.0)
    if kind < 0.35:
        side = curve((0.5 - w * rng.uniform(-0.6, 1.0), 0.0), (0.5 - w * 0.9, bar * 0.6), (0.5 - w, bar))
        return [[*side, end], [(x, rng.uniform(-0.05, 0.55)), foot]]
    if kind < 0.8:
        return [[(x + rng.normal(-0.02, 0.06), 0.0), (0.5 - w, bar), end], [(x, rng.uniform(-0.02, 0.45)), foot]]
    if kind < 0.88:
        return [[(0.5 - w, 0.0), (0.5 - w, bar), (x, bar), (x, rng.uniform(0, 0.2)), (x, 1.0)]]
    return [[(x, 1.0), (x, 0.0), (0.5 - w, bar), end]]


def five(rng: Rng) -> Shape:
    """Draw it in one stroke, or with the bar put on afterwards and not always where it belongs."""
    w, h = rng.uniform(0.25, 0.4), rng.uniform(0.38, 0.5)
    body = [(0.5 - w * 0.8, 0.0), (0.5 - w * 0.85, h)]
    body += curve(
        (0.5 - w * 0.85, h), (0.5 + w * 0.2, h - 0.07), (0.5 + w, 0.68), (0.5 + w * 0.3, 0.98), (0.5 - w, 0.92)
    )
    left, right = (0.5 - w * 0.8, rng.normal(0, 0.03)), (0.5 + w * rng.uniform(0.5, 1.3), rng.normal(0, 0.05))
    if rng.random() < 0.4:
        return [[right, left, *body[1:]]]
    gap = rng.uniform(-0.03, 0.12)
    return [body, [(left[0] + gap, left[1]), (right[0] + gap, right[1])]]


def six(rng: Rng) -> Shape:
    """Draw a bow that ends in a ring."""
    w, h = rng.uniform(0.16, 0.4), rng.uniform(0.45, 0.7)
    down = curve((0.5 + w * rng.uniform(0, 0.9), 0.0), (0.5 - w * 0.5, 0.3), (0.5 - w, 0.68))
    radius = (1 - h) / 2
    return [down + arc(0.5, 1 - radius, w, radius + 0.02, 170, 170 - rng.uniform(320, 420), 26)]


def seven(rng: Rng) -> Shape:
    """Draw a bar, level or waved, with or without a serif, on a straight or bent stem that is mostly crossed."""
    w, tilt, bow = rng.uniform(0.28, 0.45), rng.normal(0, 0.05), rng.normal(0, 0.08)
    foot = 0.5 + w * rng.uniform(-0.9, 0.2)
    stem = curve((0.5 + w, tilt), ((0.5 + w + foot) / 2 - bow, 0.5), (foot, 1.0), points=10)
    bar: Line = [(0.5 - w, -tilt)]
    if rng.random() < 0.3:
        bar.insert(0, (0.48 - w, rng.uniform(0.08, 0.25)))
    if rng.random() < 0.25:
        bar += curve((0.5 - w, -tilt), (0.5, 0.07 + tilt), (0.5 + w, tilt), points=5)
    shape = [bar + stem]
    if rng.random() < 0.65:
        y = rng.uniform(0.4, 0.72)
        x = stem[round(y * (len(stem) - 1))][0]
        length, slope = rng.uniform(0.1, 0.32), rng.normal(0, 0.06)
        cross = [(x - length, y + slope), (x + length * rng.uniform(0.7, 1.5), y - slope)]
        # Some hands cross it without lifting the pen.
        shape = (
            [bar + stem + curve(stem[-1], (x - length * 0.8, (1 + y) / 2), *cross)]
            if rng.random() < 0.2
            else [*shape, cross]
        )
    return shape


def eight(rng: Rng) -> Shape:
    """Draw two rings, or one line that crosses itself."""
    top, bottom, waist = rng.uniform(0.18, 0.34), rng.uniform(0.24, 0.38), rng.uniform(0.42, 0.5)
    if rng.random() < 0.45:
        upper = arc(0.5, waist / 2, top, waist / 2, rng.uniform(60, 120), rng.uniform(420, 480), 30)
        x, radius = 0.5 + rng.normal(0, 0.03), (1 - waist) / 2
        return [
            upper,
            arc(x, 1 - radius - 0.01, bottom, radius + 0.02, rng.uniform(-120, -60), rng.uniform(240, 300), 30),
        ]
    t = np.linspace(0, 1, 48) * 2 * np.pi * rng.uniform(0.93, 1.03) + rng.uniform(-0.3, 0.3)
    side = 1 if rng.random() < 0.7 else -1
    across = 0.5 + side * np.where(np.cos(t) > 0, top, bottom) * np.sin(2 * t) * 1.05
    return [list(zip(across.tolist(), (0.5 - 0.5 * np.cos(t)).tolist(), strict=True))]


def nine(rng: Rng) -> Shape:
    """Draw a ring, closed or open, on a straight, curled or kicking tail."""
    w, h, kind = rng.uniform(0.18, 0.38), rng.uniform(0.36, 0.6), rng.random()
    right = 0.5 + w
    ring = arc(0.5, h / 2, w, h / 2, rng.uniform(-80, 0), -360 - rng.uniform(-25, 25), 30)
    if rng.random() < 0.3:  # the tail begins above the ring, as if a 1 were put beside it
        ring.append((right, rng.uniform(-0.1, h * 0.3)))
    if kind < 0.4:
        return [[*ring, (right, h * 0.4), (right + rng.normal(-0.05, 0.08), 1.0)]]
    if kind < 0.8:
        return [
            ring
            + curve(
                (right, h * 0.5),
                (right - w * 0.1, 0.75),
                (0.5, 1.0),
                (0.5 - w * rng.uniform(0.4, 1.8), rng.uniform(0.75, 0.98)),
            )
        ]
    return [ring + curve((right, h * 0.5), (right - 0.02, 0.9), (right + 0.1, 1.0), (right + w * 0.6, 0.9))]


FORMS: tuple[Callable[[Rng], Shape], ...] = (zero, one, two, three, four, five, six, seven, eight, nine)
