"""What the training page asks: the trainer's own words, the versions, the drawings, and what can be changed."""

import base64
import json
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ADMIN, PRETRAINED, ask_database, on_both_databases, publish
from digit_ui import engine
from digit_ui.database import Feedback
from digit_ui.settings import Settings

TORN = ["", "{", '{"stage": "learning"', "[]", "null", "3", '"text"', "\x00\x01", "{" * 100_000, '{"stage": 3}']
HOSTILE_NAMES = [
    "..",
    "%2e%2e",
    "%2e%2e%2fpretrained",
    "..%2f..",
    ".partial-v1",
    "v1%00",
    "v1%0a",
    "%2fetc",
    "v1 ",
    "x" * 65,
]


@pytest.fixture
def client(app):
    """A client without the token."""
    return app.test_client()


@pytest.fixture
def administrator(app):
    """A client that sends the token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = ADMIN["Authorization"]
    return client


def write(shared_dir: Path, name: str, content: object, age_s: float = 0) -> Path:
    path = shared_dir / "training" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def version(shared_dir: Path, name: str, created_at: str = "2026-01-01T00:00:00Z", **facts: object) -> Path:
    folder = shared_dir / "versions" / name
    folder.mkdir(parents=True)
    manifest = {"version": name, "created_at": created_at, "probe": {"inputs": [[0] * 784]}, **facts}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def add(app, label: int = 3, digit: int | None = None, **facts: object) -> str:
    drawing = {"pixels": bytes([label] * 784), "original": b"[]", "original_type": "application/json"}
    return app.extensions["feedback"].add(Feedback(label=label, digit=digit, **drawing, **facts))


def actions(settings: Settings) -> list[tuple]:
    return ask_database(settings, "SELECT kind, feedback_id, version, label FROM actions ORDER BY number")


def items(client, query: str = "") -> list[dict]:
    return client.get(f"/training/feedback?{query}").get_json()["items"]


def refusal(answer) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json(force=True)["code"]


def test_the_page_is_served_in_both_languages(client):
    french, english = client.get("/training"), client.get("/training?lang=en")
    assert french.status_code == english.status_code == 200
    assert '<html lang="fr">' in french.text and '<html lang="en">' in english.text
    assert {"Accept-Language", "Cookie"} <= set(french.vary)


def test_before_anything_was_trained_the_status_is_empty(client):
    status = client.get("/training/status").get_json()
    assert status.pop("revision")
    assert status == {"model_version": None, "model_origin": None, "watcher": None, "job": None}


def test_the_status_tells_what_the_trainer_said(client, app, shared_dir):
    publish(shared_dir, "v1")
    app.extensions["model"].refresh()
    job = {"job": "retraining", "stage": "learning", "epoch": 3, "points": [[0.5, 1.0, 0.9]], "outcome": None}
    watcher = {"updated_at": "2026-01-01T00:00:00Z", "new_labels": 4, "labels_wanted": 20, "error": None}
    write(shared_dir, "status.json", job)
    write(shared_dir, "watcher.json", watcher)
    status = client.get("/training/status").get_json()
    assert (status["model_version"], status["model_origin"]) == ("v1", "published model")
    assert status["job"] == {**job, "alive": True} and status["watcher"] == {**watcher, "watching": True}


@pytest.mark.parametrize(
    ("stage", "job_age_s", "watcher_age_s", "alive", "watching"),
    [
        ("learning", 100, 0, True, True),
        ("learning", 130, 0, False, True),
        ("learning", 130, 70, False, False),
        ("learning", 0, 70, True, True),
        ("learning", -3600, -3600, True, True),
        ("done", 0, 50, False, True),
        ("done", 0, 70, False, False),
    ],
)
def test_a_trainer_that_has_fallen_silent_is_not_taken_for_alive(
    client, shared_dir, stage, job_age_s, watcher_age_s, alive, watching
):
    write(shared_dir, "status.json", {"stage": stage}, job_age_s)
    write(shared_dir, "watcher.json", {}, watcher_age_s)
    status = client.get("/training/status").get_json()
    assert (status["job"]["alive"], status["watcher"]["watching"]) == (alive, watching)


@pytest.mark.parametrize("content", TORN)
def test_a_torn_or_foreign_file_counts_as_absent(client, app, shared_dir, content):
    add(app)
    for name in ("status.json", "watcher.json", "checks.json"):
        write(shared_dir, name, content)
    status = client.get("/training/status")
    assert status.status_code == 200 and status.get_json()["job"] is None
    assert [item["held_back"] for item in items(client)] == [None]
    assert client.get("/training/feedback?held=1").get_json() == {"total": 0, "items": [], "next": None}


@pytest.mark.parametrize("obstacle", ["folder", "pipe"])
def test_what_is_no_file_counts_as_absent(client, shared_dir, obstacle):
    (shared_dir / "training").mkdir()
    path = shared_dir / "training" / "status.json"
    path.mkdir() if obstacle == "folder" else os.mkfifo(path)
    assert client.get("/training/status").get_json()["job"] is None


def test_numbers_that_json_does_not_know_become_null(client, shared_dir):
    write(shared_dir, "status.json", '{"stage": "learning", "points": [[1, NaN, 0.5], [2, 1e999, -Infinity]]}')
    text = client.get("/training/status").text
    assert "NaN" not in text and "Infinity" not in text
    assert json.loads(text)["job"]["points"] == [[1, None, 0.5], [2, None, None]]


@on_both_databases
def test_the_revision_changes_with_all_that_the_page_lists_and_with_nothing_else(
    client, app, administrator, shared_dir
):
    seen = []

    def is_new() -> bool:
        revision = client.get("/training/status").get_json()["revision"]
        assert client.get("/training/status").get_json()["revision"] == revision
        seen.append(revision)
        return seen.count(revision) == 1

    assert is_new()
    publish(shared_dir, "v1")
    assert is_new(), "a version"
    app.extensions["model"].refresh()
    assert is_new(), "the model in service"
    write(shared_dir, "checks.json", {"held_back": []})
    assert is_new(), "the checks"
    first, second = add(app), add(app)
    assert is_new(), "a drawing"
    administrator.post(f"/training/feedback/{first}/accept")
    assert is_new(), "an accepted one"
    administrator.delete(f"/training/feedback/{second}")
    assert is_new(), "a deleted one"
    add(app)
    assert is_new(), "one more than before"
    write(shared_dir, "status.json", {"stage": "learning"})
    write(shared_dir, "watcher.json", {})
    (shared_dir / "versions" / ".partial-v2").mkdir()
    assert not is_new()


def test_the_status_is_told_although_the_store_is_out_of_reach(client, shared_dir):
    (shared_dir / "feedback").write_text("a file where a folder is wanted")
    write(shared_dir, "status.json", {"stage": "learning"})
    assert client.get("/training/status").get_json()["job"]["alive"]


def test_without_versions_the_list_is_empty(client):
    assert client.get("/training/versions").get_json() == {"in_service": None, "versions": []}


def test_the_versions_are_listed_newest_first_with_their_figures(client, app, shared_dir):
    publish(shared_dir, "v1")
    app.extensions["model"].refresh()
    gate = {"verdict": "served", "mnist": {"n": 10_000}, "drawn": {"n": 500, "candidate_correct": 490}, "probe": True}
    refused = {"verdict": "refused", "reasons": ["it reads fewer digits"]}
    version(shared_dir, "v3", "2026-03-01T00:00:00Z", parent="v2", gate=refused)
    (version(shared_dir, "v0", "2025-12-31T23:30:00-01:00") / "report.json").write_text('{"drawn": {"n": 7}}')
    version(
        shared_dir,
        "v2",
        "2026-02-01T00:00:00Z",
        parent="v1",
        gate=gate,
        metrics={"n": 10_000, "correct": 9950},
        training={"epochs": 3},
        feedback={"learned": {"a": 1, "b": 2}, "examined": {"c": 3}, "held_back": 4, "digest": "x", "through": 9},
    )
    answer = client.get("/training/versions").get_json()
    assert answer["in_service"] == "v1"
    by_name = {entry["version"]: entry for entry in answer["versions"]}
    assert list(by_name) == ["v3", "v2", "v0", "v1"]
    assert by_name["v2"] == {
        "version": "v2",
        "created_at": "2026-02-01T00:00:00Z",
        "parent": "v1",
        "in_service": False,
        "shipped": False,
        "verdict": "served",
        "reasons": [],
        "metrics": {"n": 10_000, "correct": 9950},
        "drawn": {"n": 500, "candidate_correct": 490},
        "feedback": {"learned": 2, "examined": 1},
        "gate": gate,
        "training": {"epochs": 3},
        "can_roll_back": True,
    }
    assert (by_name["v3"]["verdict"], by_name["v3"]["reasons"]) == ("refused", ["it reads fewer digits"])
    assert not by_name["v3"]["can_roll_back"]
    assert by_name["v1"]["in_service"] and not by_name["v1"]["can_roll_back"]
    assert (by_name["v1"]["verdict"], by_name["v1"]["gate"], by_name["v1"]["feedback"]) == (None, None, None)
    assert by_name["v0"]["drawn"] == {"n": 7} and by_name["v0"]["created_at"] == "2026-01-01T00:30:00Z"


def test_the_shipped_version_is_listed_once_and_can_be_gone_back_to(client, app, shared_dir):
    (shared_dir / "pretrained").symlink_to(PRETRAINED)
    (shipped,) = client.get("/training/versions").get_json()["versions"]
    assert shipped["shipped"] and shipped["can_roll_back"]
    (shared_dir / "versions").mkdir()
    (shared_dir / "versions" / shipped["version"]).symlink_to(PRETRAINED)
    assert client.get("/training/versions").get_json()["versions"] == [shipped]
    app.extensions["model"].refresh()
    (shipped,) = client.get("/training/versions").get_json()["versions"]
    assert shipped["in_service"] and not shipped["can_roll_back"]


def test_what_is_no_version_is_left_out(client, shared_dir):
    version(shared_dir, "good")
    version(shared_dir, ".partial-v2", version="v2")
    version(shared_dir, "renamed", version="good")
    version(shared_dir, "timeless", created_at="yesterday")
    version(shared_dir, "strange", gate={"verdict": "perhaps"})
    for number, content in enumerate(TORN):
        (version(shared_dir, f"torn-{number}") / "manifest.json").write_text(content)
    (shared_dir / "versions" / "empty").mkdir()
    (shared_dir / "versions" / "file").write_text("")
    assert [entry["version"] for entry in client.get("/training/versions").get_json()["versions"]] == ["good"]
    for name in ("renamed", "timeless", "torn-0", "empty", "file", "v2"):
        assert refusal(client.get(f"/training/versions/{name}")) == (404, "unknown_version")


def test_a_version_is_read_again_when_its_manifest_has_changed(client, shared_dir):
    folder = version(shared_dir, "v1", metrics={"n": 1})
    assert client.get("/training/versions").get_json()["versions"][0]["metrics"] == {"n": 1}
    (folder / "manifest.json").write_text(
        json.dumps({"version": "v1", "created_at": "2026-01-01T00:00:00Z", "metrics": {"n": 22}})
    )
    assert client.get("/training/versions").get_json()["versions"][0]["metrics"] == {"n": 22}


def test_a_version_that_has_not_changed_is_not_read_again(client, shared_dir, monkeypatch):
    version(shared_dir, "v1")
    before = client.get("/training/versions").get_json()
    monkeypatch.setattr(Path, "read_bytes", lambda _path: pytest.fail("read again"))
    assert client.get("/training/versions").get_json() == before


def test_a_version_is_shown_without_its_probe(client, shared_dir):
    folder = version(shared_dir, "v1", gate={"verdict": "served"}, data={"train": {"rows": 5}})
    shown = client.get("/training/versions/v1").get_json()
    assert shown["manifest"]["data"] == {"train": {"rows": 5}} and "probe" not in shown["manifest"]
    assert (shown["report"], shown["history"]) == (None, None)
    (folder / "report.json").write_text('{"n": 5}')
    (folder / "history.json").write_text('{"loss": [NaN, 0.5]}')
    shown = client.get("/training/versions/v1").get_json()
    assert (shown["report"], shown["history"]) == ({"n": 5}, {"loss": [None, 0.5]})


def test_the_shipped_versions_report_is_shown(client, shared_dir):
    (shared_dir / "pretrained").symlink_to(PRETRAINED)
    name = json.loads((PRETRAINED / "manifest.json").read_text())["version"]
    shown = client.get(f"/training/versions/{name}").get_json()
    assert shown["report"] == json.loads((PRETRAINED / "report.json").read_text())
    assert shown["history"] == json.loads((PRETRAINED / "history.json").read_text())


def test_a_versions_files_can_be_kept(client, shared_dir):
    folder = publish(shared_dir, "v1")
    for name in ("training.log", "curves.png", "reliability.png", "confusion.png", "mistakes.png", "report.json"):
        (folder / name).write_bytes(name.encode())
    for name in ("model.json", "model.h5", "manifest.json", "training.log", "curves.png", "report.json"):
        with client.get(f"/training/versions/v1/{name}") as answer:
            assert answer.status_code == 200 and answer.data == (folder / name).read_bytes()
            assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"


@pytest.mark.parametrize("name", ["secret.txt", "history.json", "..", "%2e%2e%2fmanifest.json", "model.json%00", ""])
def test_no_other_file_is_sent(client, shared_dir, name):
    (publish(shared_dir, "v1") / "secret.txt").write_text("secret")
    assert client.get(f"/training/versions/v1/{name}").status_code == 404


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_version_name_reaches_no_file(client, administrator, shared_dir, name):
    publish(shared_dir, "v1")
    (shared_dir / "pretrained").symlink_to(PRETRAINED)
    for path in (f"/training/versions/{name}", f"/training/versions/{name}/manifest.json"):
        assert client.get(path, follow_redirects=True).status_code == 404
    assert refusal(administrator.post("/training/rollback", json={"version": name})) == (404, "unknown_version")


@on_both_databases
def test_retraining_and_going_back_are_asked_of_the_trainer(administrator, settings, shared_dir):
    version(shared_dir, "v1")
    first, second = administrator.post("/training/retrain"), administrator.post("/training/retrain", json={})
    third = administrator.post("/training/rollback", json={"version": "v1"})
    assert [answer.status_code for answer in (first, second, third)] == [202, 202, 202]
    assert [answer.get_json() for answer in (first, second, third)] == [{"request": n} for n in (1, 2, 3)]
    assert actions(settings) == [
        ("retrain", None, None, None),
        ("retrain", None, None, None),
        ("rollback", None, "v1", None),
    ]


def test_there_is_no_way_back_to_what_serves_or_was_refused(administrator, app, settings, shared_dir):
    publish(shared_dir, "v1")
    version(shared_dir, "v2", gate={"verdict": "refused", "reasons": []})
    app.extensions["model"].refresh()
    for name in ("v1", "v2"):
        answer = administrator.post("/training/rollback", json={"version": name})
        assert refusal(answer) == (409, "not_possible") and name in answer.get_json(force=True)["detail"]
    assert refusal(administrator.post("/training/rollback", json={"version": "v3"})) == (404, "unknown_version")
    assert not Path(settings.database_url.database).exists()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", (400, "bad_json")),
        (b"{", (400, "bad_json")),
        (b"[" * 100_000, (400, "bad_json")),
        (b"[]", (422, "bad_field")),
        (b"{}", (422, "bad_field")),
        (b'{"version": 3, "label": 10}', (422, "bad_field")),
        (b'{"version": null, "label": null}', (422, "bad_field")),
        (b'{"version": ["v1"], "label": "x"}', (422, "bad_field")),
        (b'{"label": 3.5}', (422, "bad_field")),
        (b'{"label": -1}', (422, "bad_field")),
        (b'{"label": true}', (422, "bad_field")),
    ],
)
def test_a_body_that_does_not_say_what_is_wanted_is_refused(administrator, app, body, wanted):
    drawing = add(app)
    for path in ("/training/rollback", f"/training/feedback/{drawing}/correct"):
        assert refusal(administrator.post(path, data=body)) == wanted
    assert items(administrator)[0]["label"] == 3


@on_both_databases
def test_a_drawing_is_shown_with_all_that_is_known(client, app, shared_dir):
    first = add(app, 3, 8, model_version="v1")
    second = add(app, 4, 4)
    third = add(app, 5)
    write(shared_dir, "checks.json", {"held_back": [{"id": first, "reason": "contradicted", "answer": 8}]})
    answer = client.get("/training/feedback").get_json()
    assert (answer["total"], answer["next"]) == (3, None)
    assert [item["id"] for item in answer["items"]] == [third, second, first]
    shown = answer["items"][2]
    assert shown.pop("created_at")[-1] == "Z"
    assert base64.b64decode(shown.pop("pixels")) == bytes([3] * 784)
    assert shown == {
        "id": first,
        "number": 1,
        "label": 3,
        "digit": 8,
        "model_version": "v1",
        "wrong": True,
        "accepted": False,
        "held_back": {"reason": "contradicted", "answer": 8},
    }
    assert [item["wrong"] for item in answer["items"]] == [False, False, True]
    assert [item["held_back"] for item in answer["items"][:2]] == [None, None]


@on_both_databases
def test_the_time_of_a_drawing_is_in_utc_to_the_second(client, app, settings):
    add(app)
    ask_database(settings, "UPDATE feedback SET created_at = '2026-01-02 03:04:05.678901'")
    assert items(client)[0]["created_at"] == "2026-01-02T03:04:05Z"


@on_both_databases
def test_the_gallery_is_filtered_by_digit_and_by_what_was_read(client, app):
    for label, digit in ((1, 1), (1, 7), (2, None), (2, 2), (2, 7), (1, None)):
        add(app, label, digit)
    numbers = {
        query: [item["number"] for item in items(client, query)]
        for query in ("", "digit=1", "digit=3", "wrong=1", "digit=2&wrong=1", "wrong=0&held=0")
    }
    assert numbers == {
        "": [6, 5, 4, 3, 2, 1],
        "digit=1": [6, 2, 1],
        "digit=3": [],
        "wrong=1": [5, 2],
        "digit=2&wrong=1": [5],
        "wrong=0&held=0": [6, 5, 4, 3, 2, 1],
    }
    assert client.get("/training/feedback?digit=2&wrong=1").get_json()["total"] == 1


@on_both_databases
def test_held_back_are_those_that_still_exist_and_that_nobody_vouched_for(client, app, administrator, shared_dir):
    ids = [add(app, label, digit) for label, digit in ((1, 7), (1, 1), (2, 7), (2, 7), (1, 7))]
    held = [{"id": drawing, "reason": "flood"} for drawing in [*ids[:4], "gone", *["x"] * 3]]
    write(shared_dir, "checks.json", {"held_back": [*held, 3, {"id": 4}, {"reason": "flood"}, None]})

    def numbers(query: str) -> list[int]:
        answer = client.get(f"/training/feedback?held=1&{query}").get_json()
        assert answer["total"] == len(answer["items"])
        return [item["number"] for item in answer["items"]]

    assert numbers("") == [4, 3, 2, 1]
    assert numbers("digit=1") == [2, 1] and numbers("wrong=1") == [4, 3, 1] and numbers("digit=1&wrong=1") == [1]
    administrator.delete(f"/training/feedback/{ids[3]}")
    administrator.post(f"/training/feedback/{ids[2]}/accept")
    administrator.post(f"/training/feedback/{ids[1]}/correct", json={"label": 7})
    assert numbers("") == [1]
    assert [item["held_back"] for item in items(client)] == [None, None, None, {"reason": "flood"}]


@on_both_databases
def test_many_that_are_held_back_are_paged_like_the_others(client, app, shared_dir):
    ids = [add(app, number % 10) for number in range(30)]
    entries = [{"id": drawing, "reason": "flood"} for drawing in [*ids, *(f"gone-{n}" for n in range(70_000))]]
    write(shared_dir, "checks.json", {"held_back": entries})
    answer = client.get("/training/feedback?held=1&limit=20").get_json()
    assert (answer["total"], answer["next"]) == (30, 11)
    rest = client.get("/training/feedback?held=1&limit=20&before=11").get_json()
    assert ([item["number"] for item in rest["items"]], rest["next"]) == (list(range(10, 0, -1)), None)


@pytest.mark.parametrize("query", ["", "&digit=3", "&wrong=1"])
@on_both_databases
def test_pages_miss_and_repeat_nothing_although_drawings_come_and_go(client, app, administrator, query):
    ids = {number: add(app, 3, 8) for number in range(1, 51)}
    seen, before = [], ""
    while before is not None:
        answer = client.get(f"/training/feedback?limit=7{query}{before and f'&before={before}'}").get_json()
        seen += [item["number"] for item in answer["items"]]
        before = answer["next"]
        add(app, 3, 8)
        administrator.delete(f"/training/feedback/{ids[seen[-1]]}")  # the one at which the next page begins
    assert seen == list(range(50, 0, -1))


@on_both_databases
def test_pages_are_whole_while_others_send_drawings(client, app):
    before = [add(app) for _ in range(40)]
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            add(app)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    seen, following = [], ""
    while following is not None:
        answer = client.get(f"/training/feedback?limit=9{following and f'&before={following}'}").get_json()
        assert len(answer["items"]) == 9 or answer["next"] is None
        seen += [item["id"] for item in answer["items"]]
        following = answer["next"]
    done.set()
    for sender in senders:
        sender.join()
    assert len(seen) == len(set(seen)) and seen[-40:] == before[::-1]


def test_a_full_last_page_has_no_next(client, app):
    for _ in range(6):
        add(app)
    assert client.get("/training/feedback?limit=6").get_json()["next"] is None
    assert client.get("/training/feedback?limit=5").get_json()["next"] == 2
    assert client.get("/training/feedback?before=1").get_json() == {"total": 6, "items": [], "next": None}


@pytest.mark.parametrize(
    "query",
    [
        "digit=10",
        "digit=x",
        "digit=",
        "digit=３",
        "wrong=yes",
        "held=2",
        "limit=0",
        "limit=201",
        "limit=x",
        "before=0",
        "before=-1",
        "before=9223372036854775808",
        "before=x",
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(client, app, query):
    add(app)
    assert refusal(client.get(f"/training/feedback?{query}")) == (422, "bad_field")


@on_both_databases
def test_the_largest_numbers_are_understood(client, app):
    add(app)
    assert len(items(client, "before=9007199254740991&limit=200")) == 1


@on_both_databases
def test_a_drawing_is_set_right_and_it_is_written_down(administrator, app, settings):
    first, second, third = (add(app, 3, 8) for _ in range(3))
    accepted = administrator.post(f"/training/feedback/{first}/accept")
    corrected = administrator.post(f"/training/feedback/{second}/correct", json={"label": 8})
    deleted = administrator.delete(f"/training/feedback/{third}")
    assert (accepted.status_code, accepted.get_json()) == (200, {"id": first})
    assert (corrected.status_code, corrected.get_json()) == (200, {"id": second})
    assert (deleted.status_code, deleted.data) == (204, b"")
    shown = [(item["id"], item["label"], item["wrong"], item["accepted"]) for item in items(administrator)]
    assert shown == [(second, 8, False, True), (first, 3, True, True)]
    assert actions(settings) == [
        ("accept", first, None, None),
        ("correct", second, None, 8),
        ("delete", third, None, None),
    ]


@on_both_databases
def test_what_is_deleted_is_in_no_answer_and_no_export(administrator, app, settings):
    drawing = add(app)
    administrator.delete(f"/training/feedback/{drawing}")
    assert items(administrator) == [] and len(administrator.get("/feedback.csv").text.splitlines()) == 1
    assert ask_database(settings, "SELECT count(*) FROM feedback") == [(0,)]


def test_what_is_corrected_is_exported_with_its_new_label(administrator, app):
    administrator.post(f"/training/feedback/{add(app, 3)}/correct", json={"label": 5})
    assert administrator.get("/feedback.csv").text.splitlines()[1].startswith("5,")


@on_both_databases
def test_an_unknown_drawing_is_not_set_right_and_nothing_is_written_down(administrator, app, settings):
    gone = add(app)
    administrator.delete(f"/training/feedback/{gone}")
    for drawing in (gone, "x", "%25", "' OR 1=1 --", "x" * 5000):
        for answer in (
            administrator.post(f"/training/feedback/{drawing}/accept"),
            administrator.post(f"/training/feedback/{drawing}/correct", json={"label": 8}),
            administrator.delete(f"/training/feedback/{drawing}"),
        ):
            assert refusal(answer) == (404, "unknown_feedback")
    assert len(actions(settings)) == 1


def test_an_action_that_cannot_be_written_down_is_not_done(administrator, app, settings):
    drawing = add(app)
    with closing(sqlite3.connect(settings.database_url.database)) as connection:
        connection.execute(
            "CREATE TRIGGER no_actions BEFORE INSERT ON actions BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        connection.commit()
    assert administrator.delete(f"/training/feedback/{drawing}").status_code == 503
    assert administrator.post(f"/training/feedback/{drawing}/correct", json={"label": 8}).status_code == 503
    assert [(item["label"], item["accepted"]) for item in items(administrator)] == [(3, False)]


@on_both_databases
def test_two_who_delete_the_same_drawing_do_it_once(administrator, app, settings):
    drawing, answers = add(app), []
    start = threading.Barrier(4)

    def delete() -> None:
        start.wait()
        answers.append(app.test_client().delete(f"/training/feedback/{drawing}", headers=ADMIN).status_code)

    threads = [threading.Thread(target=delete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [204, 404, 404, 404]
    assert actions(settings) == [("delete", drawing, None, None)]


def test_a_locked_store_answers_503_to_changes_and_is_still_read(app, administrator, settings, monkeypatch, shared_dir):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.2)
    version(shared_dir, "v1")
    drawing = add(app)
    with closing(sqlite3.connect(settings.database_url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for answer in (
            administrator.post("/training/retrain"),
            administrator.post("/training/rollback", json={"version": "v1"}),
            administrator.post(f"/training/feedback/{drawing}/accept"),
            administrator.post(f"/training/feedback/{drawing}/correct", json={"label": 8}),
            administrator.delete(f"/training/feedback/{drawing}"),
        ):
            assert refusal(answer) == (503, "store_unavailable") and int(answer.headers["Retry-After"]) > 0
        assert len(items(administrator)) == 1
    assert administrator.post(f"/training/feedback/{drawing}/accept").status_code == 200
    assert actions(settings) == [("accept", drawing, None, None)]


def test_a_store_that_cannot_be_opened_answers_503(administrator, shared_dir):
    (shared_dir / "feedback").write_text("a file where a folder is wanted")
    for answer in (administrator.get("/training/feedback"), administrator.post("/training/retrain")):
        assert refusal(answer) == (503, "store_unavailable") and int(answer.headers["Retry-After"]) > 0


def test_no_answer_is_kept_by_a_browser_without_asking(client, shared_dir):
    publish(shared_dir, "v1")
    for path in ("", "/status", "/versions", "/versions/v1", "/versions/v1/model.json", "/feedback"):
        with client.get(f"/training{path}") as answer:
            assert answer.headers["Cache-Control"] == "no-cache", path


def test_every_filter_of_the_gallery_is_answered_by_an_index(app, settings):
    add(app)
    with closing(sqlite3.connect(settings.database_url.database)) as connection:
        for condition in ("label = 3", "digit != label AND number < 9", "label = 3 AND digit != label"):
            query = f"SELECT number FROM feedback WHERE {condition} ORDER BY number DESC LIMIT 60"  # noqa: S608
            (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
            assert "INDEX feedback_" in plan[3], plan
