"""The service keeps what its description promises, and the description leaves nothing out."""

import pytest
import schemathesis
from conftest import ADMIN, DIGIT_STROKES, TOKEN, data_url, draw, encode
from digit_ui import create_app
from digit_ui.settings import Settings
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

PICTURES = [encode(draw(digit)) for digit in range(10)]
PHOTOGRAPHS = [encode(draw(digit), "JPEG") for digit in range(10)]
# Pages for people, and what they load.
NOT_FOR_PROGRAMS = {"page.index", "training.page", "reference.page", "reference.description", "assets.asset"}


def operations() -> list[str]:
    """List what programs can ask for; a stream does not end, and is looked at in test_streams.py."""
    paths = create_app(Settings.from_environment({})).api_doc["paths"].values()
    names = [operation["operationId"] for path in paths for operation in path.values()]
    return [name for name in names if name != "training_events"]


OPERATIONS = operations()

# Any bytes would be pictures by the description; these can be decoded.
schemathesis.openapi.media_type("image/png", st.sampled_from(PICTURES))
schemathesis.openapi.media_type("image/jpeg", st.sampled_from(PHOTOGRAPHS))
schemathesis.openapi.format("binary", st.sampled_from(PICTURES + PHOTOGRAPHS))
schemathesis.openapi.format("picture", st.sampled_from([data_url(picture) for picture in PICTURES]))


@pytest.fixture
def settings(shared_dir, cache_dir) -> Settings:
    return Settings.from_environment({"SHARED_DIR": str(shared_dir), "CACHE_DIR": str(cache_dir), "ADMIN_TOKEN": TOKEN})


@pytest.fixture
def description(client) -> dict:
    return client.get("/openapi.json").get_json()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_does_what_is_described(client, app, name):
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app).find_operation_by_id(name)

    @given(case=operation.as_strategy())
    @effort(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case):
        case.call_and_validate(headers=ADMIN)

    check()


def test_every_address_that_programs_use_is_described(app, description):
    described = {path.replace("{", "<").replace("}", ">") for path in description["paths"]}
    served = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint not in NOT_FOR_PROGRAMS}
    assert served == described


def test_the_description_is_openapi_3_1_and_says_how_errors_look(description):
    assert description["openapi"].startswith("3.1.")
    for operations in description["paths"].values():
        for operation in operations.values():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/ProblemBody"}
            assert all(
                "application/json" not in answer.get("content", {}) or code.startswith("2")
                for code, answer in operation["responses"].items()
            )


def test_a_list_of_drawings_is_answered_in_its_order(client):
    sent = [{"strokes": DIGIT_STROKES[3]}, {"image": data_url(encode(draw(7)))}, {"strokes": DIGIT_STROKES[1]}]
    answers = client.post("/predict", json=sent).get_json()
    assert [answer["digit"] for answer in answers] == [3, 7, 1]
    for body, answer in zip(sent, answers, strict=True):
        alone = client.post("/predict", json=body).get_json()
        assert alone["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-5)
