"""What happened can be read at /metrics, from all workers together, with labels that no client can multiply."""

import contextlib
import gzip
import http.client
import json
import os
import signal
import time

import pytest
from conftest import DIGIT_STROKES, PRETRAINED, publish
from digit_ui import create_app
from digit_ui.problems import Problem
from digit_ui.scraping import AllWorkers
from digit_ui.settings import Settings
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families
from test_health import served, until, worker_pids

SEVEN = {"strokes": DIGIT_STROKES[7]}


def samples(text: str) -> dict:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: dict, name: str, **labels: str) -> float:
    """Add up what has these labels, whatever else it has."""
    return sum(number for (own, *rest), number in found.items() if own == name and labels.items() <= dict(rest).items())


@pytest.fixture
def scrape(client):
    return lambda: samples(client.get("/metrics").text)


def test_requests_are_counted_by_endpoint_method_and_status(client, scrape):
    client.post("/predict", json=SEVEN)
    client.post("/predict", json={})
    client.get("/predict")
    found = scrape()
    counted = {"endpoint": "/predict", "method": "POST"}
    assert value(found, "digits_http_requests_total", status="200", **counted) == 1
    assert value(found, "digits_http_requests_total", status="400", **counted) == 1
    assert value(found, "digits_http_requests_total", endpoint="other", method="GET", status="405") == 1
    assert value(found, "digits_http_request_duration_seconds_count", endpoint="/predict") == 2
    assert value(found, "digits_http_request_duration_seconds_sum", endpoint="/predict") > 0


def test_no_client_can_make_new_label_values_and_the_metrics_do_not_count_themselves(client, scrape):
    for number in range(5):
        client.get(f"/assets/{number}/page.css")
        client.get(f"/unknown/{number}")
        client.get(f"/training/versions/{number}")
        client.open("/predict", method=f"M{number}")
        scrape()
    labels = [dict(sample[1:]) for sample in scrape()]
    endpoints = {own["endpoint"] for own in labels if "endpoint" in own}
    assert endpoints == {"/assets/<digest>/<path:name>", "/training/versions/<name>", "other"}
    assert {own["method"] for own in labels if "method" in own} == {"GET", "other"}


@pytest.mark.parametrize("stage", ["parse", "decode", "preprocess", "model"])
def test_each_stage_of_a_reading_is_timed_once_for_a_drawing(client, scrape, stage):
    client.post("/predict", json=SEVEN)
    found = scrape()
    assert value(found, "digits_stage_duration_seconds_count", stage=stage) == 1
    assert 0 < value(found, "digits_stage_duration_seconds_sum", stage=stage) < 5


def test_answers_are_counted_by_digit_and_by_whether_it_is_one_with_their_confidence(client, scrape):
    answers = client.post("/predict", json=[SEVEN, {"strokes": DIGIT_STROKES[1]}, SEVEN]).get_json()
    found = scrape()
    assert value(found, "digits_answers_total", digit="7", is_digit="true") == 2
    assert value(found, "digits_answers_total", digit="1") == 1 and value(found, "digits_answers_total") == 3
    assert value(found, "digits_answer_confidence_count") == 3
    expected = sum(answer["confidence"] for answer in answers)
    assert value(found, "digits_answer_confidence_sum") == pytest.approx(expected, abs=1e-4)


def test_feedback_is_right_wrong_or_of_an_unknown_answer(client, scrape):
    for digit in (7, 1, 1, None):
        assert client.post("/feedback", json={**SEVEN, "label": 7, "digit": digit}).status_code == 201
    client.post("/feedback", json={"strokes": [], "label": 7})
    found = scrape()
    counts = [value(found, "digits_feedback_total", answer=answer) for answer in ("right", "wrong", "unknown")]
    assert counts == [1, 2, 1]


def test_problems_are_counted_by_their_code(app, client, scrape):
    turns = app.extensions["turns"]
    turns.at_once, turns.max_waiting = 1, 0
    with turns.turn():
        client.post("/predict", json=SEVEN)
        assert value(scrape(), "digits_drawings_working") == 1
    client.post("/predict", data=bytes(9 * 2**20), content_type="image/png")
    client.get("/nowhere")
    found = scrape()
    assert value(found, "digits_problems_total", code="too_busy", status="503") == 1
    assert value(found, "digits_problems_total", status="413") == 1
    assert value(found, "digits_problems_total", code="not_found", status="404") == 1
    assert value(found, "digits_drawings_working") == 0


def test_who_waits_for_a_turn_is_counted_until_it_gives_up(app, scrape):
    turns = app.extensions["turns"]
    turns.at_once, turns.max_wait_s = 1, 0.01
    seen, notice = [], turns.changed
    turns.changed = lambda working, waiting: (notice(working, waiting), seen.append(waiting))
    with turns.turn(), pytest.raises(Problem), turns.turn():
        pass
    assert seen == [0, 1, 0, 0] and value(scrape(), "digits_drawings_waiting") == 0


