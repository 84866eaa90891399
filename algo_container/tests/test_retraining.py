"""A retraining from the feedback store to a version, served or refused, as a person starts it."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from conftest import digit_table
from loop_fixtures import Store, served
from trainer.dataset import SIDE, Part, normalise
from trainer.errors import RetrainError
from trainer.feedback_store import Labelled
from trainer.feeding import feed
from trainer.lesson import FIRST_DENSE, Lesson
from trainer.network import build_cnn
from trainer.parent import read_parent
from trainer.people import digest, take_sides
from trainer.sources import Sources, Steps, gather
from trainer.strokes import NOT_A_DIGIT

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"
SCHEMA = Path(__file__).parents[2] / "shared" / "manifest.schema.json"
# A retraining of a few steps, with what is drawn for it cut short.
QUICK = """
import sys
import cnn_mnist
from trainer import retraining
retraining.EPOCHS, retraining.STEPS, retraining.FORMS, retraining.NON_DIGITS = 2, 5, 40, 40
retraining.EXAMINED_FORMS, retraining.TRUSTED_ROWS, retraining.UNSURE_ROWS = 50, 300, 50
{patch}
sys.exit(cnn_mnist.main())
"""
# What is measured is measured, whatever is decided then.
DECIDE = """
judge = retraining.judge
retraining.judge = lambda *examinations: {{**judge(*examinations), 'verdict': '{verdict}', 'reasons': {reasons}}}
"""
SERVE = DECIDE.format(verdict="served", reasons=[])
REFUSE = DECIDE.format(verdict="refused", reasons=["it forgot the 7", "and the 1"])
DAY = date(2026, 1, 1)
STROKES = [[[0, 0], [100, 0], [40, 120]]]


def retrain(shared_dir: Path, data: Path, patch: str = "", *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", QUICK.format(patch=patch), "--retrain", "--out", shared_dir, "--data", data]
    return subprocess.run(
        [*command, "--min-accuracy", "0", *options], cwd=PROGRAM.parent, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def base(easy_data, tmp_path_factory) -> Path:
    """A folder with a model that reads bars, trained from scratch."""
    out = tmp_path_factory.mktemp("base")
    options = ["--data", easy_data, "--out", out, "--epochs", "2", "--batch-size", "20", "--min-accuracy", "0"]
    subprocess.run([sys.executable, PROGRAM, *options], check=True, capture_output=True)
    return out


@pytest.fixture
def shared_dir(base, tmp_path) -> Path:
    subprocess.run(["cp", "-r", base, tmp_path / "shared"], check=True)
    return tmp_path / "shared"


@pytest.fixture
def store(shared_dir) -> Store:
    """A store with twenty bars by two people, half of them with strokes; a person vouched for all."""
    store = Store(shared_dir)
    send_bars(store, seed=7)
    return store


def send_bars(store: Store, seed: int) -> None:
    for number, (label, *pixels) in enumerate(digit_table(20, seed).to_numpy()):
        store.add(int(label), np.array(pixels), STROKES if number % 2 else None, session=f"person-{number % 2}")
    store.connection.execute("UPDATE feedback SET accepted_at = '2026-01-01 00:00:00'")


def outcome(shared_dir: Path) -> dict:
    status = json.loads((shared_dir / "training" / "status.json").read_text())
    assert status["stage"] == "done" and status["job"] == "retraining"
    return status["outcome"]


def newest(shared_dir: Path) -> dict:
    paths = (shared_dir / "versions").glob("[!.]*/manifest.json")
    return json.loads(max(paths, key=lambda path: path.stat().st_mtime).read_text())


def test_what_the_gate_lets_through_serves_and_says_where_it_comes_from(shared_dir, store, easy_data):
    parent = served(shared_dir)
    result = retrain(shared_dir, easy_data, SERVE)
    assert result.returncode == 0, result.stderr
    version = served(shared_dir)
    manifest = newest(shared_dir)
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker())
    assert version != parent and (manifest["version"], manifest["parent"]) == (version, parent)
    assert manifest["base"]["version"] == parent and manifest["base"]["training"]["epochs"] == 2
    feedback = manifest["feedback"]
    assert len(feedback["learned"]) + len(feedback["examined"]) == 20 and feedback["through"] == 20
    labels = dict(store.connection.execute("SELECT id, label FROM feedback").fetchall())
    assert {**feedback["learned"], **feedback["examined"]} == labels
    assert outcome(shared_dir) == {"verdict": "served", "version": version, "reason": None}
    folder = shared_dir / "versions" / version
    assert len(json.loads((folder / "history.json").read_text())["loss"]) == 2
    gate, report = manifest["gate"], json.loads((shared_dir / "versions" / parent / "report.json").read_text())
    assert (gate["mnist"]["n"], gate["mnist"]["parent_correct"]) == (100, report["correct"])
    assert gate["drawn"]["of"] == "forms" and gate["feedback"]["n"] == len(feedback["examined"]) >= 4
    layers = json.loads((folder / "model.json").read_text())["config"]["layers"]
    assert all(layer["config"].get("trainable", True) for layer in layers)


def test_what_the_gate_refuses_is_kept_with_the_reasons_and_does_not_serve(shared_dir, store, easy_data):
    parent = served(shared_dir)
    result = retrain(shared_dir, easy_data, REFUSE)
    manifest = newest(shared_dir)
    assert result.returncode == 3 and served(shared_dir) == parent
    assert manifest["version"] != parent and manifest["gate"]["reasons"] == ["it forgot the 7", "and the 1"]
    reason = "it forgot the 7; and the 1"
    assert outcome(shared_dir) == {"verdict": "refused", "version": manifest["version"], "reason": reason}
    assert f"version {manifest['version']} is refused: {reason}" in result.stderr


def test_an_empty_store_is_nothing_to_learn_from(shared_dir, easy_data):
    result = retrain(shared_dir, easy_data)
    assert result.returncode == 0 and "the feedback store holds no drawing yet" in result.stdout
    assert outcome(shared_dir)["verdict"] == "nothing"


def test_held_back_drawings_are_listed_and_lead_to_no_model(shared_dir, easy_data):
    store = Store(shared_dir)
    same = np.arange(784) % 256
    picture = normalise(same.astype(np.uint8).reshape(1, SIDE, SIDE))
    # A label that the model believes would be the honest one.
    least_believed = read_parent(shared_dir).opinion(picture).probabilities[0].argsort()[:5]
    ids = [store.add(int(label), same) for label in least_believed]
    parent = served(shared_dir)
    result = retrain(shared_dir, easy_data)
    assert result.returncode == 0 and "of 5 drawings 5 are held back" in result.stdout and served(shared_dir) == parent
    checks = json.loads((shared_dir / "training" / "checks.json").read_text())
    assert {entry["id"] for entry in checks["held_back"]} == set(ids) and checks["model_version"] == parent
    attempt = json.loads((shared_dir / "training" / "attempt.json").read_text())
    assert (attempt["parent"], attempt["through"]) == (parent, 5)


def test_a_rollback_during_the_training_wins(shared_dir, store, easy_data):
    retrain(shared_dir, easy_data, SERVE)
    retrained = served(shared_dir)
    send_bars(store, seed=8)
    meanwhile = SERVE + "\nreal = retraining.examine\n"
    meanwhile += "retraining.examine = lambda *a: (cnn_mnist.roll_back(a_dir), real(*a))[1]\n"
    meanwhile += f"from pathlib import Path\na_dir = Path({str(shared_dir)!r})"
    result = retrain(shared_dir, easy_data, meanwhile)
    assert result.returncode == 1 and "went out of service meanwhile" in result.stderr
    assert served(shared_dir) != retrained and outcome(shared_dir)["verdict"] == "failed"


@pytest.mark.parametrize("damage", ["no is_digit", "other network", "another's probe"])
def test_a_model_that_is_not_of_this_trainer_is_not_retrained(shared_dir, damage):
    folder = shared_dir / "versions" / served(shared_dir)
    assert read_parent(shared_dir).version == served(shared_dir)
    if damage == "no is_digit":
        (folder / "is_digit.json").unlink()
    elif damage == "other network":
        (folder / "model.h5").write_bytes(b"no HDF5")
    else:
        build_cnn().save_weights(folder / "other.weights.h5")
        (folder / "other.weights.h5").rename(folder / "model.h5")
    with pytest.raises(RetrainError, match="train one first, or go back to one"):
        read_parent(shared_dir)


def test_a_pair_of_the_users_own_is_not_retrained(shared_dir):
    (shared_dir / "manifest.json").unlink()
    with pytest.raises(RetrainError, match="a pair of your own is served, but not retrained"):
        read_parent(shared_dir)


def test_a_bad_store_url_is_refused_by_the_option():
    command = [sys.executable, PROGRAM, "--retrain", "--feedback", "nonsense"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "expected a database's URL" in result.stderr


def people(*counts: int) -> list[Labelled]:
    """So many drawings by each person."""
    return [
        Labelled(f"{person}-{number}", number % 10, np.full((28, 28), number, np.uint8), None, f"p{person}", False, DAY)
        for person, count in enumerate(counts)
        for number in range(count)
    ]


def test_whole_persons_are_held_out_where_there_are_enough():
    for seed in range(10):
        sides = take_sides(people(10, 10, 10, 10, 10, 10), (), seed)
        assert sides.by == "person" and 10 <= len(sides.examined) <= 24
        assert not {d.session for d in sides.examined} & {d.session for d in sides.learned}


def test_one_person_is_held_out_by_drawings_and_never_the_same_ones_for_ever():
    sides = [take_sides(people(50), (), seed) for seed in range(20)]
    assert {side.by for side in sides} == {"drawing"} and {len(side.examined) for side in sides} == {10}
    assert len({d.id for side in sides for d in side.examined}) == 50
    assert len({tuple(d.id for d in take_sides(people(50), (), 3).examined) for _ in range(3)}) == 1


def test_a_person_who_sent_most_of_it_is_not_held_out_whole():
    assert take_sides(people(40, 5), (), 1).by == "drawing"


def test_too_few_to_hold_any_out_are_not_learned_from_unexamined():
    assert take_sides(people(9), (), 0).examined == [] and take_sides([], (), 0).examined == []
    assert len(take_sides(people(10), (), 0).examined) == 5


def test_nobody_is_examined_on_what_the_parent_has_learned():
    drawings = people(20, 10, 10)
    known = {d.id for d in drawings if d.session == "p0"} | {"1-3"}
    for seed in range(10):
        sides = take_sides(drawings, known, seed)
        assert not {d.id for d in sides.examined} & known and len(sides.examined) >= 5
        assert {d.session for d in sides.examined} == {"p2"} or sides.by == "drawing"
    assert take_sides(drawings, {d.id for d in drawings[:-9]}, 0).examined == []


def test_the_digest_follows_labels_and_drawings_and_not_their_order():
    drawings = people(3)
    other = Labelled("0-0", 5, drawings[0].pixels, None, None, False, DAY)
    assert digest(drawings) == digest(drawings[::-1]) != digest([other, *drawings[1:]])


def test_a_frozen_lesson_changes_only_what_follows_the_convolutions():
    network = build_cnn()
    before = [weights.copy() for weights in network.get_weights()]
    lesson = Lesson(network, 1, freeze=True)
    part = Part(np.random.default_rng(0).random((64, 28, 28, 1), dtype=np.float32), np.arange(64, dtype=np.uint8) % 10)
    lesson.compile(optimizer="adam", jit_compile=False)
    steps = Steps(gather(part, None, [], seed=1), 32, seed=1, steps=3)
    lesson.fit(feed(lambda: steps, len(steps)), shuffle=False, verbose=0)
    lesson.thaw()
    fixed = sum(len(layer.weights) for layer in network.layers[:FIRST_DENSE])
    changed = [not np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True)]
    assert changed == [False] * fixed + [True] * 4
    assert all(layer.trainable for layer in network.layers)


def test_a_step_holds_every_kind_in_its_share_and_an_epoch_as_many_steps_as_asked():
    part = Part(np.zeros((50, 28, 28, 1), np.float32), np.zeros(50, np.uint8))
    more = Part(np.ones((3, 28, 28, 1), np.float32), np.ones(3, np.uint8))
    drawn = gather(part, None, [], seed=1).drawings
    steps = Steps(Sources(part, drawn, ((more, 0.25),)), 100, seed=1, steps=7)
    (pictures, points, _), labels = steps[6]
    assert len(steps) == 7 and len(labels) == 100 == len(pictures) + len(points)
    assert pictures[:, 0, 0, 0].sum() == 25 and labels[len(pictures) - 25 : len(pictures)].tolist() == [1] * 25
    assert (labels == NOT_A_DIGIT).sum() == 16
