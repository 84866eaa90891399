"""Draw what is not a digit: letters and signs, scribbles, faces, several digits at once."""

from collections.abc import Sequence

import numpy as np

from trainer.curves import Line, Shape, arc, by_hand, curve
from trainer.letters import LETTERS, SIGNS
from trainer.strokes import NOT_A_DIGIT, Drawing, Strokes, collect

Rng = np.random.Generator

LETTER_SHIFT = 0.035
SHIFT = 0.015


def draw_non_digits(count: int, seed: int, digits: Sequence[Drawing]) -> Strokes:
    """Draw so many; `digits` are single ones, of which several at once are made. The same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(4, count, p=(0.5, 0.2, 0.08, 0.22))
    return collect((_draw(rng, kind, digits) for kind in kinds), [NOT_A_DIGIT] * count)


def _draw(rng: Rng, kind: int, digits: Sequence[Drawing]) -> Shape:
    if kind == 0:
        return by_hand(rng, letter(rng), LETTER_SHIFT)
    return by_hand(rng, several(rng, digits) if kind == 3 else (scribble, face)[kind - 1](rng), SHIFT)


def letter(rng: Rng) -> Shape:
    """Draw a letter, or more rarely another sign, narrow or wide."""
    table = LETTERS if rng.random() < 0.7 else SIGNS
    ways = list(table.values())[rng.integers(len(table))]
    width = rng.uniform(0.6, 1.3)
    return [[(x * width, y) for x, y in line] for line in ways[rng.integers(len(ways))]]


def face(rng: Rng) -> Shape:
    """Draw a round with two eyes and a mouth, and sometimes a nose."""
    shape = (
        [arc(0.5, 0.5, 0.5 * rng.uniform(0.8, 1.1), 0.5, -90, rng.uniform(250, 290), 36)] if rng.random() < 0.9 else []
    )
    for x in (0.32, 0.68):
        eyes: tuple[Line, ...] = (
            arc(x, 0.36, 0.05, 0.06, 0, 360, 10),
            [(x, 0.3), (x, 0.42)],
            [(x - 0.08, 0.36), (x + 0.08, 0.36)],
        )
        shape.append(eyes[rng.choice(3, p=(0.5, 0.3, 0.2))])
    if rng.random() < 0.5:
        shape.append([(0.5, 0.45), (0.47, 0.58), (0.54, 0.6)])
    shape.append(curve((0.28, 0.7), (0.5, 0.7 + rng.uniform(-0.15, 0.2)), (0.72, 0.7)))
    return shape


def scribble(rng: Rng) -> Shape:
    """Draw a line without a plan: through points anywhere, to and fro, round and round, or several loose ones."""
    ways = (_wander, _zigzag, _spiral, _coil, _turn_at_random, _rings, _corners, _loose_lines)
    way = ways[rng.choice(len(ways), p=(0.43, 0.2, 0.08, 0.08, 0.12, 0.03, 0.03, 0.03))]
    return way(rng)


def several(rng: Rng, digits: Sequence[Drawing]) -> Shape:
    """Draw two digits, or three, side by side: apart, touching or overlapping a little."""
    shape: Shape = []
    left, gap = 0.0, rng.uniform(-0.05, 0.4)
    for _ in range(2 if rng.random() < 0.8 else 3):
        drawing = digits[int(rng.integers(len(digits)))]
        points = np.array([point for line in drawing for point in line], dtype=float)
        low, (width, height) = points.min(axis=0), np.ptp(points, axis=0)
        scale = rng.uniform(0.8, 1.15) / max(height, 0.3 * width, 1e-6)
        shape += [
            [((x - low[0]) * scale + left, (y - low[1] - height / 2) * scale) for x, y in line] for line in drawing
        ]
        left += width * scale + gap
    return shape


def _wander(rng: Rng) -> Shape:
    return [curve(*((float(x), float(y)) for x, y in rng.uniform(0, 1, (rng.integers(6, 22), 2))), points=4)]


def _zigzag(rng: Rng) -> Shape:
    turns = int(rng.integers(5, 14))
    heights = np.where(np.arange(turns) % 2, 0, rng.uniform(0.4, 1)) + rng.normal(0, 0.05, turns)
    knots = list(zip(np.linspace(0, 1, turns).tolist(), heights.tolist(), strict=True))
    return [knots if rng.random() < 0.5 else curve(*knots, points=4)]


def _spiral(rng: Rng) -> Shape:
    radius = np.linspace(0, 0.5, 50)
    angle = 4 * np.pi * radius * rng.uniform(2.2, 5)
    return _points(radius * np.cos(angle), radius * np.sin(angle))


def _coil(rng: Rng) -> Shape:
    along = np.linspace(0, 1, 50)
    angle = 2 * np.pi * rng.uniform(2.2, 5) * along
    return _points(along + 0.18 * np.cos(angle), 0.3 * np.sin(angle))


def _turn_at_random(rng: Rng) -> Shape:
    """Walk on, turning at random, and bounce off the walls of a room."""
    steps = int(rng.integers(30, 160))
    heading = np.cumsum(rng.normal(rng.normal(0, 0.05), rng.uniform(0.15, 1.0), steps))
    room = rng.uniform(4, 14)
    x, y = (np.abs((np.cumsum(part) / room + 1) % 4 - 2) for part in (np.cos(heading), np.sin(heading)))
    return _points(x, y)


def _rings(rng: Rng) -> Shape:
    angle = np.linspace(0, 2 * np.pi * rng.uniform(2.5, 5), 90)
    return _points(np.cos(angle) + rng.uniform(0, 0.3) * angle, np.sin(angle) * rng.uniform(0.5, 1.2))


def _corners(rng: Rng) -> Shape:
    sides = rng.choice([-1, 1], 8) * rng.uniform(0.4, 1.0, 8)
    even = np.arange(8) % 2 == 0
    count = int(rng.integers(4, 9))
    return _points(np.cumsum(np.where(even, sides, 0))[:count], np.cumsum(np.where(even, 0, sides))[:count])


def _loose_lines(rng: Rng) -> Shape:
    ends = rng.uniform(0, 1, (rng.integers(3, 9), 4)).tolist()
    return [[(a, b), (c, d)] for a, b, c, d in ends]


def _points(x: np.ndarray, y: np.ndarray) -> Shape:
    return [list(zip(x.tolist(), y.tolist(), strict=True))]
