"""A training run from CSV to published model, as a person starts it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from trainer.digit_forms import draw_digits
from trainer.published import published_from

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"
SCHEMA = Path(__file__).parents[2] / "shared" / "manifest.schema.json"
START = "import sys; sys.exit(cnn_mnist.main())"
QUICK = ["--epochs", "2", "--batch-size", "20", "--min-accuracy", "0.3"]


def command(data: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, str(PROGRAM), "--data", str(data), "--out", str(out), *more]


def run(data: Path, out: Path, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(data, out, *more), capture_output=True, text=True, check=False)


@contextlib.contextmanager
def training_at_work(data: Path, out: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Start a training of 500 epochs and hand it over in its third."""
    with subprocess.Popen(
        command(data, out, "--epochs", "500", "--min-accuracy", "0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    ) as training:
        while "Epoch   2/500" not in (line := training.stdout.readline()):
            assert line, training.stderr.read()
        try:
            yield training
        finally:
            training.kill()


def published(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def trained(easy_data, tmp_path_factory) -> tuple[Path, str]:
    """A folder with one published model and what the run printed."""
    out = tmp_path_factory.mktemp("shared")
    result = run(easy_data, out, *QUICK)
    assert result.returncode == 0, result.stderr
    return out, result.stdout


def test_the_manifest_keeps_the_contract(trained):
    manifest = published(trained[0])
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker())
    assert manifest["metrics"]["n"] == 100 and manifest["data"]["train"]["rows"] == 400
    assert manifest["training"]["rows"] == 360 and manifest["training"]["quick"] is False
    assert set(manifest["files"]) == {"model.json", "model.h5", "is_digit.json", "model.onnx"}
    assert "strokes" not in manifest["data"]
    form = {**json.loads(SCHEMA.read_text())["$defs"]["is_digit"]}
    is_digit = json.loads((trained[0] / "is_digit.json").read_text())
    jsonschema.validate(is_digit, form)
    assert len(is_digit["weights"]) == 256


def test_the_versions_folder_holds_the_model_and_what_people_look_at(trained):
    out, _ = trained
    folder = out / "versions" / published(out)["version"]
    names = {path.name for path in folder.iterdir()}
    pictures = {"curves.png", "confusion.png", "mistakes.png", "reliability.png"}
    model = {"model.json", "model.h5", "is_digit.json", "model.onnx", "manifest.json"}
    assert names == model | {"report.json", "history.json", "training.log"} | pictures
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    for name in model:
        assert (folder / name).read_bytes() == (out / name).read_bytes()
    report = json.loads((folder / "report.json").read_text())
    assert np.sum(report["confusion_matrix"]) == 100
    assert report["correct"] == np.trace(report["confusion_matrix"])
    assert len(json.loads((folder / "history.json").read_text())["val_accuracy"]) == 2


def test_the_log_has_a_bar_an_epoch_and_no_control_characters(trained):
    _, output = trained
    bars = re.findall(
        r"^Epoch (\d)/2 \[#+-*\] [\d.]+ s, ETA \d+ min \d\d s  .*loss [\d.]+.*accuracy [\d.]+", output, re.M
    )
    assert bars == ["1", "2"]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", output)
    for words in ("of the 100 digits", "95 % interval", "precision", "confusions"):
        assert words in output


READER = """
import json, sys, keras, numpy as np
folder = sys.argv[1]
probe = json.load(open(f"{folder}/manifest.json"))["probe"]
x = np.array(probe["inputs"], "float32").reshape(-1, 28, 28, 1) / 255
whole = keras.models.load_model(f"{folder}/model.h5", compile=False)
pair = keras.models.model_from_json(open(f"{folder}/model.json").read())
pair.load_weights(f"{folder}/model.h5")
assert max(np.abs(model.predict(x, verbose=0) - probe["outputs"]).max() for model in (whole, pair)) < 1e-5
print([type(layer).__name__ for layer in pair.layers])
"""


def test_any_keras_program_reads_the_files_in_both_ways(trained):
    result = subprocess.run([sys.executable, "-c", READER, trained[0]], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    layers = ["Conv2D", "Dropout", "BatchNormalization", "MaxPooling2D"] * 2 + ["Flatten", "Dense", "Dense"]
    assert result.stdout.strip() == str(layers)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(trained, easy_data, tmp_path):
    digests = []
    for seed in ("1", "2"):
        assert run(easy_data, tmp_path / seed, *QUICK, "--seed", seed).returncode == 0
        digests.append(published(tmp_path / seed)["files"]["model.h5"]["sha256"])
    assert digests[0] == published(trained[0])["files"]["model.h5"]["sha256"]
    assert digests[0] != digests[1]


def test_a_model_below_the_minimum_is_not_published(easy_data, tmp_path):
    result = run(easy_data, tmp_path, "--epochs", "1", "--min-accuracy", "1.0", "--batch-size", "400")
    assert result.returncode == 1
    assert "is below the 100.00% that may be published" in result.stderr
    assert not (tmp_path / "manifest.json").exists()


def test_ctrl_c_ends_after_the_epoch_and_publishes_nothing(easy_data, tmp_path):
    with training_at_work(easy_data, tmp_path) as training:
        training.send_signal(signal.SIGINT)
        rest, _ = training.communicate(timeout=60)
    assert training.returncode == 130
    assert "stopping after this epoch" in rest and re.search(
        r"stopped after epoch \d+ of 500; nothing is published", rest
    )
    assert not (tmp_path / "manifest.json").exists() and not any((tmp_path / "versions").iterdir())


def test_a_stop_ends_it_at_once_and_keeps_what_was_published(easy_data, tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with training_at_work(easy_data, tmp_path) as training:
        training.send_signal(signal.SIGTERM)
        _, errors = training.communicate(timeout=5)
    assert training.returncode == 143
    assert errors.splitlines()[-1] == "cnn_mnist.py: told to stop; what was published before stays"
    assert (tmp_path / "manifest.json").read_text() == "{}" and not any((tmp_path / "versions").iterdir())


def test_unattended_it_trains_again_only_for_other_data_or_options(trained, easy_data, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(trained[0], out)
    again = run(easy_data, out, *QUICK, "--unattended")
    version = published(out)["version"]
    assert again.returncode == 0
    assert again.stdout.strip() == (
        f"version {version} serves, and the newest training had this data and these options: nothing to do"
    )
    (out / "model.h5").unlink()  # a publication that was cut short
    assert "Epoch 1/2" in run(easy_data, out, *QUICK, "--unattended").stdout
    assert "Epoch 1/1" in run(easy_data, out, *QUICK, "--epochs", "1", "--unattended").stdout
    other = tmp_path / "data"
    other.mkdir()
    (other / "train.csv").write_bytes((easy_data / "test.csv").read_bytes())
    (other / "test.csv").write_bytes((easy_data / "test.csv").read_bytes())
    assert "Epoch 1/2" in run(other, out, *QUICK, "--min-accuracy", "0", "--unattended").stdout


@pytest.fixture
def stroke_file(tmp_path) -> Path:
    """Drawn digits by four writers."""
    strokes, shapes = draw_digits(80, seed=3)
    path = tmp_path / "strokes.jsonl"
    lines = [
        json.dumps({"label": int(label), "writer": f"w{number % 4}", "strokes": shape})
        for number, (label, shape) in enumerate(zip(strokes.labels, shapes, strict=True))
    ]
    path.write_text("\n".join(lines))
    return path


def test_strokes_are_learned_from_and_unseen_writers_are_examined(easy_data, stroke_file, tmp_path):
    out = tmp_path / "out"
    result = run(easy_data, out, *QUICK, "--min-accuracy", "0", "--strokes", str(stroke_file))
    assert result.returncode == 0, result.stderr
    assert "and 60 drawings by 3 writers to learn from" in result.stdout
    assert "of 20 drawings by 1 unseen writers are read right" in result.stdout
    manifest = published(out)
    assert manifest["data"]["strokes"]["rows"] == 80 and manifest["data"]["strokes"]["writers"] == 4
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text()))
    report = json.loads((out / "versions" / manifest["version"] / "report.json").read_text())
    assert (report["drawn"]["n"], report["drawn"]["writers"]) == (20, 1)
    for calibration in (report["calibration"], report["drawn"]["calibration"]):
        assert sum(group["n"] for group in calibration["groups"]) == calibration["n"]
    without = published_from(out, {"epochs": 2}, {part: manifest["data"][part] for part in ("train", "test")})
    assert without is None and published_from(out, {"epochs": 2}, manifest["data"]) == manifest["version"]


@pytest.mark.parametrize(("options", "status"), [([], 1), (["--unattended"], 0)])
def test_strokes_that_cannot_be_fetched_end_the_training_unless_it_is_a_service(easy_data, tmp_path, options, status):
    program = f"import trainer.uci; trainer.uci.ADDRESS = 'http://127.0.0.1:9/'; import cnn_mnist; {START}"
    arguments = [
        "--data",
        str(easy_data),
        "--out",
        str(tmp_path),
        *QUICK,
        "--epochs",
        "1",
        "--strokes",
        "uci",
        *options,
    ]
    command = [sys.executable, "-c", program, *arguments, "--min-accuracy", "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROGRAM.parent)
    assert result.returncode == status
    assert "the pen strokes could not be fetched from the UCI repository" in result.stderr
    assert ("training without them" in result.stderr) is (status == 0) is (tmp_path / "manifest.json").exists()


def test_a_faulty_stroke_file_is_refused_before_tensorflow_starts(easy_data, tmp_path):
    (tmp_path / "strokes.jsonl").write_text('{"label": 11, "strokes": [[[0, 0]]]}')
    result = run(easy_data, tmp_path, "--strokes", str(tmp_path / "strokes.jsonl"))
    assert result.returncode == 1
    assert result.stderr.strip() == "cnn_mnist.py: strokes.jsonl: line 1: label is 11, expected a whole number 0-9"


FOREIGN = '{"version": "x", "training": {"epochs": 2}, "data": []}'


@pytest.mark.parametrize("manifest", [None, "{}", "[]", "torn", FOREIGN])
def test_unattended_it_trains_where_nothing_of_its_own_is_published(easy_data, tmp_path, manifest):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    data = {"train": {"sha256": "0"}}
    assert published_from(tmp_path, {"epochs": 2}, data) is None


def test_a_sign_of_life_is_renewed_by_every_step_and_missed_when_it_stops(easy_data, tmp_path):
    file = tmp_path / "heartbeat"
    environment = {"HEARTBEAT_FILE": str(file)}
    with training_at_work(easy_data, tmp_path, **environment):
        os.utime(file, (0, 0))
        deadline = time.monotonic() + 20
        while file.stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def check() -> subprocess.CompletedProcess:
        arguments = [sys.executable, PROGRAM.parent / "trainer" / "heartbeat.py"]
        return subprocess.run(arguments, env={**os.environ, **environment}, capture_output=True, text=True, check=False)

    assert check().returncode == 0
    os.utime(file, (time.time() - 400,) * 2)
    assert check().returncode == 1 and "has not got on for 4" in check().stdout
    file.unlink()
    assert check().returncode == 1 and "the trainer has not begun" in check().stdout


def test_bad_data_are_refused_before_tensorflow_starts(easy_data, tmp_path):
    lines = (easy_data / "train.csv").read_text().splitlines()
    lines[17] = lines[17].rsplit(",", 1)[0]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    (tmp_path / "test.csv").write_bytes((easy_data / "test.csv").read_bytes())
    started = time.monotonic()
    result = run(tmp_path, tmp_path)
    assert result.returncode == 1
    assert result.stderr.strip() == "cnn_mnist.py: train.csv: row 17 has 783 pixels, expected 784"
    assert time.monotonic() - started < 30


def test_a_folder_that_cannot_be_written_is_named(easy_data, tmp_path):
    (tmp_path / "file").touch()
    result = run(easy_data, tmp_path / "file", *QUICK)
    assert result.returncode == 1 and "Epoch" not in result.stdout
    assert "the model could not be written" in result.stderr and "Traceback" not in result.stderr


TERMINAL = """
import pty, sys
status = pty.spawn(sys.argv[1:])
sys.exit(status >> 8)
"""


def test_on_a_terminal_a_bar_moves_within_the_epoch(easy_data, tmp_path):
    arguments = [sys.executable, "-c", TERMINAL, *command(easy_data, tmp_path, *QUICK)]
    # The bar by itself moves ten times a second at most, and a fast machine's epoch is over by then.
    environment = {**os.environ, "TQDM_MININTERVAL": "0"}
    result = subprocess.run(arguments, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=environment)
    assert result.returncode == 0, result.stdout
    moves = re.findall(r"\rEpoch 1/2 [^\r]*?(\d+)/28 [^\r]*loss", result.stdout.decode())
    assert len(moves) >= 2
    assert moves == sorted(moves, key=int)


def test_a_few_thousand_real_digits_teach_it_to_read_most(small_data, tmp_path):
    result = run(small_data, tmp_path / "out", "--epochs", "4", "--batch-size", "64", "--min-accuracy", "0.9")
    assert result.returncode == 0, result.stderr
