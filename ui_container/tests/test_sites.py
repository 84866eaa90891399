"""Pages of other sites change nothing, and read only where the settings say; every answer says what a page may do."""

import pytest
from conftest import ADMIN, DIGIT_STROKES, TOKEN, publish
from digit_ui import SECURITY_HEADERS, create_app
from digit_ui.settings import Settings

LABELLED = {"strokes": DIGIT_STROKES[4], "label": 4}
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
]


def client_with(shared_dir, **environment: str):
    given = {"SHARED_DIR": str(shared_dir), "ADMIN_TOKEN": TOKEN, **environment}
    return create_app(Settings.from_environment(given)).test_client()


@pytest.mark.parametrize("sent", ELSEWHERE)
def test_another_sites_page_sends_no_feedback(client, sent):
    forms = [{"json": LABELLED}, {"data": {"label": "4"}}, {"data": b"x", "content_type": "text/plain"}]
    for form in forms:
        refused = client.post("/feedback", headers=sent, **form)
        assert (refused.status_code, refused.get_json(force=True)["code"]) == (403, "cross_site")
    assert len(client.get("/feedback.csv").text.splitlines()) == 1


@pytest.mark.parametrize("sent", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}])
def test_our_own_page_and_programs_send_feedback(client, sent):
    assert client.post("/feedback", json=LABELLED, headers=sent).status_code == 201


def test_every_method_that_changes_something_is_closed_to_other_sites(app):
    """An operation that is added later must be, too, unless it only reads a drawing."""
    reading = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/v1/", "/v2/"))}
    reading |= {"/predict", "/read", "/explain"}
    changing = [rule for rule in app.url_map.iter_rules() if rule.methods & {"POST", "PUT", "PATCH", "DELETE"}]
    assert len(changing) >= 7
    for rule in changing:
        path = rule.rule.replace("<feedback_id>", "x")
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            status = app.test_client().open(path, method=method, headers={**ADMIN, **ELSEWHERE[0]}).status_code
            assert (status == 403) != (path in reading), (method, path)


def test_no_other_site_reads_answers_unless_it_is_named(client):
    headers = client.post(
        "/predict", json={"strokes": DIGIT_STROKES[4]}, headers={"Origin": "https://a.example"}
    ).headers
    assert not [name for name, _ in headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/predict", "/explain", "/v1/models/digits:predict", "/v2/models/digits/infer"])
@pytest.mark.parametrize("origins", ["https://a.example http://b.example:8080", "*"])
def test_a_named_site_has_drawings_read_without_credentials(shared_dir, path, origins):
    client = client_with(shared_dir, CORS_ORIGINS=origins)
    wish = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allowed = client.options(path, headers={**wish, "Access-Control-Request-Headers": "content-type"})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert allowed.headers["Access-Control-Allow-Headers"] == "Content-Type, Inference-Header-Content-Length"
    answer = client.post(path, json={"strokes": DIGIT_STROKES[4]}, headers={**wish, "Sec-Fetch-Site": "cross-site"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers and "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/feedback", "/training/retrain", "/feedback.csv", "/training/feedback", "/"])
def test_a_named_site_does_nothing_else(shared_dir, path):
    client = client_with(shared_dir, CORS_ORIGINS="https://a.example")
    for method in ("OPTIONS", "GET", "POST"):
        with client.open(path, method=method, headers={"Origin": "https://a.example"}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers, method


def test_a_site_that_is_not_named_reads_nothing_where_another_one_is(shared_dir):
    client = client_with(shared_dir, CORS_ORIGINS="https://a.example")
    for origin in ("https://b.example", "http://a.example", "https://a.example.evil", "null"):
        answer = client.options("/predict", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers and "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("value", ["a.example", "https://a.example/", "ftp://a", "https://A.example", "null"])
def test_what_is_no_origin_is_refused_by_name(value):
    with pytest.raises(ValueError, match="CORS_ORIGINS has"):
        Settings.from_environment({"CORS_ORIGINS": value})


KINDS = {
    "page": ("GET", "/", 200),
    "training page": ("GET", "/training", 200),
    "documentation": ("GET", "/docs", 200),
    "JSON": ("GET", "/livez", 200),
    "description": ("GET", "/openapi.json", 200),
    "asset": ("GET", "/assets/{digest}/page.js", 200),
    "stream": ("GET", "/training/events", 200),
    "export": ("GET", "/feedback.csv", 200),
    "nowhere": ("GET", "/nowhere", 404),
    "wrong method": ("GET", "/predict", 405),
    "no token": ("POST", "/training/retrain", 401),
    "no drawing": ("POST", "/predict", 415),
    "redirect or not": ("GET", "/training/", 404),
    "options": ("OPTIONS", "/predict", 200),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_says_what_a_browser_may_do_with_it(shared_dir, kind):
    publish(shared_dir, "v1")
    client = client_with(shared_dir)
    method, path, status = KINDS[kind]
    path = path.format(digest=client.application.extensions["assets"].digest)
    with client.open(path, method=method) as answer:
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert SECURITY_HEADERS["X-Frame-Options"] == "DENY" and len(SECURITY_HEADERS) == 6


def test_a_failure_of_the_server_says_so_too(app, monkeypatch):
    monkeypatch.setitem(app.view_functions, "page.index", lambda: 1 / 0)
    answer = app.test_client().get("/")
    assert answer.status_code == 500 and answer.headers["X-Frame-Options"] == "DENY"
