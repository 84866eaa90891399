"""Measure what feedback does for the hand that gave it, what poison does, and what a swap costs who ask meanwhile.

    make bench-loop DATA=folder STROKES=file.jsonl.gz

For each of the writers whom the cross-validated models, trained without them, read worst: five drawings of each digit
go in through POST /feedback, the trainer retrains, and the server reads the writer's other drawings before and after,
as strokes and as pictures. Nobody of the writer's fold is replayed. Then 200 drawings of a 3 that are called 8 are
mixed into honest ones.
"""

import argparse
import contextlib
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from drawn import draw
from folds import FOLDS, FOLDS_DIR, read_samples, unseen_writers
from machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "loop.json"
WRITERS = 5
OF_EACH_DIGIT = 5
POISONED = 200
CLIENTS = 8
SWAPS = 5
PORT = 5093
SEED = 0
KEPT = ("label", "writer", "strokes")
SEVEN = [[[60, 60], [220, 60], [120, 240]]]


def main() -> None:
    """Measure all three and write them down."""
    parser = argparse.ArgumentParser(description="Measure the learning loop.")
    parser.add_argument("data", type=Path, help="folder with MNIST's CSVs")
    parser.add_argument("strokes", type=Path, help="JSON lines of strokes by many writers, plain or gzipped")
    chosen = parser.parse_args()
    samples = read_samples(chosen.strokes)
    rng = np.random.default_rng(SEED)
    for sample in samples:
        sample["png"], sample["placed"] = draw(sample["strokes"], rng)
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(Path(work), chosen.data, samples)
        worst = bench.worst_writers()
        print(f"read worst: {', '.join(f'{writer} ({wrong} wrong)' for writer, _, wrong in worst)}", flush=True)
        writers = [bench.teach(writer, fold) for writer, fold, _ in worst]
        result = {
            "machine": describe_machine(),
            "writers": writers,
            "mean": summary(writers),
            "poison": bench.poison(*worst[0][:2]),
            "swap": bench.swap(),
        }
    print(json.dumps({name: result[name] for name in ("mean", "poison", "swap")}, indent=1))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


def summary(writers: list[dict]) -> dict:
    """Put the writers together; a ratio is the error after by the error before."""
    ratios = [writer["wrong_after"] / writer["wrong_before"] for writer in writers]
    return {
        "error_ratio_mean": statistics.mean(ratios),
        "error_ratio_least_and_most": [min(ratios), max(ratios)],
        "error_ratio_of_sums": sum(w["wrong_after"] for w in writers) / sum(w["wrong_before"] for w in writers),
        "mnist_points_lost_mean": statistics.mean(writer["mnist_points_lost"] for writer in writers),
        "seconds_mean": statistics.mean(writer["seconds"] for writer in writers),
        "seconds_most": max(writer["seconds"] for writer in writers),
    }


