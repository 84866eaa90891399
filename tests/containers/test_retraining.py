"""The whole loop in containers: labelled drawings come in, a retrained version comes out, and there is a way back."""

import itertools
import json
import re
import urllib.error
import urllib.request

import pytest
from served import ADMIN_TOKEN
from stacks import Stack, docker

LABELS_WANTED = 12
# A retraining of minutes in seconds: fewer steps, all else as it is in the image.
FEWER_STEPS = "\nEPOCHS, STEPS = 2, 10\n"
OVERRIDE = """\
services:
  algo_container:
    volumes: [./retraining.py:/projet_digit/algo_container/trainer/retraining.py:ro]
"""


@pytest.fixture
def stack(stacks, images, small_data) -> Stack:
    stack = stacks()
    stack.take(small_data)
    code = (images / "algo_container" / "trainer" / "retraining.py").read_text()
    (stack.folder / "retraining.py").write_text(code + FEWER_STEPS)
    (stack.folder / "docker-compose.override.yml").write_text(OVERRIDE)
    stack.environment |= {"EPOCHS": "1", "BATCH_SIZE": "50", "MIN_ACCURACY": "0", "STROKES": ""}
    stack.environment |= {"RETRAIN_AFTER": str(LABELS_WANTED), "ADMIN_TOKEN": ADMIN_TOKEN}
    return stack


def test_labels_lead_to_a_version_that_is_served_or_refused_and_a_person_can_go_back(stack, samples):
    stack.up()
    shipped = stack.wait_until(lambda: stack.get("/readyz"))["model_version"]
    parent = stack.wait_until(
        lambda: (version := stack.get("/readyz")["model_version"]) != shipped and version, timeout_s=120
    )
    stack.wait_until(lambda: stack.get("/training/status")["job"]["stage"] == "done")

    drawings = [
        {"strokes": sample.strokes, "label": sample.label, "session": sample.writer}
        for sample in itertools.islice(samples, 0, None, len(samples) // LABELS_WANTED)
    ][:LABELS_WANTED]
    ids = {stack.post("/feedback", drawing)["id"] for drawing in drawings[1:]}
    stack.wait_until(lambda: stack.get("/training/status")["watcher"]["new_labels"] == LABELS_WANTED - 1)
    facts = stack.get("/training/status")
    assert facts["watcher"]["watching"] and facts["watcher"]["labels_wanted"] == LABELS_WANTED
    assert facts["job"]["job"] == "training"

    ids.add(stack.post("/feedback", drawings[0])["id"])
    stages = []

    def done() -> dict | None:
        job = stack.get("/training/status")["job"]
        if job["job"] == "retraining" and job["stage"] not in stages:
            stages.append(job["stage"])
        return job["outcome"] if job["job"] == "retraining" else None

    outcome = stack.wait_until(done, timeout_s=180)
    assert "learning" in stages and stages[-1] == "done"
    assert outcome["verdict"] in ("served", "refused"), outcome
    made = json.loads((stack.shared_dir / "versions" / outcome["version"] / "manifest.json").read_text())
    assert made["parent"] == parent and made["gate"]["verdict"] == outcome["verdict"]
    learned, examined = set(made["feedback"]["learned"]), set(made["feedback"]["examined"])
    assert learned and examined and not learned & examined and learned | examined <= ids
    expected = outcome["version"] if outcome["verdict"] == "served" else parent
    stack.wait_until(lambda: stack.get("/readyz")["model_version"] == expected, timeout_s=5)
    assert stack.look_again()["new_labels"] == 0

    with pytest.raises(OSError, match="401"):
        stack.post("/training/rollback", {"version": shipped})
    stack.change("/training/rollback", {"version": shipped})
    stack.wait_until(lambda: stack.get("/readyz")["model_version"] == shipped, timeout_s=5)
    assert stack.look_again().items() >= {"new_labels": 0, "error": None}.items()

    # Started again, it neither trains from scratch nor repeats what it has learned.
    docker("restart", stack.container("algo_container"))
    stack.wait_until(lambda: "nothing to do" in stack.log("algo_container"))
    assert stack.look_again()["new_labels"] == 0
    assert stack.get("/readyz")["model_version"] == shipped
    assert stack.trainer_is_steady()


def test_what_is_not_public_takes_the_administrators_token_which_the_log_tells_if_nobody_chose_one(stacks):
    stack = stacks()
    stack.environment |= {"TRAINING_PUBLIC": "0"}
    stack.start()
    with pytest.raises(OSError, match="401"):
        stack.get("/training/status")
    made = re.search(r"administrator with the token (\S+)", stack.log("ui_container")).group(1)
    for token, status in ((made, 204), (made[1:], 403)):
        request = urllib.request.Request(f"{stack.url}/training/admin", headers={"Authorization": f"Bearer {token}"})
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            assert answer.status == status
