"""Whatever is sent, the answer is one that fits: never a failure of the server."""

import json

import pytest
from conftest import ADMIN, DIGIT_STROKES, TOKEN
from digit_ui import create_app
from digit_ui.settings import Settings

STROKES = json.dumps(DIGIT_STROKES[7])
LABEL = '{"label": %s, "strokes": ' + STROKES + "}"
SESSION = '{"session": %s, "label": 7, "strokes": ' + STROKES + "}"
MODEL = '{"model_version": %s, "label": 7, "strokes": ' + STROKES + "}"
POINT = '{"label": 7, "strokes": [[[%s, 1]]]}'

BODIES = {
    "deep lists": ("[" * 1_000_000, 400),
    "deep lists that end": ("[" * 100_000 + "]" * 100_000, 400),
    "deep objects": ('{"a":' * 200_000, 400),
    "NaN": (POINT % "NaN", 400),
    "infinity": (POINT % "-Infinity", 400),
    "infinity by its size": (POINT % "1e400", 400),
    "an integer of 5,000 digits": (POINT % ("9" * 5_000), 400),
    "an integer of 4,000 digits": (POINT % ("9" * 4_000), 422),
    "a label of 4,000 digits": (LABEL % ("9" * 4_000), 422),
    "a label of another script": (LABEL % '"\\uff17"', 422),
    "a label with a sign": (LABEL % '"+7"', 422),
    "a label twice, the last one counts": ('{"label": 99, ' + (LABEL % "7")[1:], 201),
    "a label twice, the last one is wrong": ((LABEL % "7")[:-1] + ', "label": 99}', 422),
    "half a character in the session": (SESSION % '"\\ud800"', 422),
    "half a character in the version": (MODEL % '"\\udfff"', 422),
    "half a character as a name": ('{"\\ud800": 1, ' + (LABEL % "7")[1:], 201),
    "a null byte in the session": (SESSION % '"a\\u0000b"', 422),
    "a null byte in the version": (MODEL % '"\\u0000"', 422),
    "SQL": (SESSION % '"\'; DROP TABLE feedback; --"', 201),
    "markup": (SESSION % '"<script>alert(1)</script>"', 201),
    "UTF-16": ((LABEL % "7").encode("utf-16"), 201),
    "a byte order mark": (b"\xef\xbb\xbf" + (LABEL % "7").encode(), 201),
    "a null byte": (b"\0", 400),
    "an overlong form of UTF-8": (b'{"label": "\xc0\xaf"}', 400),
    "nothing": ("", 400),
    "null": ("null", 422),
}


@pytest.mark.parametrize("name", BODIES)
def test_json_of_every_kind_gets_the_status_that_fits(client, name):
    body, status = BODIES[name]
    answer = client.post("/feedback", data=body, content_type="application/json")
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.content_type == "application/problem+json" and len(answer.text) < 1000
    assert client.post("/predict", data=body, content_type="application/json").status_code < 500


QUERIES = [
    "label=%00",
    "label=%EF%BC%97",
    "label=7&session=%00",
    "label=7&session=%ED%A0%80",
    "label=7&label=8",
    "label",
]


@pytest.mark.parametrize("query", QUERIES)
def test_fields_of_a_query_get_no_failure(client, query):
    assert client.post(f"/feedback?{query}", data=b"\x89PNG\r\n\x1a\n", content_type="image/png").status_code in (
        400,
        422,
    )


PATHS = [
    "/training/versions/%00",
    "/training/versions/..%2f..",
    "/training/versions/" + "v" * 5000,
    "/training/versions/pretrained/%00",
    "/training/versions/pretrained/..%2Fmanifest.json",
    "/assets/%00/%00",
    "/assets/x/../../settings.py",
    "/%ED%A0%80",
    "/" + "a" * 3000,
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_or_to_a_failure(client, path):
    assert 400 <= client.get(path).status_code < 500


@pytest.mark.parametrize(
    "query", ["limit=999999999999999999999", "before=-1", "before=9" + "9" * 30, "digit=%00", "limit=NaN"]
)
def test_numbers_that_no_database_takes_are_refused(client, query):
    assert client.get(f"/training/feedback?{query}").status_code in (200, 422)


@pytest.mark.parametrize("feedback_id", ["%00", "x" * 5000, "%ED%A0%80", "'", "%F0%9F%98%80"])
def test_an_id_of_any_characters_is_one_that_is_not_there(shared_dir, feedback_id):
    app = create_app(Settings.from_environment({"SHARED_DIR": str(shared_dir), "ADMIN_TOKEN": TOKEN}))
    answer = app.test_client().delete(f"/training/feedback/{feedback_id}", headers=ADMIN)
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize(
    "headers", [{"Accept-Language": "x" * 60_000}, {"Cookie": "lang=" + "x" * 60_000}, {"Cookie": "\0"}]
)
def test_long_and_odd_headers_do_no_harm(client, headers):
    assert client.get("/", headers=headers).status_code == 200
