"""Garbage is looked for again after what is made for good, and not in that."""

import gc

import pytest
from trainer.lasting import lasting


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()


class Node:
    """Something that only the search for garbage can end."""

    def __init__(self, ended: list) -> None:
        self.itself, self._ended = self, ended

    def __del__(self) -> None:
        self._ended.append(self)


def test_what_is_made_within_is_kept_and_what_is_made_afterwards_is_not():
    ended: list[Node] = []
    with lasting():
        assert not gc.isenabled()
        Node(ended)
    assert gc.isenabled() and gc.get_freeze_count() > 0
    gc.collect()
    assert not ended
    Node(ended)
    gc.collect()
    assert len(ended) == 1


def test_garbage_is_looked_for_after_an_error_too():
    with pytest.raises(ImportError), lasting():
        raise ImportError
    assert gc.isenabled()
