"""Every request has a name and a line in the log, which machines can read and which tells nothing about people."""

import json
import logging
import logging.config
import re
import socket

import pytest
from conftest import DIGIT_STROKES, PRETRAINED, data_url, draw, encode
from digit_ui import access, create_app
from digit_ui.logs import configuration
from digit_ui.settings import Settings
from test_health import until
from test_streams import Server

SEVEN = {"strokes": DIGIT_STROKES[7]}


@pytest.fixture
def lines(caplog):
    """Gives what has been logged, each line with its request's name."""
    before = logging.getLogRecordFactory()
    access.name_lines()
    caplog.set_level(logging.DEBUG)
    yield lambda: caplog.records
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize("name", ["a1b2", "0af7651916cd43dd8448eb211c80319c", "x" * 64, "a.b_c:d/e+f=@g-"])
def test_a_sane_name_of_a_request_is_kept(client, name):
    assert client.get("/livez", headers={"X-Request-ID": name}).headers["X-Request-ID"] == name


@pytest.mark.parametrize("name", ["", "x" * 65, "two words", "\u00e9", "a\tb", '"quoted"', "<b>"])
def test_any_other_name_is_replaced_by_one_of_our_own(client, name):
    answers = [client.get("/livez", headers={"X-Request-ID": name}).headers["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{16}", answer) for answer in answers) and answers[0] != answers[1]


@pytest.mark.parametrize("path", ["/", "/nowhere", "/predict", "/feedback.csv", "/training/events"])
def test_every_kind_of_answer_carries_the_name(client, path):
    with client.get(path, headers={"X-Request-ID": "mine"}) as answer:
        assert answer.headers["X-Request-ID"] == "mine"


def test_a_request_leaves_one_line_with_what_it_was_and_what_became_of_it(client, lines):
    answer = client.post("/predict?input=1", json=SEVEN, headers={"X-Request-ID": "mine"})
    (line,) = [line for line in lines() if line.name == "digit_ui.access"]
    facts = (line.levelno, line.method, line.route, line.status, line.bytes, line.request_id)
    assert facts == (logging.INFO, "POST", "/predict", 200, len(answer.data), "mine") and line.duration_ms > 0
    assert line.getMessage() == f"POST /predict 200 {line.duration_ms} ms {line.bytes} bytes"


def test_what_else_is_logged_for_a_request_carries_its_name(app, client, lines):
    app.extensions["model"] = None  # a bug
    assert client.post("/predict", json=SEVEN, headers={"X-Request-ID": "mine"}).status_code == 500
    assert {line.request_id for line in lines() if line.name.startswith("digit_ui")} == {"mine"}
    assert "unexpected error" in [line.message for line in lines()]
    logging.getLogger("digit_ui").info("outside of any request")
    assert not hasattr(lines()[-1], "request_id")


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/healthz",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/digits/ready",
        "/metrics",
    ],
)
def test_what_is_asked_again_and_again_is_of_no_interest_while_all_is_well(app, client, lines, path):
    client.get(path)
    assert [line.levelno for line in lines() if line.name == "digit_ui.access"] == [logging.DEBUG]


def test_a_failing_health_check_is_of_interest(app, lines):
    assert app.test_client().get("/readyz").status_code == 503
    assert lines()[-1].levelno == logging.INFO


@pytest.mark.parametrize("asked_for", ["0", "1"])
def test_addresses_are_logged_only_where_that_is_asked_for(shared_dir, cache_dir, lines, asked_for):
    environment = {"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(cache_dir), "LOG_ADDRESSES": asked_for}
    client = create_app(Settings.from_environment(environment)).test_client()
    client.get("/", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert lines()[-1].getMessage().endswith(" to 192.0.2.7") == (asked_for == "1")


@pytest.mark.parametrize(
    ("environment", "at_terminal", "form"),
    [
        ({}, True, "text"),
        ({}, False, "json"),
        ({"LOG_FORMAT": "json"}, True, "json"),
        ({"LOG_FORMAT": "text"}, 0, "text"),
    ],
)
def test_people_get_text_and_machines_json_unless_told_otherwise(environment, at_terminal, form):
    assert list(configuration(environment, at_terminal)["formatters"]) == [form]


@pytest.mark.parametrize("name", ["LOG_FORMAT", "LOG_LEVEL", "LOG_ADDRESSES"])
def test_a_value_that_cannot_be_used_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} is 'loud', expected one of "):
        configuration({name: "loud"})


@pytest.fixture
def start(shared_dir, cache_dir):
    servers = []

    def start(**environment: str) -> Server:
        server = Server(shared_dir, PRETRAINED_DIR=str(PRETRAINED), CACHE_DIR=str(cache_dir), **environment)
        servers.append(server)
        until(lambda: server.ask("/readyz") == 200)
        return server

    yield start
    for server in servers:
        server.end()


def logged(server: Server) -> list[dict]:
    """Read the lines but those that greet a person."""
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]


def send_nonsense(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        client.recv(1000)


def test_the_servers_log_is_json_from_gunicorns_first_word_on_and_knows_neither_people_nor_drawings(start):
    server = start()
    server.ask("/?secret=1", **{"X-Request-ID": "mine"})
    send_nonsense(server)
    until(lambda: any("Invalid request" in line["message"] for line in logged(server)))
    lines = logged(server)
    others = [line for line in server.log().splitlines() if line and not line.startswith(("{", "  "))]
    assert others == []
    assert {"timestamp", "level", "logger", "process", "message"} <= lines[0].keys()
    assert lines[0]["logger"] == "gunicorn.error" and lines[0]["message"].startswith("Starting gunicorn")
    (line,) = [line for line in lines if line.get("request_id") == "mine"]
    assert (line["method"], line["route"], line["status"], line["level"]) == ("GET", "/", 200, "INFO")
    assert all("127.0.0.1" not in line["message"] for line in lines if "Listening" not in line["message"])
    assert "secret" not in server.log()


def test_as_text_and_with_addresses_where_that_is_asked_for(start):
    server = start(LOG_FORMAT="text", LOG_ADDRESSES="1")
    server.ask("/", **{"X-Request-ID": "mine"})
    send_nonsense(server)
    until(lambda: "Invalid request from ip=127.0.0.1" in server.log())
    assert re.search(r"^\S+ \S+ INFO \[mine\] GET / 200 [\d.]+ ms \d+ bytes to 127\.0\.0\.1$", server.log(), re.M)
    assert re.search(r"^\S+ \S+ INFO \[-\] Starting gunicorn", server.log(), re.M)


def test_the_level_is_that_of_all_lines(start):
    server = start(LOG_LEVEL="WARNING")
    server.ask("/")
    send_nonsense(server)
    until(lambda: "Invalid request" in server.log())
    assert {line["level"] for line in logged(server)} == {"WARNING"}


def test_no_picture_is_logged(client, lines):
    picture = data_url(encode(draw(7)))
    client.post("/predict", json={"image": picture})
    client.post("/predict", json={"image": picture[:-40]})
    client.post("/predict", json={"image": picture, "strokes": []})
    assert len(lines()) >= 3 and not any(picture[40:60] in line.getMessage() for line in lines())