class Bench:
    """The programs, run as people run them, on shared folders of their own."""

    def __init__(self, work: Path, data: Path, samples: list[dict]) -> None:
        self._work, self._data, self._samples = work, data, samples

    def worst_writers(self) -> list[tuple[str, int, int]]:
        """Name the writers whom models that have not seen them read worst, with their folds and mistakes."""
        found = []
        for fold in range(FOLDS):
            with self._served(self._folder(fold, "look")):
                unseen = unseen_writers(self._samples, fold)
                found += [(writer, fold, wrong(self._of(writer))) for writer in unseen]
        return sorted(found, key=lambda entry: -entry[2])[:WRITERS]

    def teach(self, writer: str, fold: int) -> dict:
        """Let a writer correct the model, and see what it makes of the writer's other drawings."""
        drawings = self._of(writer)
        given = five_of_each(drawings)
        others = [drawing for row, drawing in enumerate(drawings) if row not in given]
        shared_dir = self._folder(fold, writer)
        with self._served(shared_dir):
            before = wrong(others)
            for row in given:
                send(drawings[row], writer)
            seconds, manifest = self._retrain(shared_dir, fold)
            wait_for(served_version(shared_dir))
            after = wrong(others)
        gate = manifest["gate"]
        result = {
            "writer": writer,
            "others": len(others),
            "wrong_before": before,
            "wrong_after": after,
            "mnist_points_lost": (gate["mnist"]["parent_correct"] - gate["mnist"]["candidate_correct"]) / 100,
            "verdict": gate["verdict"],
            "reasons": gate["reasons"],
            "held_back": manifest["feedback"]["held_back"],
            "seconds": round(seconds, 1),
        }
        print(result, flush=True)
        return result

    def poison(self, writer: str, fold: int) -> dict:
        """Mix threes that are called eights into honest drawings, from many sessions."""
        drawings = self._of(writer)
        honest = [drawings[row] for row in five_of_each(drawings)]
        threes = [drawing for drawing in self._samples if drawing["writer"] != writer and drawing["label"] == 3]
        poisoned = [{**drawing, "label": 8} for drawing in threes[:POISONED]]
        everything = [(drawing, writer, True) for drawing in honest]
        everything += [(drawing, f"stranger-{number % 20}", False) for number, drawing in enumerate(poisoned)]
        shared_dir = self._folder(fold, "poison")
        with self._served(shared_dir):
            order = np.random.default_rng(SEED).permutation(len(everything))
            ids = {send(everything[row][0], everything[row][1]): everything[row][2] for row in order}
            _, manifest = self._retrain(shared_dir, fold)
        held = {entry["id"] for entry in json.loads((shared_dir / "training" / "checks.json").read_text())["held_back"]}
        used = {**manifest["feedback"]["learned"], **manifest["feedback"]["examined"]}
        return {
            "poisoned": len(poisoned),
            "poison_held_back": sum(not is_honest for name, is_honest in ids.items() if name in held),
            "honest": len(honest),
            "honest_used": sum(is_honest for name, is_honest in ids.items() if name in used),
            "verdict": manifest["gate"]["verdict"],
            "reasons": manifest["gate"]["reasons"],
            "mnist_points_lost": (
                manifest["gate"]["mnist"]["parent_correct"] - manifest["gate"]["mnist"]["candidate_correct"]
            )
            / 100,
        }

    def swap(self) -> dict:
        """Go from one model to another and back while clients ask without pause."""
        shared_dir = self._folder(0, "swap")
        versions = [json.loads((FOLDS_DIR / str(fold) / "manifest.json").read_text())["version"] for fold in (0, 1)]
        for fold, version in enumerate(versions):
            shutil.copytree(FOLDS_DIR / str(fold), shared_dir / "versions" / version)
        with self._served(shared_dir):
            with asking() as (quiet, failures):
                time.sleep(5)
            with asking() as (swapping, failures_in_swap):
                for turn in range(SWAPS):
                    self._trainer(shared_dir, "--rollback", versions[(turn + 1) % 2])
                    wait_for(versions[(turn + 1) % 2])
                    time.sleep(1)
        return {
            "clients": CLIENTS,
            "swaps": SWAPS,
            "answers": len(swapping),
            "failed": len(failures) + len(failures_in_swap),
            "versions_named": sorted({version for version, _ in swapping} & set(versions)) == sorted(versions),
            "quiet_ms": percentiles([seconds for _, seconds in quiet]),
            "swapping_ms": percentiles([seconds for _, seconds in swapping]),
        }

    def _of(self, writer: str) -> list[dict]:
        return [sample for sample in self._samples if sample["writer"] == writer]

    def _folder(self, fold: int, name: str) -> Path:
        """Make a shared folder in which a fold's model ships."""
        folder = self._work / f"{name}-{fold}"
        shutil.copytree(FOLDS_DIR / str(fold), folder / "pretrained")
        return folder

    @contextlib.contextmanager
    def _served(self, shared_dir: Path) -> Iterator[None]:
        environment = {
            **os.environ,
            "SHARED_DIR": str(shared_dir),
            "CACHE_DIR": str(self._work / "cache"),
            "PORT": str(PORT),
        }
        gunicorn = [ROOT / ".venv/ui/bin/gunicorn", "--config", "ui_container/gunicorn.conf.py"]
        with (self._work / "server.log").open("a") as log:
            server = subprocess.Popen(
                [*gunicorn, "--pythonpath", "ui_container"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            wait_for(None)
            yield
        finally:
            server.terminate()
            server.wait()

    def _retrain(self, shared_dir: Path, fold: int) -> tuple[float, dict]:
        """Retrain without the fold's writers; return the seconds from start to end, and the manifest of what came."""
        strokes = self._work / f"without-{fold}.jsonl.gz"
        if not strokes.exists():
            unseen = unseen_writers(self._samples, fold)
            with gzip.open(strokes, "wt") as file:
                seen = [sample for sample in self._samples if sample["writer"] not in unseen]
                file.writelines(json.dumps({name: s[name] for name in KEPT}) + "\n" for s in seen)
        started = time.monotonic()
        self._trainer(shared_dir, "--retrain", "--data", str(self._data), "--strokes", str(strokes))
        seconds = time.monotonic() - started
        newest = max((shared_dir / "versions").glob("[!.]*/manifest.json"), key=lambda path: path.stat().st_mtime)
        return seconds, json.loads(newest.read_text())

    def _trainer(self, shared_dir: Path, *options: str) -> None:
        program = [ROOT / ".venv/algo/bin/python", ROOT / "algo_container/cnn_mnist.py", "--out", shared_dir]
        with (self._work / "trainer.log").open("a") as log:
            status = subprocess.run([*program, *options], stdout=log, stderr=log, check=False).returncode
        if status not in (0, 3):  # 3: refused by the gate
            sys.exit(f"the trainer ended with status {status}:\n{(self._work / 'trainer.log').read_text()[-2000:]}")


@contextlib.contextmanager
def asking() -> Iterator[tuple[list[tuple[str, float]], list[Exception]]]:
    """Have clients ask without pause; give the version and the seconds of each answer, and what failed."""
    answers: list[tuple[str, float]] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            started = time.perf_counter()
            try:
                version = post("/predict", {"strokes": SEVEN})["model_version"]
                answers.append((version, time.perf_counter() - started))
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers, failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def five_of_each(drawings: list[dict]) -> list[int]:
    """Choose the drawings that a writer sends: five of each digit, at random."""
    order = np.random.default_rng(SEED).permutation(len(drawings))
    return [
        int(row) for digit in range(10) for row in [r for r in order if drawings[r]["label"] == digit][:OF_EACH_DIGIT]
    ]


def wrong(drawings: list[dict]) -> int:
    """Count what is read wrong, of twice as many answers as there are drawings: as strokes and as pictures."""
    bodies = [(body, d["label"]) for d in drawings for body in ({"strokes": d["placed"]}, {"image": d["png"]})]
    return sum(post("/predict", body)["digit"] != label for body, label in bodies)


def send(drawing: dict, session: str) -> str:
    """Say what was meant, as the page does; return the feedback's id."""
    answer = post("/predict", {"strokes": drawing["placed"]})
    said = {"digit": answer["digit"], "model_version": answer["model_version"], "session": session}
    return post("/feedback", {"strokes": drawing["placed"], "label": drawing["label"], **said})["id"]


def post(path: str, body: dict) -> dict:
    """Ask the server."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def served_version(shared_dir: Path) -> str:
    """Name the version that is published, or else ships."""
    path = shared_dir / "manifest.json"
    return json.loads((path if path.exists() else shared_dir / "pretrained" / "manifest.json").read_text())["version"]


def wait_for(version: str | None) -> None:
    """Wait until the server serves a version, or any."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as answer,
        ):
            if version in (None, json.load(answer)["model_version"]):
                return
        time.sleep(0.05)
    sys.exit(f"the server does not serve {version or 'anything'} after a minute")


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Give the median, the 99th percentile and the most, in milliseconds."""
    values = np.percentile(np.array(seconds) * 1e3, [50, 99, 100])
    return dict(zip(("p50", "p99", "most"), [round(float(value), 1) for value in values], strict=True))


if __name__ == "__main__":
    main()
