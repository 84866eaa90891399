"""An address that asks too often, or guesses the token, is told to wait; everybody else is not."""

import logging
import socket
import sys
import threading
import time

import pytest
from conftest import ADMIN, DIGIT_STROKES, TOKEN
from digit_ui import counts, create_app, rates
from digit_ui.settings import Settings
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

BODY = {"strokes": DIGIT_STROKES[7]}
WRONG = {"Authorization": "Bearer wrong"}


@pytest.fixture
def client_with(shared_dir):
    def client_with(**environment: str):
        given = {"SHARED_DIR": str(shared_dir), "ADMIN_TOKEN": TOKEN, **environment}
        return create_app(Settings.from_environment(given)).test_client()

    return client_with


def ask(client, address: str = "192.0.2.1", **headers: str):
    return client.post("/predict", json=BODY, headers=headers, environ_base={"REMOTE_ADDR": address})


def test_who_asks_too_often_is_told_when_to_come_again(client_with):
    client = client_with(RATE_LIMIT="3/hour")
    remaining = [ask(client).headers["RateLimit-Remaining"] for _ in range(3)]
    assert remaining == ["2", "1", "0"]
    refused = ask(client)
    problem = refused.get_json(force=True)
    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert (problem["code"], problem["status"]) == ("too_many_requests", 429) and "3 per 1 hour are let in" in problem[
        "detail"
    ]
    assert refused.headers["RateLimit-Limit"] == "3"
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]


def test_other_addresses_and_other_operations_are_answered_meanwhile(client_with):
    client = client_with(RATE_LIMIT="1/hour")
    assert [ask(client).status_code for _ in range(2)] == [503, 429]  # there is no model
    assert ask(client, "192.0.2.2").status_code == 503
    assert client.get("/", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200


def test_health_and_assets_are_never_counted(client_with):
    client = client_with(RATE_LIMIT="1/hour")
    asset = f"/assets/{client.application.extensions['assets'].digest}/page.js"
    for _ in range(3):
        for path, status in {
            "/livez": 200,
            "/readyz": 503,
            "/healthz": 503,
            "/v2/health/live": 200,
            "/v2/models/digits/ready": 503,
            asset: 200,
        }.items():
            assert client.get(path).status_code == status


def test_after_ten_wrong_tokens_no_token_is_looked_at_but_reading_goes_on(client_with):
    client = client_with()
    guesses = [client.get("/training/admin", headers=WRONG).status_code for _ in range(12)]
    assert guesses == [403] * 10 + [429] * 2
    for method, path in (("POST", "/training/retrain"), ("DELETE", "/training/feedback/x"), ("GET", "/feedback.csv")):
        refused = client.open(path, method=method, headers=ADMIN)
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) <= 60
    assert "too many wrong tokens came" in refused.get_json(force=True)["detail"]
    assert client.get("/training/status").status_code == 200
    elsewhere = client.get("/training/admin", headers=ADMIN, environ_base={"REMOTE_ADDR": "192.0.2.2"})
    assert elsewhere.status_code == 204


def test_right_tokens_and_questions_without_one_are_not_counted(client_with):
    client = client_with()
    for _ in range(15):
        assert client.get("/training/admin", headers=ADMIN).status_code == 204
        assert client.get("/training/admin").status_code == 401


