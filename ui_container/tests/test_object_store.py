"""The server keeps a copy of an object store: whole versions only, which serve on while the store is away."""

import fcntl
import json
import shutil
import time

import pytest
from conftest import PRETRAINED, install_pair, publish, write_manifest
from digit_ui import create_app, object_store, store_copy
from digit_ui.object_store import AwayError, ObjectStore
from digit_ui.serving import ModelInService
from digit_ui.settings import PROJECT_SHARED_DIR, Settings
from digit_ui.store_copy import StoreCopy
from object_stores import SECRET, S3Server

FEEDBACK = "sqlite:///:memory:"


@pytest.fixture
def settings(tmp_path, cache_dir, s3) -> Settings:
    return Settings.from_environment(
        {
            "SHARED_DIR": s3.url,
            "DATABASE_URL": f"sqlite:///{tmp_path}/feedback.db",
            "STORE_COPY_DIR": str(tmp_path / "copies"),
            "CACHE_DIR": str(cache_dir),
        }
    )


@pytest.fixture
def model(app) -> ModelInService:
    return app.extensions["model"]


@pytest.fixture
def copy(settings, s3) -> StoreCopy:
    copy = StoreCopy(ObjectStore(s3.url), settings.shared_dir)
    copy.begin()
    return copy


@pytest.fixture
def trainers(tmp_path):
    """A folder in which versions are made as a trainer makes them."""
    return tmp_path / "trainers"


def put(s3, trainers, version: str, pair: str = "keras-2.15") -> None:
    """Publish a version in the store by the protocol."""
    publish(trainers, version, pair)
    s3.put_folder(trainers, f"versions/{version}", "")


def test_an_address_of_a_store_leads_to_a_copy_and_needs_a_database_of_its_own(tmp_path):
    places = {"SHARED_DIR": "s3://bucket/some/prefix/", "STORE_COPY_DIR": str(tmp_path)}
    settings = Settings.from_environment({**places, "DATABASE_URL": FEEDBACK})
    assert settings.store_url == "s3://bucket/some/prefix"
    assert settings.shared_dir.parent == tmp_path
    assert settings.pretrained_dir == PROJECT_SHARED_DIR / "pretrained"
    other = Settings.from_environment({**places, "SHARED_DIR": "s3://bucket/other", "DATABASE_URL": FEEDBACK})
    assert other.shared_dir != settings.shared_dir
    with pytest.raises(ValueError, match="DATABASE_URL is not set"):
        Settings.from_environment(places)


@pytest.mark.parametrize("address", ["gs://bucket", "s3://", "s3://UPPER/x", "s3://bucket/../x?y"])
def test_an_address_that_cannot_be_used_is_refused_by_name(address):
    with pytest.raises(ValueError, match="SHARED_DIR is"):
        Settings.from_environment({"SHARED_DIR": address, "DATABASE_URL": FEEDBACK})


def test_an_address_with_credentials_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="SHARED_DIR has credentials") as refused:
        Settings.from_environment({"SHARED_DIR": "s3://key:s3cret@bucket", "DATABASE_URL": FEEDBACK})
    assert "s3cret" not in str(refused.value)


def test_what_is_published_in_the_store_is_served_and_what_comes_after_it_and_what_one_goes_back_to(
    s3, copy, model, trainers
):
    put(s3, trainers, "v1", "keras-2.2.4")
    assert copy.look() == []
    model.refresh()
    assert (model.get().origin, model.get().version) == ("published model", "v1")
    before = s3.get("manifest.json")
    put(s3, trainers, "v2")
    assert copy.look() == []
    model.refresh()
    assert model.get().version == "v2"
    s3.put("manifest.json", before)
    assert copy.look() == []
    model.refresh()
    assert model.get().version == "v1"


def test_a_look_that_finds_nothing_new_reads_no_file(s3, copy, trainers, monkeypatch):
    put(s3, trainers, "v1")
    s3.put("training/status.json", b'{"stage": "done"}')
    copy.look()
    for name in ("read", "download"):
        monkeypatch.setattr(copy._store, name, None)
    assert copy.look() == []