def test_what_waits_for_a_thread_is_counted_and_timed_where_the_server_tells(app, client, scrape):
    metrics = app.extensions["metrics"]
    metrics.seen_at, metrics.in_line = lambda: time.perf_counter() - 3, lambda: 2
    client.post("/predict", json=SEVEN)
    found = scrape()
    assert 3 <= value(found, "digits_http_request_duration_seconds_sum", endpoint="/predict") < 30
    assert value(found, "digits_drawings_waiting") == 2


def test_the_model_in_service_is_named_with_its_age_its_swaps_and_what_was_refused(app, client, scrape, shared_dir):
    shipped = json.loads((PRETRAINED / "manifest.json").read_text())
    first = scrape()
    assert value(first, "digits_model_info", version=shipped["version"], origin="shipped model") == 1
    age_s = value(first, "digits_model_age_seconds", version=shipped["version"])
    assert 0 < value(first, "digits_model_service_seconds") < 60 < age_s < time.time()
    assert value(first, "digits_model_swaps_total") == value(first, "digits_models_refused_total") == 0

    publish(shared_dir, "second")
    app.extensions["model"].refresh()
    publish(shared_dir, "third")
    (shared_dir / "versions" / "third" / "model.json").write_text("torn")
    app.extensions["model"].refresh()
    found = scrape()
    assert value(found, "digits_model_info", version="second") == 1 == value(found, "digits_model_info")
    assert value(found, "digits_model_swaps_total") == value(found, "digits_models_refused_total") == 1


def test_the_expected_shares_are_those_of_the_models_test_set_or_a_tenth_each(app, scrape, shared_dir):
    report = json.loads((PRETRAINED / "report.json").read_text())
    found = scrape()
    for entry in report["digits"]:
        expected = value(found, "digits_expected_answer_ratio", digit=str(entry["digit"]))
        assert expected == pytest.approx(entry["n"] / report["n"])
    publish(shared_dir, "without-a-report")
    app.extensions["model"].refresh()
    assert value(scrape(), "digits_expected_answer_ratio", digit="1") == 0.1


def test_without_a_model_the_rest_is_told(app):
    found = samples(app.test_client().get("/metrics").text)
    assert value(found, "digits_workers") == 1 and value(found, "digits_model_info") == 0


def test_it_is_text_as_prometheus_takes_it_compressed_for_whoever_takes_that(client):
    plain = client.get("/metrics")
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
    packed = client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.content_encoding == "gzip" and len(packed.data) < len(plain.data) / 3
    assert samples(gzip.decompress(packed.data).decode()).keys() == samples(plain.text).keys()


def test_a_worker_that_has_just_made_its_file_keeps_nobody_from_the_others_counts(tmp_path):
    key = mmap_key("digits_answers", "digits_answers_total", [], [], "Drawings read.")
    with contextlib.closing(MmapedDict(str(tmp_path / "counter_1.db"))) as counted:
        counted.write_value(key, 3, 0)
    (tmp_path / "counter_2.db").touch()
    (tmp_path / "gauge_livesum_3.db").symlink_to(tmp_path / "ended")
    (answers,) = AllWorkers(tmp_path).collect()
    assert [sample.value for sample in answers.samples] == [3]


def test_it_can_be_switched_off(shared_dir, cache_dir):
    environment = {"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(cache_dir), "METRICS": "0"}
    client = create_app(Settings.from_environment(environment)).test_client()
    assert client.get("/metrics").status_code == 404


def ask(port: int, method: str, path: str, body: dict | None = None) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            assert answer.status == 200
            return answer.read().decode()


def test_all_workers_are_added_up_and_one_that_is_killed_takes_nothing_away(shared_dir, cache_dir):
    with served(shared_dir, cache_dir, WEB_CONCURRENCY="2") as server:

        def scrape() -> dict:
            return samples(ask(server.port, "GET", "/metrics"))

        until(lambda: value(scrape(), "digits_model_info") == 2)
        for _ in range(20):
            ask(server.port, "POST", "/predict", SEVEN)
        for pid in worker_pids(server):
            os.kill(pid, signal.SIGKILL)
            until(lambda killed=pid: killed not in worker_pids(server) and len(worker_pids(server)) == 2)
        until(lambda: value(scrape(), "digits_model_info") == 2)
        for _ in range(20):
            ask(server.port, "POST", "/predict", SEVEN)
        found = scrape()
        assert value(found, "digits_answers_total") == 40 == value(found, "digits_answer_confidence_count")
        assert value(found, "digits_http_requests_total", endpoint="/predict", status="200") == 40
        assert value(found, "digits_drawings_working") == 0 and value(found, "digits_workers") == 2
        publish(shared_dir, "second")
        until(lambda: value(scrape(), "digits_model_info", version="second") == 2)
        assert value(scrape(), "digits_model_swaps_total") == 1
