"""How much of what people really draw is read right: the drawn-digit protocol, through `/predict`.

    make bench-drawn STROKES=file.jsonl.gz

A stroke file holds a JSON object a line: {"label": 3, "writer": "w1", "strokes": [[[x, y], ...], ...]}, y down. Each
digit is drawn on a 280 x 280 canvas as a person would: black on white, round caps and joins, anti-aliased; its longer
side uniform in 110 to 220 px, its place uniform inside the canvas, its line uniform in 10 to 22 px wide; one random
generator with a fixed seed. What counts is the share of right first answers, over all digits and as a mean over
writers. The same digits also go in as strokes, which is what the page sends.

Nobody is read by a network that has seen their hand: every fifth of the writers is read by the model that
`cross_validation.py` trained without them. What the confidence is worth, and how much of what is no digit is refused,
is measured on the same answers.
"""

import argparse
import base64
import io
import json
import statistics
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from folds import FOLDS, FOLDS_DIR, SEED, TUNED_ON_FOLD, read_samples, unseen_writers
from machine import describe_machine
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "ui_container"))
from digit_ui import create_app  # noqa: E402 # from the folder just named
from digit_ui.settings import Settings  # noqa: E402

RESULTS = Path(__file__).parent / "results"
CANVAS_PX = 280
SUPERSAMPLING = 4
BOOTSTRAPS = 10_000
CALIBRATION_GROUPS = 10
ABOUT_NINE_IN_TEN = (0.8, 0.97)


def main() -> None:
    """Read every digit of the stroke file in both forms, each by the model that has not seen its writer."""
    parser = argparse.ArgumentParser(description="Measure the share of drawn digits that is read right.")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes, plain or gzipped")
    parser.add_argument("--shared", type=Path, help="measure the one model that this folder serves, on all writers")
    chosen = parser.parse_args()
    samples = read_samples(chosen.strokes)
    rng = np.random.default_rng(SEED)
    for sample in samples:
        sample["png"], sample["placed"] = draw(sample["strokes"], rng)
    writers = {sample["writer"] for sample in samples}
    print(f"{chosen.strokes.name}: {len(samples)} digits, {len(writers)} writers; {describe_machine()}")
    forms = {"as pictures": Answers(), "as strokes": Answers()}
    if chosen.shared is not None:
        parts = [(serve(chosen.shared), samples)]
    else:
        parts = [(serve(FOLDS_DIR / str(fold)), of_fold(samples, fold)) for fold in range(FOLDS)]
        if sum(len(part) for _, part in parts) != len(samples):
            sys.exit(
                f"{chosen.strokes}: has writers that no fold's model was trained without: make cross-validation first"
            )
    for client, part in parts:
        version = client.get("/readyz").get_json()["model_version"]
        print(f"model {version}: {len(part)} digits by {len({s['writer'] for s in part})} writers")
        for sample in part:
            forms["as pictures"].add(sample, client.post("/predict", json={"image": sample["png"]}).get_json())
            forms["as strokes"].add(sample, client.post("/predict", json={"strokes": sample["placed"]}).get_json())
    untuned = writers - set(unseen_writers(samples, TUNED_ON_FOLD))
    result = {form: answers.report(form, untuned) for form, answers in forms.items()}
    if chosen.shared is None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "drawn.json").write_text(json.dumps({"machine": describe_machine(), **result}, indent=1) + "\n")


def of_fold(samples: list[dict], fold: int) -> list[dict]:
    """Take the digits of the writers that the fold's model has not seen, as it was trained."""
    unseen = json.loads((FOLDS_DIR / str(fold) / "unseen_writers.json").read_text())
    return [sample for sample in samples if sample["writer"] in unseen]