def lacking_its_manifest(s3, folder):
    s3.delete("versions/v2/manifest.json")


def lacking_a_file(s3, folder):
    s3.delete("versions/v2/model.h5")


def with_a_torn_file(s3, folder):
    s3.put("versions/v2/model.h5", (folder / "model.h5").read_bytes()[:-500])


def of_another_version(s3, folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    s3.put("versions/v2/manifest.json", json.dumps({**manifest, "version": "v3"}).encode())


@pytest.mark.parametrize("damage", [lacking_its_manifest, lacking_a_file, with_a_torn_file, of_another_version])
def test_a_version_that_is_not_whole_is_never_copied_and_served_once_it_is(s3, copy, model, trainers, damage):
    put(s3, trainers, "v1", "keras-2.2.4")
    copy.look()
    model.refresh()
    s3.put_folder(trainers, "")  # of the first one: nothing beside the manifest helps
    folder = publish(trainers, "v2")
    s3.put_folder(trainers, "versions/v2")
    damage(s3, folder)
    s3.put("manifest.json", (trainers / "manifest.json").read_bytes())
    for _ in range(2):
        faults = copy.look()
        assert len(faults) == 1 and "version v2 in the object store is not whole" in faults[0]
        model.refresh()
        assert model.get().version == "v1" and model.refusals == {}
    s3.put_folder(trainers, "versions/v2")
    assert copy.look() == []
    model.refresh()
    assert model.get().version == "v2"


def test_a_version_that_is_not_whole_is_not_fetched_again_and_again(s3, copy, trainers, monkeypatch):
    with_a_torn_file(s3, publish(trainers, "v2"))
    s3.put("versions/v2/manifest.json", (trainers / "versions" / "v2" / "manifest.json").read_bytes())
    first = copy.look()
    monkeypatch.setattr(copy._store, "download", None)
    assert copy.look() == first != []
    monkeypatch.setattr(store_copy.time, "monotonic", lambda: time.perf_counter() + 10**6)
    with pytest.raises(TypeError):
        copy.look()


def test_files_beside_the_manifest_serve_where_its_version_has_no_folder(s3, copy, model, trainers):
    publish(trainers, "v1")
    s3.put_folder(trainers, "")
    assert copy.look() == []
    model.refresh()
    assert model.get().version == "v1"


def test_a_pair_of_a_persons_own_is_served_until_something_is_published(s3, copy, model, trainers):
    install_pair(trainers, "keras-2.2.4")
    s3.put_folder(trainers, "")
    copy.look()
    model.refresh()
    assert model.get().origin == "user's own pair"
    put(s3, trainers, "v1")
    copy.look()
    model.refresh()
    assert model.get().version == "v1"
    s3.delete("manifest.json")
    copy.look()
    model.refresh()
    assert model.get().origin == "user's own pair"


def test_what_the_store_deletes_goes_but_not_what_serves(s3, copy, settings, trainers):
    for version in ("v1", "v2"):
        put(s3, trainers, version)
    copy.look()
    versions = settings.shared_dir / "versions"
    assert {path.name for path in versions.iterdir()} == {"v1", "v2"}
    for name in s3.names():
        s3.delete(name)
    s3.put("train.csv", b"of somebody")
    copy.look()
    assert {path.name for path in versions.iterdir()} == {"v2"}
    assert (settings.shared_dir / "manifest.json").exists()


@pytest.mark.parametrize(
    "name",
    [
        "versions/../../escaped/manifest.json",
        "versions/v1/../../x",
        "versions/.x/manifest.json",
        "versions/../manifest.json",
    ],
)
def test_no_name_in_the_store_leads_out_of_the_copy(s3, copy, settings, tmp_path, name):
    manifest = write_manifest_of_nothing(tmp_path)
    s3.put(name, manifest)
    s3.put("manifest.json", manifest.replace(b'"version": "v1"', b'"version": "../../escaped"'))
    faults = copy.look()
    assert len(faults) == 1 and "names no version" in faults[0]
    assert sorted(path.name for path in settings.shared_dir.rglob("*")) == ["training", "versions"]
    assert not list(tmp_path.rglob("escaped"))


def write_manifest_of_nothing(folder) -> bytes:
    return write_manifest(folder, "v1", install_pair(folder)).read_bytes()


def test_the_news_of_the_trainer_is_as_old_as_it_is_in_the_store(s3, copy, settings, monkeypatch):
    s3.put("training/status.json", b'{"stage": "learning"}')
    time.sleep(2.1)
    copy.look()
    path = settings.shared_dir / "training" / "status.json"
    assert json.loads(path.read_text()) == {"stage": "learning"}
    assert time.time() - path.stat().st_mtime >= 1


def test_a_store_that_is_away_is_said_and_what_there_is_serves_on(s3, copy, model, trainers, monkeypatch):
    put(s3, trainers, "v1")
    copy.look()
    files = s3.files()
    s3.kill()
    with pytest.raises(AwayError, match=r"s3://digits/shared: does not answer.*AWS_ENDPOINT_URL"):
        copy.look()
    model.refresh()
    assert model.get().version == "v1"
    s3.again(files)
    assert copy.look() == []


def test_a_store_that_never_answers_is_given_up(s3, monkeypatch):
    monkeypatch.setattr(object_store, "READ_TIMEOUT_S", 1)
    s3.freeze()
    started = time.monotonic()
    with pytest.raises(AwayError, match="does not answer"):
        ObjectStore(s3.url).listing()
    s3.thaw()
    assert time.monotonic() - started < 5


def test_a_bucket_that_is_not_there_is_said(s3):
    with pytest.raises(AwayError, match="s3://elsewhere/x: there is no such bucket"):
        ObjectStore("s3://elsewhere/x").listing()
    assert ObjectStore(s3.url).listing() == {}


def test_denied_access_is_said_without_the_secret(tmp_path, monkeypatch):
    server = S3Server(tmp_path / "s3.log", checks_keys=True).start()
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    try:
        with pytest.raises(AwayError, match="access is denied") as denied:
            ObjectStore(server.url).listing()
    finally:
        server.kill()
    assert SECRET not in str(denied.value) and "of-the-tests" not in str(denied.value)


def test_lacking_credentials_are_said(s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AwayError, match="there are no credentials; set AWS_ACCESS_KEY_ID"):
        ObjectStore(s3.url).listing()


def test_health_and_metrics_say_how_it_stands_with_the_store_and_the_server_is_ready_all_the_same(
    app, settings, s3, model, trainers
):
    put(s3, trainers, "v1")
    watch = app.extensions["store_watch"]
    watch.poll_interval_s = 0.1
    watch.watch()
    watch.wait_for_a_look()
    model.refresh()
    client = app.test_client()

    def ready() -> dict:
        answer = client.get("/readyz")
        assert answer.status_code == 200 and answer.get_json()["model_version"] == "v1"
        return answer.get_json()["object_store"]

    assert ready()["reached"] and ready()["fault"] is None
    assert "digits_object_store_up 1.0" in client.get("/metrics").text
    s3.kill()
    deadline = time.monotonic() + 20
    while ready()["reached"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "does not answer" in ready()["fault"]
    assert "digits_object_store_up 0.0" in client.get("/metrics").text


def test_only_one_process_looks_and_another_takes_its_place(app, settings, s3):
    watch = app.extensions["store_watch"]
    settings.shared_dir.mkdir(parents=True)
    with (settings.shared_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch.watch()
        time.sleep(2)
        assert watch.state().looked_at == 0
    watch.wait_for_a_look()
    assert watch.state().reached


def test_a_server_on_a_folder_says_nothing_of_a_store(tmp_path, cache_dir):
    shutil.copytree(PRETRAINED, tmp_path / "pretrained")
    places = {"SHARED_DIR": str(tmp_path), "CACHE_DIR": str(cache_dir)}
    app = create_app(Settings.from_environment(places))
    app.extensions["model"].refresh()
    client = app.test_client()
    assert client.get("/readyz").get_json()["object_store"] is None
    assert "object_store" not in client.get("/metrics").text
