"""The trainer is killed a hundred times while it watches, trains, publishes and goes back, and the loop goes on."""

import contextlib
import hashlib
import json
import random
import subprocess
from collections import Counter

import pytest
from conftest import ALGO_PYTHON, ROOT
from killable_trainer import at_work
from test_both_programs import DIGIT_LIKE, TRAIN_ON_BARS, check_whole, repeating

KILLS = {"watch": 20, "retrain": 20, "publish": 30, "rollback": 30}


@pytest.fixture
def bars(tmp_path):
    """A small data set that can be learned in seconds."""
    subprocess.run([ALGO_PYTHON, "-c", TRAIN_ON_BARS, tmp_path / "data"], cwd=ROOT, check=True)
    return tmp_path / "data"


def test_killed_at_any_moment_it_loses_nothing_and_goes_on(server, bars, tmp_path):
    shared_dir, rng = server.shared_dir, random.Random(0)
    ids = [server.post("/feedback", {"strokes": DIGIT_LIKE, "label": label % 10})["id"] for label in range(12)]
    for feedback_id in ids:  # or they would be held back: the same drawing with many labels
        server.change(f"/training/feedback/{feedback_id}/accept", {})
    faults = []

    def read() -> None:
        try:
            check_whole(shared_dir)
            for manifest in (shared_dir / "versions").glob("[!.]*/manifest.json"):
                with contextlib.suppress(FileNotFoundError):  # pruned while it was looked at
                    files = json.loads(manifest.read_text())["files"]
                    for name, facts in files.items():
                        assert hashlib.sha256((manifest.parent / name).read_bytes()).hexdigest() == facts["sha256"]
        except Exception as error:  # noqa: BLE001 # any error of a reader is what this test is for
            faults.append(error)

    with at_work(shared_dir, tmp_path / "trainer.log", bars) as trainer, repeating(read, pause_s=0.01):
        lasts_s = {"watch": 1.0}
        for name in ("publish", "publish", "rollback", "retrain"):
            outcome, lasts_s[name] = trainer.do(name)
            assert outcome == "done", trainer.log()
        outcomes = Counter()
        for name in rng.sample(list(KILLS), counts=list(KILLS.values()), k=sum(KILLS.values())):
            outcome, took_s = trainer.do(name, kill_after_s=rng.uniform(0, lasts_s[name]))
            outcomes[name, outcome] += 1
            # The machine may have less other work by now.
            lasts_s[name] = took_s if outcome == "done" else lasts_s[name]
        # And the loop goes on: with what had been begun finished, each piece of work is done again.
        for name in ("rollback", "publish", "retrain"):
            assert trainer.do(name)[0] == "done", trainer.log()

    assert faults == []
    assert not [name for name, outcome in outcomes if outcome == "failed"], trainer.log()
    for name, count in KILLS.items():
        assert outcomes[name, "killed"] >= count / 3, outcomes
    assert [row["id"] for row in server.feedback()] == ids
    assert not (shared_dir / ".publish.intent").exists()
    versions = [path.name for path in (shared_dir / "versions").iterdir()]
    assert not [name for name in versions if name.startswith(".")] and 2 <= len(versions) <= 12
    published = check_whole(shared_dir)
    server.wait_until(lambda: server.get("/readyz")["model_version"] == published)
    assert "refused" not in server.log()
    status = server.get("/training/status")
    assert status["job"]["stage"] == "done" and status["job"]["outcome"]["verdict"] in ("served", "refused")