def test_what_a_client_says_of_its_address_counts_only_behind_a_trusted_proxy(client_with):
    client = client_with(RATE_LIMIT="1/hour")
    statuses = [ask(client, **{"X-Forwarded-For": f"198.51.100.{number}"}).status_code for number in range(2)]
    assert statuses == [503, 429]
    client = client_with(RATE_LIMIT="1/hour", TRUSTED_PROXIES="1")
    statuses = [
        ask(client, **{"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}).status_code for number in (1, 2)
    ]
    assert statuses == [503, 503]
    forged = [ask(client, **{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}).status_code for number in (1, 2)]
    assert forged == [429, 429]


def test_servers_that_share_redis_count_together(client_with, redis_server):
    here, there = (client_with(RATE_LIMIT="3/hour", RATE_LIMIT_STORAGE=redis_server.url) for _ in range(2))
    assert [ask(client).headers["RateLimit-Remaining"] for client in (here, there, here)] == ["2", "1", "0"]
    refused = ask(there)
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert ask(there, "192.0.2.2").status_code == 503  # there is no model


def test_a_token_cannot_be_guessed_by_asking_another_server(client_with, redis_server):
    clients = [client_with(RATE_LIMIT_STORAGE=redis_server.url) for _ in range(3)]
    guesses = [clients[number % 3].get("/training/admin", headers=WRONG).status_code for number in range(12)]
    assert guesses == [403] * 10 + [429] * 2
    assert clients[0].get("/training/admin", headers=ADMIN).status_code == 429


def test_while_redis_is_away_each_worker_counts_by_itself_and_then_all_together_again(
    client_with, redis_server, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(rates, "STORAGE_PAUSE_S", 0.2)
    here, there = (client_with(RATE_LIMIT="2/hour", RATE_LIMIT_STORAGE=redis_server.url) for _ in range(2))
    redis_server.stop()
    for client in (here, there):
        assert [ask(client).status_code for _ in range(3)] == [503, 503, 429]
    assert "RATE_LIMIT_STORAGE does not answer" in caplog.text
    redis_server.start()
    deadline = time.monotonic() + 10
    while caplog.text.count("answers again") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [ask(client).headers["RateLimit-Remaining"] for client in (here, there)] == ["1", "0"]


def test_no_request_waits_while_a_storage_is_looked_for(client_with, redis_server, monkeypatch):
    """As the lookup of its name may, for many seconds, while the machine that it ran on is lost."""
    monkeypatch.setattr(rates, "STORAGE_PAUSE_S", 0)
    client = client_with(RATE_LIMIT="2/hour", RATE_LIMIT_STORAGE=redis_server.url)
    looked_for, may_end = threading.Event(), threading.Event()

    def hangs(_storage: RedisStorage) -> bool:
        looked_for.set()
        return may_end.wait()

    monkeypatch.setattr(RedisStorage, "check", hangs)
    redis_server.stop()
    assert ask(client).status_code == 503 and looked_for.wait(10)
    assert [ask(client).status_code for _ in range(2)] == [503, 429]
    may_end.set()


def test_no_request_waits_for_the_lookup_of_a_storages_name(client_with, monkeypatch):
    """Which takes ten seconds where a name server does not answer, as Docker's may not of a machine that is lost."""
    may_end, ended = threading.Event(), []

    def hangs(*_, **__) -> list:
        may_end.wait(10)
        ended.append(True)
        raise socket.gaierror

    client = client_with(RATE_LIMIT="2/hour", RATE_LIMIT_STORAGE="redis://counts.example:6379")
    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    assert [ask(client).status_code for _ in range(3)] == [503, 503, 429]
    assert not ended
    may_end.set()


def test_a_redis_that_says_nothing_is_waited_for_once_and_tokens_are_counted_all_the_same(client_with):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        client = client_with(RATE_LIMIT_STORAGE=f"redis://user:s3cret@127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        guesses = [client.get("/training/admin", headers=WRONG).status_code for _ in range(12)]
        assert time.monotonic() - began < 3 * rates.STORAGE_TIMEOUT_S
    assert guesses == [403] * 10 + [429] * 2


def test_there_may_be_no_limit(client_with):
    client = client_with(RATE_LIMIT="none")
    assert {ask(client).status_code for _ in range(400)} == {503}


@pytest.mark.parametrize(
    ("name", "value"),
    [("RATE_LIMIT", "fast"), ("RATE_LIMIT", "0"), ("TRUSTED_PROXIES", "-1"), ("TRUSTED_PROXIES", "x")],
)
def test_a_setting_that_cannot_be_used_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


def test_a_storage_whose_package_is_missing_is_named_at_start_without_its_password(client_with, monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ValueError, match="RATE_LIMIT_STORAGE names redis, which cannot be used") as refused:
        client_with(RATE_LIMIT_STORAGE="redis://user:s3cret@localhost:6379")
    assert "s3cret" not in str(refused.value)


def test_old_counts_are_forgotten(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(counts.time, "time", lambda: now)
    monkeypatch.setattr(counts, "ENOUGH_COUNTS", 3)
    kept = counts.Counts()
    assert [kept.incr("a", 60), kept.incr("a", 60), kept.incr("b", 60), kept.incr("c", 60)] == [1, 2, 1, 1]
    now = 1061.0
    assert (kept.get("a"), kept.incr("d", 60)) == (0, 1)
    assert kept.reset() == 1


def test_a_count_costs_little():
    limiter, rate = FixedWindowRateLimiter(counts.Counts()), parse("1000000/second")
    began = time.thread_time()
    for number in range(2000):
        limiter.hit(rate, "predict.predict", f"192.0.2.{number % 250}")
        limiter.get_window_stats(rate, "predict.predict", f"192.0.2.{number % 250}")
        time.sleep(1e-6)  # as between requests, when a thread of a library could run
    assert (time.thread_time() - began) / 2000 < 50e-6
