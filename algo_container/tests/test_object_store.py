"""A trainer publishes in an object store as in a folder: whole or not at all, and never over what it does not know."""

import json
import shutil
import threading
from pathlib import Path

import pytest
from loop_fixtures import put_version
from object_stores import S3Server
from trainer import object_store
from trainer.attempts import last_attempt, note
from trainer.errors import ConflictError, ObjectStoreError
from trainer.object_store import ObjectStore
from trainer.settings import PROJECT_SHARED_DIR, read_settings
from trainer.status import tell
from trainer.store_mark import begin_copy, is_ahead
from trainer.store_news import news_brought
from trainer.versions import in_service, only_publisher, prune, roll_back


@pytest.fixture
def copies(tmp_path, s3):
    """Make copies of the store, each as on a machine of its own."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        begin_copy(folder, s3.url, PROJECT_SHARED_DIR / "pretrained")
        with only_publisher(folder):
            pass
        return folder

    return make


@pytest.fixture
def copy(copies) -> Path:
    return copies("copy")


def publish(folder: Path, number: int, serve: bool = True, **facts: object) -> str:
    """Publish a version as a trainer does that may find the store away."""
    with only_publisher(folder, store_may_be_away=True):
        return put_version(folder, number, serve, **facts)


def served(s3) -> str | None:
    """Read as a strict reader does: what the manifest names is in the store, to the byte."""
    if not s3.has("manifest.json"):
        return None
    manifest = json.loads(s3.get("manifest.json"))
    place = f"versions/{manifest['version']}"
    for name, facts in manifest["files"].items():
        assert len(s3.get(f"{place}/{name}")) == facts["size_bytes"]
    assert json.loads(s3.get(f"{place}/manifest.json")) == manifest
    return manifest["version"]


def versions(s3) -> set[str]:
    return {name.split("/")[1] for name in s3.names() if name.endswith("/manifest.json")}


def test_an_address_leads_to_a_copy_and_the_data_stay_on_this_machine(tmp_path):
    environment = {"SHARED_DIR": "s3://bucket/prefix/", "STORE_COPY_DIR": str(tmp_path)}
    settings = read_settings([], environment)
    assert settings.store == "s3://bucket/prefix"
    assert settings.shared_dir.parent == tmp_path
    assert settings.data_dir == PROJECT_SHARED_DIR
    assert read_settings(["--out", "s3://other"], environment).shared_dir != settings.shared_dir
    assert read_settings(["--out", "folder"], environment).store is None


@pytest.mark.parametrize("mode", ["--watch", "--retrain"])
def test_with_a_store_the_feedback_is_named(tmp_path, capsys, mode):
    environment = {"SHARED_DIR": "s3://bucket", "STORE_COPY_DIR": str(tmp_path)}
    with pytest.raises(SystemExit):
        read_settings([mode], environment)
    assert "DATABASE_URL" in capsys.readouterr().err
    assert read_settings([mode], {**environment, "DATABASE_URL": "sqlite:///f.db"}).feedback.database == "f.db"


@pytest.mark.parametrize("address", ["gs://bucket", "s3://", "s3://b/../x?y", "s3://key:s3cret@bucket"])
def test_an_address_that_cannot_be_used_is_refused_and_no_secret_repeated(capsys, address):
    with pytest.raises(SystemExit):
        read_settings([], {"SHARED_DIR": address})
    said = capsys.readouterr().err
    assert "--out" in said and "s3cret" not in said


def test_what_is_published_in_the_copy_is_in_the_store_and_refused_versions_do_not_serve(s3, copy):
    first = publish(copy, 1)
    assert served(s3) == first
    second = publish(copy, 2)
    refused = publish(copy, 3, serve=False, gate={"verdict": "refused", "reasons": []})
    assert served(s3) == second and versions(s3) == {first, second, refused}
    assert not is_ahead(copy)


def dying(monkeypatch, writes: int) -> None:
    """Have the trainer killed after so many changes of the store."""
    left = [writes]
    for name in ("write", "replace", "delete"):
        method = getattr(ObjectStore, name)

        def change(self, *arguments, method=method):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            method(self, *arguments)

        monkeypatch.setattr(ObjectStore, name, change)


@pytest.mark.parametrize("before", [0, 1])
def test_wherever_an_upload_ends_no_reader_meets_half_a_version_and_the_next_one_finishes_it(
    s3, copies, monkeypatch, before
):
    for writes in range(20):
        s3.emptied()
        copy = copies(f"copy {writes}")
        old = publish(copy, 1) if before else None
        with monkeypatch.context() as dies:
            dying(dies, writes)
            try:
                publish(copy, 2)
                break
            except KeyboardInterrupt:
                new = in_service(copy)[0]["version"]
                assert served(s3) in (old, new) and new != old
        with only_publisher(copy):
            pass
        assert served(s3) == new
    assert writes == 8  # four files of the version, and four at the top


def test_the_manifest_is_written_last_but_first_where_there_is_none(s3, copy, monkeypatch):
    written = []
    for name in ("write", "replace"):
        method = getattr(ObjectStore, name)

        def noted(self, name, *arguments, method=method):
            written.append(name)
            method(self, name, *arguments)

        monkeypatch.setattr(ObjectStore, name, noted)
    first = publish(copy, 1)
    assert written.index(f"versions/{first}/manifest.json") == 3
    assert written[4:] == ["manifest.json", "model.json", "model.h5", "is_digit.json"]
    written.clear()
    publish(copy, 2)
    assert written[4:] == ["model.json", "model.h5", "is_digit.json", "manifest.json"]


def test_of_two_trainers_that_publish_at_once_one_serves_and_the_other_is_told(s3, copies):
    one, other = copies("one"), copies("other")
    base = publish(one, 1)
    with only_publisher(other):
        pass
    made = []

    def publish_both() -> None:
        with only_publisher(one):
            made.extend([put_version(one, 2), publish(other, 3)])

    with pytest.raises(ConflictError) as conflict:
        publish_both()
    lost, won = made
    assert f"version {lost} is there, but not in service: another trainer put {won} into service" in str(conflict.value)
    assert served(s3) == won and versions(s3) == {base, lost, won}
    for copy in (one, other):
        with only_publisher(copy):
            assert in_service(copy)[0]["version"] == won
    assert roll_back(other, lost) == (lost, True)
    assert served(s3) == lost


def test_what_a_trainer_wrote_that_lost_at_the_last_moment_does_not_stay(s3, copies, monkeypatch):
    one, other = copies("one"), copies("other")
    publish(one, 1)
    with only_publisher(other):
        pass
    method, won = ObjectStore.write, []

    def late(self, name, *arguments):
        if name == "model.json" and not won:
            won.append(None)
            won[0] = publish(other, 3)
        method(self, name, *arguments)

    monkeypatch.setattr(ObjectStore, "write", late)
    with pytest.raises(ConflictError):
        publish(one, 2)
    assert served(s3) == won[0]
    for name in ("model.json", "model.h5", "is_digit.json"):
        assert s3.get(name) == s3.get(f"versions/{won[0]}/{name}")


def test_the_store_itself_compares_so_that_nobody_can_come_between(s3):
    store = ObjectStore(s3.url)
    store.replace("manifest.json", b"first", None)
    with pytest.raises(ConflictError):
        store.replace("manifest.json", b"another first", None)
    tag = store.listing()["manifest.json"]
    store.replace("manifest.json", b"second", tag)
    with pytest.raises(ConflictError):
        store.replace("manifest.json", b"another second", tag)
    assert s3.get("manifest.json") == b"second"


def test_an_answer_that_is_lost_is_no_conflict(s3, copy, monkeypatch):
    method = ObjectStore.replace

    def twice(self, *arguments):
        method(self, *arguments)
        method(self, *arguments)

    monkeypatch.setattr(ObjectStore, "replace", twice)
    assert publish(copy, 1) == served(s3)


def test_one_goes_back_on_another_machine(s3, copies):
    one = copies("one")
    first, second = publish(one, 1), publish(one, 2)
    other = copies("other")
    assert in_service(other)[0]["version"] == second
    assert roll_back(other) == (first, True)
    assert served(s3) == first
    with only_publisher(one):
        assert in_service(one)[0]["version"] == first


def test_one_goes_back_to_the_model_that_ships(s3, copy):
    shipped = in_service(copy)[0]["version"]
    publish(copy, 1, parent=shipped)
    assert roll_back(copy) == (shipped, True)
    assert json.loads(s3.get("manifest.json"))["version"] == shipped and shipped in versions(s3)


def test_old_versions_are_deleted_in_the_store_too_and_those_of_others_are_not(s3, copies):
    one, other = copies("one"), copies("other")
    made = [publish(one, number) for number in range(1, 13)]
    with only_publisher(other):
        pass
    foreign = publish(other, 20, serve=False)
    with only_publisher(one):
        prune(one)
    assert versions(s3) == {*made[-9:], foreign}
    assert not [name for name in s3.names() if name.startswith(f"versions/{made[0]}/")]
    with only_publisher(other):
        assert {path.name for path in (other / "versions").iterdir()} == versions(s3)


def test_a_store_that_is_away_when_a_model_is_published_gets_it_later(s3, copy):
    first = publish(copy, 1)
    files = s3.files()
    s3.kill()
    with pytest.raises(ObjectStoreError, match="is kept in .* and brought there later"):
        publish(copy, 2)
    assert is_ahead(copy)
    s3.again(files)
    assert served(s3) == first
    with only_publisher(copy):
        pass
    assert served(s3) == in_service(copy)[0]["version"] != first
    assert not is_ahead(copy)


def test_a_training_does_not_begin_while_the_store_is_away(s3, copy):
    s3.kill()
    with pytest.raises(ObjectStoreError, match="does not answer"):
        with only_publisher(copy):
            pytest.fail("it begins")


def test_a_copy_that_never_saw_the_store_does_not_guess(s3, tmp_path):
    s3.kill()
    begin_copy(tmp_path / "copy", s3.url, tmp_path / "none")
    with pytest.raises(ObjectStoreError):
        publish(tmp_path / "copy", 1)
    assert in_service(tmp_path / "copy") is None


def torn(files: dict[str, bytes], place: str) -> dict[str, bytes]:
    return {**files, f"{place}/model.h5": b"half"}


def without_json(files: dict[str, bytes], place: str) -> dict[str, bytes]:
    return {**files, f"{place}/manifest.json": b"[1, 2"}


@pytest.mark.parametrize("damage", [torn, without_json])
def test_a_version_that_is_not_whole_is_left_out_and_not_deleted(s3, copies, capsys, damage):
    bad = publish(copies("one"), 1, serve=False)
    for name, content in damage(s3.files(), f"versions/{bad}").items():
        s3.put(name, content)
    other = copies("other")
    assert not (other / "versions" / bad).exists()
    assert f"version {bad} in the object store is not what its manifest says" in capsys.readouterr().out
    publish(other, 2)
    assert bad in versions(s3)


def test_no_name_in_the_store_leads_out_of_the_copy(s3, copies, tmp_path):
    for name in (
        "versions/../../escaped/manifest.json",
        "versions/../manifest.json",
        "versions/v1/../x",
        "versions/v1/.x",
    ):
        s3.put(name, b'{"version": "..", "files": {}}')
    copy = copies("copy")
    assert not list((copy / "versions").iterdir()) and not list(tmp_path.rglob("escaped"))


def test_a_pair_of_a_persons_own_in_the_store_is_not_the_trainers(s3, copy):
    for name in ("model.json", "model.h5"):
        s3.put(name, b"of somebody")
    with only_publisher(copy):
        assert in_service(copy) is None


def test_what_was_looked_at_is_known_on_another_machine(s3, copies):
    one = copies("one")
    with news_brought(one):
        note(one, through=7, rollbacks_through=3)
        tell(one, "status.json", {"stage": "learning"})
    assert json.loads(s3.get("training/status.json")) == {"stage": "learning"}
    other = copies("other")
    assert (last_attempt(other).through, last_attempt(other).rollbacks_through) == (7, 3)


def test_news_never_waits_long_for_a_store_that_is_away(s3, copy, monkeypatch):
    monkeypatch.setattr(object_store, "READ_TIMEOUT_S", 1)
    s3.freeze()
    done = threading.Event()

    def work() -> None:
        with news_brought(copy):
            tell(copy, "status.json", {"stage": "learning"})
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert done.wait(10)
    thread.join()
    s3.thaw()


def test_a_store_that_hangs_when_it_is_sent_a_file_is_away(s3, monkeypatch):
    monkeypatch.setattr(object_store, "READ_TIMEOUT_S", 0.5)
    store = ObjectStore(s3.url)
    s3.freeze()
    for send in (lambda: store.write("model.h5", b"weights"), lambda: store.replace("manifest.json", b"{}", None)):
        with pytest.raises(ObjectStoreError, match="does not answer"):
            send()
    s3.thaw()


def test_a_folder_is_no_copy_and_nothing_is_asked(tmp_path):
    with only_publisher(tmp_path), news_brought(tmp_path):
        put_version(tmp_path, 1)
    assert not is_ahead(tmp_path)
    assert not (tmp_path / ".store.json").exists()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("AWS_ACCESS_KEY_ID", "wrong", "access is denied"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "does not answer")],
)
def test_every_fault_of_a_store_is_said_without_the_secret(tmp_path, monkeypatch, variable, value, said):
    server = S3Server(tmp_path / "s3.log", checks_keys=True).start()
    for name, given in {**server.variables, variable: value}.items():
        monkeypatch.setenv(name, given)
    try:
        with pytest.raises(ObjectStoreError, match=said) as error:
            ObjectStore(server.url).listing()
    finally:
        server.kill()
    assert server.variables["AWS_SECRET_ACCESS_KEY"] not in str(error.value) and "wrong" not in str(error.value)
    shutil.rmtree(tmp_path)


def test_a_bucket_that_is_not_there_is_said(s3):
    with pytest.raises(ObjectStoreError, match="s3://elsewhere: there is no such bucket"):
        ObjectStore("s3://elsewhere").listing()
