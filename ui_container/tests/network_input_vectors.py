"""Write network_input.json: drawings, and what the server makes of them for the network. The page must make the same.

    make vectors

`test_network_input.py` fails if it is not what the server makes now, `js/network-input.test.js` if the page differs.
"""

import base64
import json
import math
import random
from itertools import pairwise
from pathlib import Path

from conftest import DIGIT_STROKES
from digit_ui.picture import ink_of_strokes
from digit_ui.preprocessing import to_network_input

PATH = Path(__file__).with_name("network_input.json")
SCRIBBLES = 30
HANDS = 3


def drawings() -> dict[str, list]:
    """Give strokes by name: digits, digits by shaky hands, the plainest forms, slips, and lines every which way."""
    rng = random.Random(1)
    found = {f"digit {digit}": strokes for digit, strokes in DIGIT_STROKES.items()}
    for digit, strokes in DIGIT_STROKES.items():
        found |= {f"digit {digit}, hand {hand}": [shaky(stroke, rng) for stroke in strokes] for hand in range(HANDS)}
    found |= {
        "a tap": [[[140.3, 140.7]]],
        "a tap, twice": [[[140.3, 140.7], [140.3, 140.7]]],
        "two taps": [[[10, 10]], [[40, 90]]],
        "a face": [[[50, 40]], [[90, 40]], [[30, 20], [110, 20], [110, 120], [30, 120], [30, 20]]],
        "upright": [[[50, 10], [50, 90]]],
        "level": [[[10, 50], [90, 50]]],
        "aslant": [[[10, 10], [90, 90]]],
        "edges that single precision decides": [[[160, 0], [116, 160]], [[160, 0], [112, 160]]],
        "an edge that single precision decides": [[[160, 0], [116, 160]]],
        "another edge of that kind": [[[0, 0], [82, 160]]],
        "a slip beside": [[[50, 10], [50, 90]], [[120, 50]]],
        "a slip, and a stroke as long as none": [[[50, 10], [50, 90]], [[120, 50], [125, 66]], [[-40, 50], [-40, 52]]],
        "very small": [[[1e-6, 1e-6], [2e-6, 5e-6], [3e-6, 1e-6]]],
        "very large": [[[-1e6, 1e6], [1e6, -1e6], [5e5, 1e6]]],
        "an empty stroke too": [[], [[0, 0], [10, 3], [4, 20]]],
    }
    for number in range(SCRIBBLES):
        strokes = [[place(rng) for _ in range(rng.randint(1, 12))] for _ in range(rng.randint(1, 4))]
        found[f"scribble {number}"] = strokes
    return found


def shaky(stroke: list, rng: random.Random) -> list:
    """Draw a stroke as a pen does: in many small steps, none quite where it should be."""
    points = [
        [
            round(x0 + (x1 - x0) * step / 8 + rng.gauss(0, 0.8), 1),
            round(y0 + (y1 - y0) * step / 8 + rng.gauss(0, 0.8), 1),
        ]
        for (x0, y0), (x1, y1) in pairwise(stroke)
        for step in range(8)
    ]
    return points or stroke


def place(rng: random.Random) -> list[float]:
    """Choose a place on the pad, in its units."""
    angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0, 140)
    return [round(140 + far * math.cos(angle), 1), round(140 + far * math.sin(angle), 1)]


def text() -> str:
    """Give the file's contents: a line a drawing, its 784 grey values in base64."""
    lines = [
        json.dumps({"name": name, "strokes": strokes, "pixels": base64.b64encode(made.tobytes()).decode()})
        for name, strokes in drawings().items()
        for made in [to_network_input(ink_of_strokes(strokes))]
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    PATH.write_text(text())
