"""The way back to an older version, which versions are kept, and what a killed publisher leaves to the next."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from loop_fixtures import put_version, served
from trainer import disk, versions
from trainer.errors import PublishError, RollbackError
from trainer.published import published_from
from trainer.versions import in_service, next_time, only_publisher, prune, roll_back, shelve

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"


def test_going_back_is_not_undone_by_a_training_of_the_same_data_and_options(tmp_path):
    old = put_version(tmp_path, 1, training={"epochs": 5})
    new = put_version(tmp_path, 2, training={"epochs": 9})
    retrained = put_version(tmp_path, 3, parent=new, base={"version": new, "training": {"epochs": 9}, "data": {}})
    assert published_from(tmp_path, {"epochs": 9}, {}) == retrained
    roll_back(tmp_path, old)
    assert published_from(tmp_path, {"epochs": 9}, {}) == old
    assert published_from(tmp_path, {"epochs": 9, "quick": False}, {}) == old  # which was trained before there was such
    assert published_from(tmp_path, {"epochs": 9, "quick": True}, {}) is None
    assert published_from(tmp_path, {"epochs": 5}, {}) is None  # that is another choice, made since


def test_without_a_name_it_goes_back_to_the_parent(tmp_path):
    first = put_version(tmp_path, 1)
    put_version(tmp_path, 2)
    put_version(tmp_path, 3, parent=first)
    assert roll_back(tmp_path) == (first, True)
    assert served(tmp_path) == first
    assert roll_back(tmp_path, first) == (first, False)


def test_one_without_a_parent_goes_back_to_the_newest_before_it_that_was_not_refused(tmp_path):
    first = put_version(tmp_path, 1)
    put_version(tmp_path, 2, serve=False, gate={"verdict": "refused", "reasons": ["worse"]})
    put_version(tmp_path, 3)
    assert roll_back(tmp_path) == (first, True)
    with pytest.raises(RollbackError, match="is the first one here"):
        roll_back(tmp_path)


def test_the_shipped_model_can_be_gone_back_to(tmp_path):
    shipped = put_version(tmp_path / "elsewhere", 1)
    shutil.copytree(tmp_path / "elsewhere" / "versions" / shipped, tmp_path / "pretrained")
    put_version(tmp_path, 2, parent=shipped)
    assert roll_back(tmp_path) == (shipped, True)
    assert served(tmp_path) == shipped


def test_what_was_refused_what_is_unknown_and_what_is_damaged_do_not_serve(tmp_path):
    damaged = put_version(tmp_path, 1)
    (tmp_path / "versions" / damaged / "model.h5").write_text("torn")
    refused = put_version(tmp_path, 2, gate={"verdict": "refused", "reasons": ["it forgot the 7"]})
    current = put_version(tmp_path, 3)
    for version, words in (
        (refused, "was refused and may not serve: it forgot the 7"),
        ("nonsense", "there is no version 'nonsense'"),
        ("../../etc", "there is no version"),
        (damaged, "model.h5: is not what its manifest says"),
    ):
        with pytest.raises(RollbackError, match=words):
            roll_back(tmp_path, version)
    assert served(tmp_path) == current


def test_with_nothing_published_there_is_no_way_back(tmp_path):
    with pytest.raises(RollbackError, match="nothing is published"):
        roll_back(tmp_path)


def test_the_program_goes_back_and_says_so(tmp_path):
    first = put_version(tmp_path, 1)
    put_version(tmp_path, 2, parent=first)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, PROGRAM, "--out", tmp_path, "--rollback", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run().stdout.strip() == f"version {first} is in service now" and served(tmp_path) == first
    assert run(first).stdout.strip() == f"version {first} is in service already"
    failed = run("nonsense")
    assert failed.returncode == 1 and failed.stderr.startswith("cnn_mnist.py: ") and "Traceback" not in failed.stderr


def test_ten_versions_are_kept_and_those_that_are_needed(tmp_path):
    first = put_version(tmp_path, 1)
    current = put_version(tmp_path, 2, parent=first)
    others = [put_version(tmp_path, number, serve=False) for number in range(3, 20)]
    prune(tmp_path)
    assert sorted(path.name for path in (tmp_path / "versions").iterdir()) == sorted([first, current, *others[-10:]])


def test_refused_versions_do_not_push_out_the_one_to_go_back_to_nor_the_base(tmp_path):
    base = put_version(tmp_path, 1)
    before = put_version(tmp_path, 2, parent=base)
    current = put_version(tmp_path, 3, parent=before, base={"version": base})
    for number in range(4, 20):
        put_version(tmp_path, number, serve=False, gate={"verdict": "refused", "reasons": []})
    prune(tmp_path)
    assert {base, before, current} <= {path.name for path in (tmp_path / "versions").iterdir()}
    scratch = put_version(tmp_path, 20)
    for number in range(21, 40):
        put_version(tmp_path, number, serve=False, gate={"verdict": "refused", "reasons": []})
    prune(tmp_path)
    assert roll_back(tmp_path) == (current, True) and scratch != current


def test_a_version_that_cannot_be_deleted_is_named_and_hinders_nothing(tmp_path, monkeypatch, capsys):
    for number in range(1, 13):
        put_version(tmp_path, number)

    def refuse(_path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(versions.shutil, "rmtree", refuse)
    prune(tmp_path)
    assert "cannot be deleted (Permission denied); delete it by hand" in capsys.readouterr().out


def test_a_new_version_is_later_than_all_others_whatever_the_clock_has_done(tmp_path):
    put_version(tmp_path, 1, created_at="2099-01-01T00:00:00Z")
    assert next_time(tmp_path).isoformat() == "2099-01-01T00:00:01+00:00"


def new_version(shared_dir: Path, number: int) -> tuple[Path, str]:
    """Lay a version that is not published yet beside the others."""
    version = put_version(shared_dir, number, serve=False)
    partial = shared_dir / "versions" / ".partial-1"
    (shared_dir / "versions" / version).rename(partial)
    return partial, version


@pytest.mark.parametrize("moment", range(1, 7))
def test_what_a_publisher_killed_at_any_replacement_had_begun_is_whole_or_finished(tmp_path, monkeypatch, moment):
    old = put_version(tmp_path, 1)
    partial, new = new_version(tmp_path, 2)
    left = [moment]
    real = os.replace

    def replace(*paths) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt  # as sudden as a kill to what runs here
        real(*paths)

    monkeypatch.setattr(disk.os, "replace", replace)
    if moment < 6:
        with pytest.raises(KeyboardInterrupt):
            shelve(tmp_path, partial, new, serve=True)
    else:
        shelve(tmp_path, partial, new, serve=True)
    monkeypatch.undo()
    with only_publisher(tmp_path):
        pass
    assert served(tmp_path) == (old if moment == 1 else new)
    assert not (tmp_path / ".publish.intent").exists() and not list((tmp_path / "versions").glob(".partial-*"))


def test_a_full_disk_keeps_what_serves_and_the_next_one_finishes(tmp_path, monkeypatch):
    first = put_version(tmp_path, 1)
    second = put_version(tmp_path, 2, parent=first)

    def no_room(path, _content) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(versions, "replace", no_room)
    with pytest.raises(PublishError, match="No space left on device"):
        roll_back(tmp_path)
    monkeypatch.undo()
    assert served(tmp_path) == second
    assert roll_back(tmp_path) == (first, True)


def test_a_refused_version_is_kept_but_does_not_serve(tmp_path):
    old = put_version(tmp_path, 1)
    partial, new = new_version(tmp_path, 2)
    shelve(tmp_path, partial, new, serve=False)
    assert served(tmp_path) == old and (tmp_path / "versions" / new / "manifest.json").exists()


def test_a_pair_of_the_users_own_is_nobodys_version(tmp_path):
    for name in ("model.json", "model.h5"):
        (tmp_path / name).touch()
    assert in_service(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 3}', "torn"])
def test_a_foreign_manifest_is_taken_for_none(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    assert versions.read_manifest(tmp_path) is None
    assert json.dumps(versions.manifests(tmp_path)) == "[]"
