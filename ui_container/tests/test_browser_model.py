"""The model for browsers that read for themselves, and whom the page offers that."""

import hashlib
import json
import shutil

import pytest
from conftest import PRETRAINED, publish
from digit_ui.assets import Assets
from digit_ui.browser_model import RUNTIME
from digit_ui.static_site import StaticSiteError, write_site

SWITCH = 'id="in-browser"'
SHIPPED = json.loads((PRETRAINED / "manifest.json").read_text())


@pytest.fixture
def with_runtime(app):
    """A server whose runtime has been fetched; what a browser would make of it does not matter here."""
    assets: Assets = app.extensions["assets"]
    app.extensions["assets"] = Assets({**assets.contents, **dict.fromkeys(RUNTIME, b"a runtime" * 100)})


@pytest.fixture
def without_runtime(app):
    assets: Assets = app.extensions["assets"]
    app.extensions["assets"] = Assets({name: file for name, file in assets.contents.items() if name not in RUNTIME})


def test_the_model_in_service_can_be_fetched_and_is_what_is_said_of_it(client):
    facts = client.get("/model/current.json")
    assert facts.cache_control.no_cache
    assert facts.json["version"] == SHIPPED["version"] and facts.json["divisor"] == 255
    assert facts.json["probe"] == SHIPPED["probe"]
    answer = client.get(f"/{facts.json['onnx']['url']}")
    assert answer.data == (PRETRAINED / "model.onnx").read_bytes()
    assert hashlib.sha256(answer.data).hexdigest() == facts.json["onnx"]["sha256"]
    assert answer.cache_control.immutable and answer.mimetype == "application/octet-stream"


def test_nothing_else_of_the_manifest_is_told_to_whom_may_not_see_the_training(client):
    assert set(client.get("/model/current.json").json) == {"version", "onnx", "divisor", "probe"}


def test_another_version_is_not_there(client):
    assert client.get("/model/20200101T000000Z-00000000.onnx").status_code == 404


def test_a_model_of_an_earlier_trainer_serves_but_not_to_browsers(client, app, shared_dir, with_runtime):
    publish(shared_dir, "v1")
    app.extensions["model"].refresh()
    assert client.get("/readyz").json["model_version"] == "v1"
    assert client.get("/model/current.json").json["code"] == "no_onnx"
    assert client.get("/model/v1.onnx").json["code"] == "no_onnx"
    assert SWITCH not in client.get("/").text


def test_a_damaged_file_for_browsers_is_refused_as_any_other(app, shared_dir):
    folder = shutil.copytree(PRETRAINED, shared_dir / "pretrained")
    (folder / "model.onnx").write_bytes(b"another")
    app.extensions["model"].refresh()
    assert "model.onnx: has 7 bytes" in app.test_client().get("/readyz").json["detail"]


def test_the_page_offers_it_only_where_the_runtime_is(client, without_runtime):
    assert SWITCH not in client.get("/").text


def test_only_who_wants_it_gets_a_page_that_may_run_webassembly(client, with_runtime):
    plain = client.get("/")
    assert SWITCH in plain.text and "(charge 2 Mo)" in plain.text
    assert "wasm" not in plain.headers["Content-Security-Policy"]
    client.set_cookie("browser", "on")
    wanted = client.get("/")
    assert f'{SWITCH} type="checkbox" role="switch" autocomplete="off" checked>' in wanted.text
    policy = wanted.headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy and "'unsafe-eval'" not in policy
    for path in ("/?mode=number", "/training", "/privacy"):
        assert "wasm" not in client.get(path).headers["Content-Security-Policy"], path


def test_a_site_is_not_written_without_a_model_that_browsers_can_read(settings, shared_dir, tmp_path):
    with pytest.raises(StaticSiteError, match="no model in"):
        write_site(tmp_path / "site", settings)
    publish(shared_dir, "v1")
    with pytest.raises(StaticSiteError, match=r"published model, version v1, has no model\.onnx: train or retrain one"):
        write_site(tmp_path / "site", settings)
    assert not (tmp_path / "site").exists()


def test_a_site_is_not_written_without_the_runtime(settings, shared_dir, tmp_path, monkeypatch):
    shutil.copytree(PRETRAINED, shared_dir / "pretrained")
    whole = Assets.read()
    without = Assets({name: file for name, file in whole.contents.items() if name not in RUNTIME})
    monkeypatch.setattr(Assets, "read", lambda: without)
    with pytest.raises(StaticSiteError, match="fetch ONNX Runtime Web with `make runtime`"):
        write_site(tmp_path / "site", settings)
