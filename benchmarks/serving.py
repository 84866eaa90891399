"""Measure the server: size of its environment, start, memory, and the model's time against `keras.predict`.

    make bench

Each figure is the median of its repetitions, with the least and the most. Ratios are against a baseline measured in
the same run: the plainest way to ask the same network, `model.predict` of Keras.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "serving.json"
STARTS = 5
PREDICTIONS = 1000
BASELINE_PREDICTIONS = 100

MODEL_TIME = """
import json, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, "ui_container")
from digit_ui.artefacts import Candidate
from digit_ui.classifier import Classifier
from digit_ui.conversion import converted
artefact = Candidate("shipped model", Path("shared/pretrained"), has_manifest=True).read()
classifier = Classifier(artefact, converted(artefact, Path(sys.argv[1])))
predict = classifier.predict
"""
BASELINE_TIME = """
import json, os, sys, time
os.environ["KERAS_BACKEND"] = "openvino"
import keras, numpy as np
model = keras.models.model_from_json(open("shared/pretrained/model.json").read())
model.load_weights("shared/pretrained/model.h5")
predict = lambda pixels: model.predict(pixels.reshape(-1, 28, 28, 1) / np.float32(255), verbose=0)
"""
TIMED = """
pixels = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8)
for _ in range(10):
    predict(pixels)
durations = []
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    predict(pixels)
    durations.append((time.perf_counter() - started) * 1e3)
print(json.dumps(durations))
"""


def main() -> None:
    """Measure everything, print a table and write the results."""
    work = Path(tempfile.mkdtemp())
    try:
        figures = {
            "environment_mb": {"median": environment_mb()},
            "first_start_s": spread([start(work, fresh=True)[0] for _ in range(STARTS)]),
            **later_starts(work),
            "model_ms": spread(model_time(MODEL_TIME, work / "cache", PREDICTIONS)),
            "keras_predict_ms": spread(model_time(BASELINE_TIME, work / "cache", BASELINE_PREDICTIONS)),
        }
    finally:
        shutil.rmtree(work)
    ratio = figures["keras_predict_ms"]["median"] / figures["model_ms"]["median"]
    result = {"machine": describe_machine(), "figures": figures, "model_against_keras_predict": round(ratio, 1)}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for name, figure in figures.items():
        print(f"{name:24}", "  ".join(f"{key} {value:g}" for key, value in figure.items()))
    print(f"the model answers {ratio:.0f} times as fast as keras.predict, on {result['machine']}")


def spread(values: list[float]) -> dict[str, float]:
    """Give the median of the values with the least and the most of them."""
    numbers = {"median": statistics.median(values), "least": min(values), "most": max(values), "n": len(values)}
    return {name: round(value, 3) for name, value in numbers.items()}


def environment_mb() -> float:
    """Measure the installed environment as `du` does, in MB of 10^6 bytes."""
    seen: dict[int, int] = {}
    for path in Path(sys.prefix).rglob("*"):
        if not path.is_symlink() and path.is_file():
            facts = path.stat()
            seen[facts.st_ino] = facts.st_blocks * 512
    return round(sum(seen.values()) / 1e6, 1)


def later_starts(work: Path) -> dict[str, dict[str, float]]:
    """Start with the converted model in the cache, and weigh the worker once it has answered."""
    runs = [start(work, fresh=False) for _ in range(STARTS)]
    return {"later_start_s": spread([run[0] for run in runs]), "worker_mb": spread([run[1] for run in runs])}


def start(work: Path, *, fresh: bool) -> tuple[float, float]:
    """Start the server; return the seconds until /readyz answers 200 and the worker's resident MB after a request."""
    if fresh:
        shutil.rmtree(work / "cache", ignore_errors=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = work / "shared"
    shutil.copytree(ROOT / "shared" / "pretrained", shared / "pretrained", dirs_exist_ok=True)
    environment = {**os.environ, "SHARED_DIR": str(shared), "CACHE_DIR": str(work / "cache"), "PORT": str(port)}
    command = [sys.executable, "-m", "gunicorn", "-c", "ui_container/gunicorn.conf.py", "--pythonpath", "ui_container"]
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").close())
            ready_s = time.monotonic() - started
            body = json.dumps({"strokes": [[[0, 0], [9, 0], [4, 9]]]}).encode()
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"})
            ).close()
            return ready_s, worker_mb(server.pid)
        finally:
            server.terminate()


def wait(attempt: Callable[[], None]) -> None:
    """Repeat `attempt` until it does not fail."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return attempt()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def worker_mb(server_pid: int) -> float:
    """Give the resident memory of the server's one worker in MB of 10^6 bytes."""
    children = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text().split()
    status = Path(f"/proc/{children[0]}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def model_time(prepare: str, cache: Path, repetitions: int) -> list[float]:
    """Time single predictions in a process of their own, in ms."""
    command = [sys.executable, "-c", prepare + TIMED, str(cache), str(repetitions)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    durations: list[float] = json.loads(output)
    return durations


if __name__ == "__main__":
    main()