def serve(shared_dir: Path):  # noqa: ANN201 # Flask's test client
    """Serve the model that is published in a folder; return a client."""
    app = create_app(
        Settings.from_environment(
            {"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(ROOT / ".cache/models"), "RATE_LIMIT": "none"}
        )
    )
    app.extensions["model"].refresh()
    return app.test_client()


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
    url = data_url(image.resize((CANVAS_PX, CANVAS_PX), Image.Resampling.BOX))
    return url, [np.round(stroke, 1).tolist() for stroke in placed]


def data_url(image: Image.Image) -> str:
    """Write a picture as the page would send it."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@dataclass
class Answers:
    """What was answered to one form of the digits."""

    by_writer: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    confusions: Counter[tuple[int, int]] = field(default_factory=Counter)
    digits: Counter[int] = field(default_factory=Counter)
    confidences: list[float] = field(default_factory=list)
    rights: list[bool] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)

    def add(self, sample: dict, answer: dict) -> None:
        """Take one answer of /predict."""
        right = answer["digit"] == sample["label"]
        self.by_writer[sample["writer"]].append(right)
        self.digits[sample["label"]] += 1
        if not right:
            self.confusions[sample["label"], answer["digit"]] += 1
        self.confidences.append(answer["confidence"])
        self.rights.append(right)
        self.kept.append(answer["is_digit"])

    def report(self, form: str, untuned: set[str]) -> dict:
        """Print and return the shares of right answers with a 95 % bootstrap interval over writers, and the rest.

        untuned: the writers on whom nothing was chosen.
        """
        shares = np.array([statistics.mean(rights) for rights in self.by_writer.values()])
        resampled = np.random.default_rng(SEED).choice(shares, (BOOTSTRAPS, len(shares))).mean(axis=1)
        low, high = np.percentile(resampled, [2.5, 97.5])
        groups = self.reliability()
        error = sum(n * abs(said - was) for n, said, was in groups) / len(self.rights)
        confidences = np.array(self.confidences)
        about = (confidences >= ABOUT_NINE_IN_TEN[0]) & (confidences < ABOUT_NINE_IN_TEN[1])
        result = {
            "n": len(self.rights),
            "writers": len(shares),
            "all_digits": statistics.mean(self.rights),
            "mean_over_writers": float(shares.mean()),
            "mean_over_writers_ci95": [float(low), float(high)],
            "worst_writer": float(shares.min()),
            "mean_over_writers_not_tuned_on": statistics.mean(
                statistics.mean(rights) for writer, rights in self.by_writer.items() if writer in untuned
            ),
            "kept_as_digits": statistics.mean(self.kept),
            "expected_calibration_error": error,
            "answers_at_about_0.9": {
                "n": int(about.sum()),
                "confidence": float(confidences[about].mean()),
                "right": float(np.array(self.rights)[about].mean()),
            },
            "reliability": [{"n": n, "confidence": said, "right": was} for n, said, was in groups],
            "errors_of_each_digit": {
                str(digit): {
                    str(read): count for (written, read), count in self.confusions.most_common() if written == digit
                }
                for digit in sorted(self.digits)
            },
        }
        print(
            f"{form}: {result['all_digits']:.2%} of {result['n']} digits; mean over {len(shares)} writers "
            f"{shares.mean():.2%} (95 % interval {low:.2%} to {high:.2%}; worst writer {shares.min():.2%}); "
            f"{result['kept_as_digits']:.2%} kept as digits; calibration error {error:.2%}; "
            f"mean over the {len(untuned)} writers on whom nothing was chosen "
            f"{result['mean_over_writers_not_tuned_on']:.2%}"
        )
        print("  most confused: " + ", ".join(f"{w} read as {r}: {n}" for (w, r), n in self.confusions.most_common(8)))
        return result

    def reliability(self) -> list[tuple[int, float, float]]:
        """Group the answers from the least to the most sure; give size, mean confidence and share that is right."""
        confidences, rights = np.array(self.confidences), np.array(self.rights)
        groups = np.array_split(np.argsort(confidences, kind="stable"), CALIBRATION_GROUPS)
        return [(len(g), float(confidences[g].mean()), float(rights[g].mean())) for g in groups if len(g)]


if __name__ == "__main__":
    main()
