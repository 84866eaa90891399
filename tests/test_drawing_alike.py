"""The trainer draws strokes as the server does, though they share no code: what is learned is what will be seen."""

import json
import subprocess

from conftest import ALGO_PYTHON, ROOT
from served import UI_PYTHON

SERVER = """
import json, sys
sys.path[:0] = ["ui_container"]
from digit_ui.picture import ink_of_strokes
from digit_ui.preprocessing import to_network_input
json.dump([to_network_input(ink_of_strokes(strokes)).tolist() for strokes in json.load(sys.stdin)], sys.stdout)
"""

# The server draws a line of 20 px around a digit of 160 px and fits both into 20 px.
# One pixel of room: the centre of mass of half the digits lies near a boundary between two pixels.
TRAINER_COMPARED = """
import json, sys
sys.path[:0] = ["algo_container"]
import numpy as np, tensorflow as tf
from trainer.rendering import render
from trainer.strokes import collect
drawings, theirs = json.load(sys.stdin)
strokes = collect(drawings, [0] * len(drawings))
count = len(drawings)
ours = 255 * render(strokes.points, strokes.pen, tf.fill([count], 20 * 20 / 180), tf.ones([count])).numpy()[..., 0]
shifts = [np.roll(ours, (down, right), (1, 2)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
differences = np.min([np.abs(shifted - theirs).mean(axis=(1, 2)) for shifted in shifts], axis=0)
print(json.dumps([float(np.median(differences)), float(differences.max()), float(ours.sum() / np.sum(theirs))]))
"""


def run(python, program: str, given: object) -> list:
    arguments = [python, "-c", program]
    result = subprocess.run(arguments, cwd=ROOT, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_both_programs_draw_the_same_picture_of_the_same_strokes(samples):
    drawings = [sample.strokes for sample in samples[:200]]
    theirs = run(UI_PYTHON, SERVER, drawings)
    median, most, ink = run(ALGO_PYTHON, TRAINER_COMPARED, [drawings, theirs])
    assert median < 8 and most < 16  # two different digits differ by about 40
    assert abs(ink - 1) < 0.06
