"""A chief keeps its checkpoint in the object store too: whole or not seen, and at no step's cost."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
from trainer import checkpoint_copy, object_store
from trainer.checkpoint import Checkpoint, State, path_in, spent
from trainer.checkpoint_copy import CheckpointCopy
from trainer.errors import AccuracyTooLowError, ConflictError
from trainer.object_store import ObjectStore
from trainer.stored_checkpoint import StoredCheckpoint

PLAN = {"seed": 1, "steps": 9, "data": {"train": "0f"}}
SHAPES = [(2, 3), ()]
INDEX = "training/checkpoint.json"


def state(steps: int) -> State:
    return State(steps, {"loss": [0.5]}, [np.full((2, 3), float(steps)), np.array(steps)])


def packed(steps: int, plan: dict = PLAN) -> bytes:
    return Checkpoint(Path("nowhere"), plan).packed(state(steps))


class Chief:
    """One that has begun to train, on a machine of its own, and all that it has said."""

    def __init__(self, folder: Path, store: ObjectStore, plan: dict) -> None:
        self.said = []
        self.folder = folder
        self.stored = StoredCheckpoint(store, plan)
        self.checkpoint = CheckpointCopy(folder, plan, self.stored, self.said.append)

    def loads(self) -> int | None:
        """Begin; give the step that it goes on from."""
        kept = self.checkpoint.load(SHAPES)
        if kept is not None:
            assert kept.history == {"loss": [0.5]}
            assert [value.tolist() for value in kept.weights] == [np.full((2, 3), kept.steps).tolist(), kept.steps]
        return None if kept is None else kept.steps

    def saves(self, *steps: int) -> "Chief":
        """Train for a while, and wait until the store has the last that was kept."""
        with self.checkpoint.kept():
            for step in steps:
                self.checkpoint.save(state(step))
        return self


@pytest.fixture
def chief(tmp_path, s3, monkeypatch):
    """Make chiefs of the same training, each on the machine that is named, with all the time to bring the last."""
    monkeypatch.setattr(checkpoint_copy, "LAST_WORD_S", 60)
    store = ObjectStore(s3.url)
    return lambda machine, plan=PLAN: Chief(tmp_path / machine, store, plan)


def data_in(s3) -> list[str]:
    return [name for name in s3.names() if name.startswith("training/checkpoint/")]


def whole(s3) -> int | None:
    """Read as a strict reader does: what the index names is there, to the byte. Give its step."""
    if not s3.has(INDEX):
        return None
    index = json.loads(s3.get(INDEX))
    content = s3.get(index["file"])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (index["size_bytes"], index["sha256"])
    kept = Checkpoint(Path("nowhere"), PLAN).unpacked(content, SHAPES)
    assert kept.steps == index["steps"] and int(kept.weights[1]) == kept.steps
    return kept.steps


def test_a_chief_that_comes_back_on_another_machine_goes_on_from_what_it_kept(s3, chief):
    assert chief("one").loads() is None
    chief("one").saves(3, 7)
    assert chief("another").loads() == 7
    s3.kill()
    assert chief("another").loads() == 7  # and holds it itself


def test_the_checkpoint_that_has_come_further_counts(s3, chief):
    chief("one").saves(3)
    Checkpoint(chief("one").folder, PLAN).save(state(5))
    assert chief("one").loads() == 5
    Checkpoint(chief("one").folder, PLAN).save(state(2))
    assert chief("one").loads() == 3


def test_one_checkpoint_is_kept_and_none_after_the_model_is_published_or_refused(s3, chief):
    one = chief("one")
    one.stored.put(packed(3), 3)
    one.saves(7, 9)
    assert whole(s3) == 9 and len(data_in(s3)) == 1
    with pytest.raises(OSError), spent(one.checkpoint):
        raise OSError("as it may happen")
    assert whole(s3) == 9 and path_in(one.folder).exists()
    with pytest.raises(AccuracyTooLowError), spent(one.checkpoint):
        raise AccuracyTooLowError("too bad")
    assert not s3.names() and not path_in(one.folder).exists()
    again = chief("again").saves(9)
    with spent(again.checkpoint):
        pass
    assert not s3.names() and one.said == again.said == []


@pytest.mark.parametrize("before", [None, 3])
def test_wherever_a_chief_is_killed_the_store_holds_a_whole_checkpoint_or_none(s3, chief, monkeypatch, before):
    for changes in range(10):
        s3.emptied()
        if before is not None:
            chief("old").stored.put(packed(before), before)
        left = [changes]

        def dying(method, left=left):
            def change(self, *arguments):
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                method(self, *arguments)

            return change

        with monkeypatch.context() as dies:
            for name in ("write", "replace", "delete"):
                dies.setattr(ObjectStore, name, dying(getattr(ObjectStore, name)))
            try:
                chief(f"killed {changes}").stored.put(packed(7), 7)
                break
            except KeyboardInterrupt:
                assert whole(s3) in (before, 7)
        left_there = whole(s3)
        assert chief(f"next {changes}").loads() == left_there
        assert len(data_in(s3)) == (0 if left_there is None else 1)  # what else the killed one left is cleared away
    assert changes == (2 if before is None else 4)  # the data, the index; taken over before, and the old data after
    assert whole(s3) == 7


def test_the_index_comes_last_and_goes_first(s3, chief, monkeypatch):
    changes = []
    for name in ("write", "replace", "delete"):
        method = getattr(ObjectStore, name)

        def noted(self, name, *arguments, method=method, kind=name):
            changes.append((kind, name))
            method(self, name, *arguments)

        monkeypatch.setattr(ObjectStore, name, noted)
    one = chief("one")
    one.stored.put(packed(3), 3)
    (first,) = data_in(s3)
    one.stored.put(packed(7), 7)
    (second,) = data_in(s3)
    one.stored.remove()
    assert changes == [
        ("write", first),
        ("replace", INDEX),
        ("write", second),
        ("replace", INDEX),
        ("delete", first),
        ("delete", INDEX),
        ("delete", second),
    ]


@pytest.mark.parametrize("damage", ["torn", "missing", "no index of ours", "not JSON", "leads elsewhere"])
def test_what_is_not_whole_is_left_out_and_replaced(s3, chief, damage):
    chief("one").saves(3)
    index = json.loads(s3.get(INDEX))
    s3.put("versions/v/manifest.json", b"{}")
    if damage == "torn":
        s3.put(index["file"], s3.get(index["file"])[:200])
    elif damage == "missing":
        s3.delete(index["file"])
    else:
        elsewhere = json.dumps({**index, "file": "versions/v/manifest.json"}).encode()
        s3.put(INDEX, {"no index of ours": b"{}", "not JSON": b"[1, 2"}.get(damage, elsewhere))
    another = chief("another")
    assert another.loads() is None
    if damage in ("torn", "missing", "leads elsewhere"):
        assert f"is not what {INDEX} says" in another.said[0]
    another.saves(5)
    assert whole(s3) == 5 and len(data_in(s3)) == 1 and s3.has("versions/v/manifest.json")


@pytest.mark.parametrize("other", [{"seed": 2}, {"steps": 8}, {"data": {"train": "1e"}}, {"quick": True}])
def test_a_checkpoint_of_another_recipe_or_of_other_data_is_not_gone_on_from_but_replaced(s3, chief, other):
    chief("one", {**PLAN, **other}).saves(8)
    another = chief("another")
    assert another.loads() is None
    assert len(data_in(s3)) == 1  # until there is one of this training
    another.saves(3)
    assert whole(s3) == 3 and len(data_in(s3)) == 1


def test_data_of_another_training_are_not_gone_on_from_whatever_the_index_says(s3, chief):
    chief("one").stored.put(packed(7, {**PLAN, "seed": 2}), 7)
    assert chief("another").loads() is None


def test_a_chief_whose_training_another_one_has_taken_over_leaves_it_to_that_one(s3, chief):
    lost, won = chief("lost"), chief("won")
    lost.stored.put(packed(3), 3)
    assert won.loads() == 3
    lost.saves(5)
    assert "another trainer keeps its checkpoints there now" in lost.said[0]
    assert whole(s3) == 3 and Checkpoint(lost.folder, PLAN).load(SHAPES).steps == 5
    lost.checkpoint.forget()
    assert whole(s3) == 3 and lost.said[1].endswith("those stay")
    won.saves(4)
    assert whole(s3) == 4 and won.said == []


def test_the_store_itself_compares_so_that_nobody_comes_between(s3, chief, monkeypatch):
    one, other = chief("one"), chief("other")
    one.stored.put(packed(3), 3)
    method = StoredCheckpoint._check_ours

    def late(self, listing):
        monkeypatch.setattr(StoredCheckpoint, "_check_ours", method)
        method(self, listing)
        other.stored.put(packed(4), 4)

    monkeypatch.setattr(StoredCheckpoint, "_check_ours", late)
    with pytest.raises(ConflictError):
        one.stored.put(packed(5), 5)
    assert whole(s3) == 4
    with pytest.raises(ConflictError):
        one.stored.remove()
    assert whole(s3) == 4


def test_what_is_kept_while_it_is_taken_over_counts(s3, chief, monkeypatch):
    one, other = chief("one"), chief("other")
    one.stored.put(packed(3), 3)
    method = ObjectStore.replace

    def late(self, *arguments):
        monkeypatch.setattr(ObjectStore, "replace", method)
        one.stored.put(packed(4), 4)
        method(self, *arguments)

    monkeypatch.setattr(ObjectStore, "replace", late)
    assert other.loads() == 4
    one.saves(5)
    assert whole(s3) == 4


def test_a_training_that_never_reached_the_store_deletes_nothing_there(s3, chief):
    chief("one").saves(3)
    never = chief("never")
    never.checkpoint.forget()
    assert whole(s3) == 3 and never.said == []


def test_an_answer_that_is_lost_is_no_conflict(s3, chief, monkeypatch):
    method = ObjectStore.replace

    def twice(self, *arguments):
        method(self, *arguments)
        method(self, *arguments)

    monkeypatch.setattr(ObjectStore, "replace", twice)
    one = chief("one")
    one.stored.put(packed(3), 3)
    one.stored.put(packed(5), 5)
    assert whole(s3) == 5


def soon(holds) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def impatient(monkeypatch):
    """Wait less for a store that is away."""
    monkeypatch.setattr(checkpoint_copy, "PAUSE_S", 0.1)
    monkeypatch.setattr(object_store, "READ_TIMEOUT_S", 1)


def test_a_store_that_is_away_costs_no_step_and_has_the_checkpoint_when_it_is_back(impatient, s3, chief, monkeypatch):
    one = chief("one")
    with one.checkpoint.kept():
        one.checkpoint.save(state(3))
        soon(lambda: s3.has(INDEX))
        s3.freeze()
        tries, put = [], one.stored.put
        monkeypatch.setattr(one.stored, "put", lambda *newest: tries.append(newest) or put(*newest))
        began = time.monotonic()
        for steps in (4, 5):
            one.checkpoint.save(state(steps))
        assert time.monotonic() - began < 0.5
        one.checkpoint.save(state(6))
        soon(lambda: len(tries) == 3)
        one.checkpoint.save(state(6))
        assert "does not answer" in one.said[0] and "training goes on" in one.said[0]
        s3.thaw()
        soon(lambda: whole(s3) == 6)
    # However often it was tried.
    assert one.said[1:] == ["the object store holds the checkpoint again"] and len(data_in(s3)) == 1


def test_a_store_that_was_away_at_the_start_and_one_that_lost_everything_have_it_too(s3, chief):
    chief("one").saves(3)
    files = s3.files()
    s3.kill()
    one = chief("one")
    assert one.loads() == 3 and "going on without" in one.said[0]
    s3.again(files)
    with one.checkpoint.kept():
        one.checkpoint.save(state(5))
        soon(lambda: whole(s3) == 5)
        s3.emptied()
        one.checkpoint.save(state(6))
        soon(lambda: whole(s3) == 6)


def test_a_training_that_ends_does_not_wait_for_a_store_that_hangs(impatient, s3, chief, monkeypatch):
    monkeypatch.setattr(checkpoint_copy, "LAST_WORD_S", 0.5)
    one = chief("one")
    s3.freeze()
    began = time.monotonic()
    one.saves(3).checkpoint.forget()
    assert time.monotonic() - began < 2
    assert "the checkpoint may stay there" in one.said[-1] and not path_in(one.folder).exists()
    s3.thaw()
