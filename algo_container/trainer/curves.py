"""What drawn shapes are made of. A shape is a list of strokes in a box about 1 high, x to the right and y down."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
Line = list[Point]
Shape = list[Line]

MAX_SOFT_CORNERS = 14


def arc(x: float, y: float, width: float, height: float, start: float, end: float, points: int = 28) -> Line:
    """Go round the ellipse at (x, y) with these half-axes, from one angle to the other: degrees, clockwise from +x."""
    angles = np.radians(np.linspace(start, end, points))
    return list(zip((x + width * np.cos(angles)).tolist(), (y + height * np.sin(angles)).tolist(), strict=True))


def curve(*knots: Point, points: int = 7) -> Line:
    """Go smoothly through the knots (Catmull-Rom), with so many points between two of them."""
    path = np.array([knots[0], *knots, knots[-1]])
    along = np.linspace(0, 1, points, endpoint=False)[:, np.newaxis]
    pieces = [
        (2 * b + (c - a) * along + (2 * a - 5 * b + 4 * c - d) * along**2 + (3 * b - a - 3 * c + d) * along**3) / 2
        for a, b, c, d in zip(path, path[1:], path[2:], path[3:], strict=False)
    ]
    return [(float(x), float(y)) for x, y in [*np.concatenate(pieces), path[-1]]]


def by_hand(rng: np.random.Generator, shape: Shape, shift: float) -> Shape:
    """Draw a shape as a hurried hand does: corners rounded (Chaikin), strokes that miss each other by about `shift`."""
    rounds = int(rng.integers(0, 3))
    return [
        [(x + dx, y + dy) for x, y in _soft(line, rounds)]
        for line, (dx, dy) in zip(shape, rng.normal(0, shift, (len(shape), 2)).tolist(), strict=True)
    ]


def _soft(line: Sequence[Point], rounds: int) -> Sequence[Point]:
    for _ in range(rounds):
        if 2 < len(line) < MAX_SOFT_CORNERS:
            path = np.array(line)
            near, far = path[:-1] * 0.75 + path[1:] * 0.25, path[:-1] * 0.25 + path[1:] * 0.75
            inner = np.stack([near, far], axis=1).reshape(-1, 2).tolist()
            line = [line[0], *((x, y) for x, y in inner), line[-1]]
    return line
