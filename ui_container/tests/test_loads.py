"""What each worker holds is known to all, whoever comes and goes."""

import os

from digit_ui.loads import PLACES, Loads


def test_what_one_process_tells_another_knows():
    loads = Loads()
    loads.tell(1, 5)
    child = os.fork()
    if child == 0:
        loads.tell(2, 3)
        os._exit(0)
    os.waitpid(child, 0)
    assert loads.is_more_than_another(5) and loads.is_more_than_another(4)
    assert not loads.is_more_than_another(3)


def test_who_has_left_or_has_not_begun_takes_nothing():
    loads = Loads()
    loads.tell(1, 5)
    loads.tell(2, 0)
    assert loads.is_more_than_another(1)
    loads.leave(2)
    assert not loads.is_more_than_another(5)


def test_a_place_beyond_all_that_are_counted_changes_nothing():
    loads = Loads()
    loads.tell(PLACES, 0)
    loads.leave(PLACES)
    assert not loads.is_more_than_another(1)
