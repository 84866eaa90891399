"""Where the time of one answer goes, and how long the network takes, measured within one process.

Run by `serving.py` in a process of its own, with the folder of converted models and the repetitions as arguments.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from drawn import ROOT, draw  # names the folder of what follows
from flask import Flask, Request
from werkzeug.test import EnvironBuilder

# isort: split
from digit_ui import create_app
from digit_ui.drawing import DrawingBody, read_fields
from digit_ui.picture import ink_of_picture, ink_of_strokes
from digit_ui.preprocessing import to_network_input
from digit_ui.settings import Settings

DIGITS = (
    [[[50, 10], [30, 22], [24, 50], [32, 80], [50, 90], [68, 80], [76, 50], [68, 20], [50, 10]]],
    [[[28, 28], [38, 12], [60, 10], [72, 26], [64, 48], [40, 70], [26, 90], [76, 90]]],
    [[[34, 10], [26, 54], [76, 54]], [[64, 20], [62, 92]]],
    [[[24, 14], [76, 14], [44, 90]]],
)
BATCH = 256


def bodies() -> dict[str, list[bytes]]:
    """Give requests in each form: digits on a canvas of 280 x 280 px, drawn by the drawn-digit protocol."""
    rng = np.random.default_rng(0)
    drawn = [draw(strokes, rng) for strokes in DIGITS for _ in range(3)]
    return {
        "PNG": [json.dumps({"image": url}).encode() for url, _ in drawn],
        "strokes": [json.dumps({"strokes": placed}).encode() for _, placed in drawn],
    }


def stages(cache: Path, repetitions: int) -> dict[str, dict[str, list[float]]]:
    """Time each stage of answering `repetitions` requests: form to stage to milliseconds."""
    app = _app(cache)
    return {form: _of_form(app, form, requests, repetitions) for form, requests in bodies().items()}


def _of_form(app: Flask, form: str, requests: list[bytes], repetitions: int) -> dict[str, list[float]]:
    classifier = app.extensions["model"].get()
    times: dict[str, list[float]] = {}

    def timed(stage: str, act: Callable[[], object]) -> object:
        started = time.perf_counter()
        result = act()
        times.setdefault(stage, []).append((time.perf_counter() - started) * 1e3)
        return result

    for number in range(repetitions):
        body = requests[number % len(requests)]
        request = Request(_environ(body))
        fields, _ = timed("parse: JSON, fields", lambda request=request: read_fields(request, DrawingBody))
        if form == "PNG":
            data = timed(
                "parse: base64", lambda fields=fields: base64.b64decode(fields.image.partition(",")[2], validate=True)
            )
            ink = timed("decode: PNG, paper to ink", lambda data=data: ink_of_picture(data))
        else:
            ink = timed("draw the strokes", lambda fields=fields: ink_of_strokes(fields.strokes))
        pixels = timed("preprocess: to 28 x 28", lambda ink=ink: to_network_input(ink))
        timed("model", lambda pixels=pixels: classifier.read(pixels[np.newaxis]))
        environ = _environ(body)
        statuses: list[str] = []
        whole_answer = partial(app, environ, lambda status, *_, told=statuses: told.append(status))
        timed("all, with Flask", lambda whole_answer=whole_answer: b"".join(whole_answer()))
        if statuses != ["200 OK"]:
            raise RuntimeError(f"the server answered {statuses} to a drawing sent as {form}, expected 200")
    whole = times.pop("all, with Flask")
    rest = [together - sum(parts) for together, *parts in zip(whole, *times.values(), strict=True)]
    return {**times, "Flask: route, turn, encode, headers": rest, "together": whole}


def batches(cache: Path, repetitions: int) -> list[float]:
    """Time `repetitions` batches of 256 pictures: pictures a second of each."""
    classifier = _app(cache).extensions["model"].get()
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 28, 28), dtype=np.uint8)
    classifier.read(pixels)
    rates = []
    for _ in range(repetitions):
        started = time.perf_counter()
        classifier.read(pixels)
        rates.append(BATCH / (time.perf_counter() - started))
    return rates


def _app(cache: Path) -> Flask:
    """Make the application with the shipped model, which may be asked as often as one likes."""
    chosen = {"SHARED_DIR": str(ROOT / "shared"), "CACHE_DIR": str(cache), "RATE_LIMIT": "none"}
    app = create_app(Settings.from_environment(chosen))
    app.extensions["model"].refresh()
    return app


def _environ(body: bytes) -> dict:
    return EnvironBuilder("/predict", method="POST", data=body, content_type="application/json").get_environ()


if __name__ == "__main__":
    folder, times = Path(sys.argv[1]), int(sys.argv[2])
    print(json.dumps({"stages": stages(folder, times), "batches": batches(folder, max(3, times // 20))}))
