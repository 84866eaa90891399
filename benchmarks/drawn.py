"""How much of what people really draw is read right: the drawn-digit protocol, through `/predict`.

    make bench-drawn STROKES=file.jsonl.gz

A stroke file holds a JSON object a line: {"label": 3, "writer": "w1", "strokes": [[[x, y], ...], ...]}, y down. Each
digit is drawn on a 280 x 280 canvas as a person would: black on white, round caps and joins, anti-aliased; its longer
side uniform in 110 to 220 px, its place uniform inside the canvas, its line uniform in 10 to 22 px wide; one random
generator with a fixed seed. What counts is the share of right first answers, over all digits and as a mean over
writers. The same digits also go in as strokes, which is what the page sends.
"""

import argparse
import base64
import gzip
import io
import json
import statistics
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from machine import describe_machine
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "ui_container"))
from digit_ui import create_app  # noqa: E402 # from the folder just named
from digit_ui.settings import Settings  # noqa: E402

CANVAS_PX = 280
SUPERSAMPLING = 4
SEED = 0
BOOTSTRAPS = 10_000


def main() -> None:
    """Read every digit of the stroke file in both forms and print the table."""
    parser = argparse.ArgumentParser(description="Measure the share of drawn digits that is read right.")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    path = parser.parse_args().strokes
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        samples = [json.loads(line) for line in lines]
    settings = Settings.from_environment({"SHARED_DIR": str(ROOT / "shared"), "CACHE_DIR": str(ROOT / ".cache/models")})
    app = create_app(settings)
    app.extensions["model"].refresh()
    client = app.test_client()
    rng = np.random.default_rng(SEED)
    drawn = [draw(sample["strokes"], rng) for sample in samples]
    print(f"{path.name}: {len(samples)} digits, {len({s['writer'] for s in samples})} writers; {describe_machine()}")
    print(f"model {client.get('/readyz').get_json()['model_version']}")
    for form, bodies in (
        ("as pictures", [{"image": picture} for picture, _ in drawn]),
        ("as strokes", [{"strokes": strokes} for _, strokes in drawn]),
    ):
        answers = [client.post("/predict", json=body).get_json()["digit"] for body in bodies]
        report(form, samples, answers)


def draw(strokes: list, rng: np.random.Generator) -> tuple[str, list]:
    """Draw one sample by the protocol; return it as a PNG data URL and as strokes on the same canvas."""
    points = np.array([point for stroke in strokes for point in stroke], dtype=float)
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    scale = rng.uniform(110, 220) / max(span.max(), 1)
    width = rng.uniform(10, 22)
    room = CANVAS_PX - span * scale - width
    origin = width / 2 + rng.uniform(0, 1, 2) * np.maximum(room, 0)
    placed = [(np.array(stroke, dtype=float) - low) * scale + origin for stroke in strokes]
    image = Image.new("L", (CANVAS_PX * SUPERSAMPLING,) * 2, 255)
    pen = ImageDraw.Draw(image)
    radius = width * SUPERSAMPLING / 2
    for stroke in placed:
        path = [(float(x), float(y)) for x, y in stroke * SUPERSAMPLING]
        if len(path) > 1:
            pen.line(path, fill=0, width=round(2 * radius))
        for x, y in path:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    buffer = io.BytesIO()
    image.resize((CANVAS_PX, CANVAS_PX), Image.Resampling.BOX).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return url, [np.round(stroke, 1).tolist() for stroke in placed]


def report(form: str, samples: list[dict], answers: list[int]) -> None:
    """Print the share of right answers with a 95 % bootstrap interval over writers, and what is confused most."""
    by_writer = defaultdict(list)
    confusions: Counter[tuple[int, int]] = Counter()
    for sample, answer in zip(samples, answers, strict=True):
        by_writer[sample["writer"]].append(sample["label"] == answer)
        if sample["label"] != answer:
            confusions[sample["label"], answer] += 1
    shares = np.array([statistics.mean(rights) for rights in by_writer.values()])
    resampled = np.random.default_rng(SEED).choice(shares, (BOOTSTRAPS, len(shares))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    overall = 1 - sum(confusions.values()) / len(samples)
    print(
        f"{form}: {overall:.2%} of all digits; mean over writers {shares.mean():.2%} "
        f"(95 % interval {low:.2%} to {high:.2%}; worst writer {shares.min():.2%})"
    )
    print("  most confused: " + ", ".join(f"{w} read as {r}: {n}" for (w, r), n in confusions.most_common(6)))


if __name__ == "__main__":
    main()
