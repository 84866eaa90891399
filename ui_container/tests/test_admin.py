"""Only who has the token changes things, never through a page of another site; reading is open unless it is closed."""

import pytest
from conftest import ADMIN, TOKEN, publish
from digit_ui import create_app
from digit_ui.settings import Settings

CHANGES = [
    ("POST", "/training/retrain"),
    ("POST", "/training/rollback"),
    ("POST", "/training/feedback/x/accept"),
    ("POST", "/training/feedback/x/correct"),
    ("DELETE", "/training/feedback/x"),
]
GUARDED = [*CHANGES, ("GET", "/training/admin"), ("GET", "/training/feedback/export")]
READINGS = [
    "/training/status",
    "/training/events",
    "/training/versions",
    "/training/versions/v1",
    "/training/versions/v1/model.json",
    "/training/feedback",
    "/feedback.csv",
]


def client_with(shared_dir, **environment: str):
    return create_app(Settings.from_environment({"SHARED_DIR": str(shared_dir), **environment})).test_client()


@pytest.fixture
def client(shared_dir):
    publish(shared_dir, "v1")
    return client_with(shared_dir, ADMIN_TOKEN=TOKEN)


def refusal(answer) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json(force=True)["code"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_what_needs_the_token_says_so(client, method, path):
    answer = client.open(path, method=method)
    assert refusal(answer) == (401, "token_needed") and answer.headers["WWW-Authenticate"] == "Bearer"
    for wrong in ("Bearer", "Bearer ", "Basic YTpi", TOKEN):
        assert refusal(client.open(path, method=method, headers={"Authorization": wrong}))[0] == 401, wrong
    for wrong in (f"{TOKEN}x", TOKEN[:-1], TOKEN.upper(), "clé", "Ж".encode().decode("latin-1")):
        answer = client.open(path, method=method, headers={"Authorization": f"Bearer {wrong}"})
        assert refusal(answer) == (403, "wrong_token"), wrong


def test_a_token_in_a_cookie_or_the_address_lets_nobody_in(client):
    client.set_cookie("Authorization", f"Bearer {TOKEN}")
    assert client.post(f"/training/retrain?token={TOKEN}&ADMIN_TOKEN={TOKEN}").status_code == 401


def test_the_right_token_is_let_in(client):
    assert client.get("/training/admin", headers=ADMIN).status_code == 204
    assert client.get("/training/admin", headers={"Authorization": f"bearer  {TOKEN} "}).status_code == 204
    assert client.post("/training/retrain", headers=ADMIN).status_code == 202


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_nobody_is_let_in(shared_dir, method, path, token):
    client = client_with(shared_dir, **({} if token is None else {"ADMIN_TOKEN": token}))
    for given in ("Bearer", "Bearer ", "Bearer None", "Bearer x"):
        assert refusal(client.open(path, method=method, headers={"Authorization": given})) == (403, "no_token")


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
    ],
)
def test_another_sites_page_changes_nothing_even_with_the_token(client, method, path, sent):
    assert refusal(client.open(path, method=method, headers={**ADMIN, **sent})) == (403, "cross_site")


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind-a-proxy.example"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
    ],
)
def test_our_own_page_may_change_things(client, sent):
    assert client.post("/training/retrain", headers={**ADMIN, **sent}).status_code == 202


@pytest.mark.parametrize("path", READINGS)
def test_everybody_may_read(client, path):
    with client.get(path, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize("path", READINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_where_the_training_is_not_public_reading_needs_the_token(client, shared_dir, path, method):
    client = client_with(shared_dir, ADMIN_TOKEN=TOKEN, TRAINING_PUBLIC="0")
    assert client.open(path, method=method).status_code == 401
    assert client.open(path, method=method, headers={"Authorization": "Bearer x"}).status_code == 403
    with client.open(path, method=method, headers=ADMIN) as answer:
        assert answer.status_code == 200
    assert client_with(shared_dir, TRAINING_PUBLIC="0").open(path, method=method, headers=ADMIN).status_code == 403


def test_the_page_and_what_draws_it_are_served_although_the_training_is_not_public(shared_dir):
    client = client_with(shared_dir, ADMIN_TOKEN=TOKEN, TRAINING_PUBLIC="0")
    assert client.get("/training").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/livez").status_code == 200


def test_every_path_below_training_is_behind_the_token_where_it_is_not_public(shared_dir):
    """A path that is added later must be, too."""
    app = create_app(
        Settings.from_environment({"SHARED_DIR": str(shared_dir), "ADMIN_TOKEN": TOKEN, "TRAINING_PUBLIC": "0"})
    )
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/training/")]
    assert len(rules) >= 11
    for rule in rules:
        path = rule.rule.replace("<name>", "v1").replace("<file>", "model.json").replace("<feedback_id>", "x")
        for method in rule.methods - {"OPTIONS"}:
            assert app.test_client().open(path, method=method).status_code == 401, (method, path)
