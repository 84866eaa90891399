"""The service keeps what its description promises, and the description leaves nothing out."""

import re

import pytest
import schemathesis
from conftest import ADMIN, data_url, draw, encode
from digit_ui import create_app
from digit_ui.settings import Settings
from fuzzing import INPUTS, SEED
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

PICTURES = [encode(draw(digit)) for digit in range(10)]
PHOTOGRAPHS = [encode(draw(digit), "JPEG") for digit in range(10)]
DATA_URLS = [data_url(picture) for picture in PICTURES]
EXAMPLES = max(60, INPUTS // 1000)
DECODABLE = [*PICTURES, *PHOTOGRAPHS, *DATA_URLS, None]
# Pages for people, and what they load.
NOT_FOR_PROGRAMS = {
    "page.index",
    "page.privacy",
    "training.page",
    "reference.page",
    "reference.description",
    "assets.asset",
    "browser_model.current",
    "browser_model.onnx",
}


def is_beyond_description(case) -> bool:
    """Tell whether a request may be refused though no schema can say so: pictures must be ones that can be decoded."""
    if case.path.startswith(("/v1/", "/v2/")):  # nor that a tensor must have as many values as its shape says
        return True
    if case.media_type in ("image/png", "image/jpeg"):
        lacks_label = (
            case.path == "/feedback" and "label" not in case.query
        )  # which is elsewhere if there is no picture
        return lacks_label or case.body not in DECODABLE
    drawings = [drawing for drawing in as_list(case.body) if isinstance(drawing, dict)]
    images = [image for drawing in drawings for name in ("image", "images") for image in as_list(drawing.get(name))]
    return not all(image in DECODABLE for image in images)


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


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
schemathesis.openapi.format("picture", st.sampled_from(DATA_URLS))


@pytest.fixture
def description(client) -> dict:
    return client.get("/openapi.json").get_json()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_does_what_is_described(client, app, name):
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app).find_operation_by_id(name)

    @given(case=operation.as_strategy())
    @effort(max_examples=EXAMPLES, derandomize=SEED == 0, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case):
        unsure = [positive_data_acceptance] if is_beyond_description(case) else []
        case.call_and_validate(headers={**ADMIN, "Accept-Encoding": "identity"}, excluded_checks=unsure)

    check()


def test_every_address_that_programs_use_is_described(app, description):
    described = {path.replace("{", "<").replace("}", ">") for path in description["paths"]}
    rules = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint not in NOT_FOR_PROGRAMS]
    served = {re.sub(r"<\w+:", "<", rule) for rule in rules}
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
