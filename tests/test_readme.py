"""The README's examples of asking the server from a program run as they stand, and give what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from served import ADMIN_TOKEN, ROOT, UI_PYTHON

SECTION = re.compile(r"^## Ask it from a program$(.*?)^## ", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"127\.0\.0\.1:500\d")
DRAW_A_SEVEN = """
from PIL import Image, ImageDraw
image = Image.new("L", (280, 280), 255)
ImageDraw.Draw(image).line([(80, 70), (200, 70), (130, 220)], fill=0, width=16, joint="curve")
image.save("digit.png")
image.save("digit.jpg")
"""


def examples() -> list[str]:
    """Give each example as a program's name, a line feed and its text."""
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section is not None
    return [f"{language}\n{text}" for language, text in EXAMPLE.findall(section[1])]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the two pictures that the examples send."""
    subprocess.run([UI_PYTHON, "-c", DRAW_A_SEVEN], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.split("\n")[1][:60])
def test_an_example_of_the_readme_runs(server, folder, example):
    language, text = example.split("\n", 1)
    text = ADDRESS.sub(f"127.0.0.1:{server.port}", text)
    strict = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body "$@"; }\n'
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-c", strict + text]
    environment = {**os.environ, "ADMIN_TOKEN": ADMIN_TOKEN}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # Each draws a seven, or asks for something else than which digit it is.
    digits = re.findall(r'"digit": ?(\d)', ran.stdout)
    assert set(digits) <= {"7"}, ran.stdout
    assert digits or "/predict" not in text, ran.stdout
