"""As many drawings are read at once as there are cores; the others wait in a queue that ends."""

import threading

import pytest
from conftest import DIGIT_STROKES
from digit_ui.problems import Problem
from digit_ui.turns import Turns
from test_health import until

BODY = {"strokes": DIGIT_STROKES[7]}


class Asker:
    """Somebody who takes a turn in a thread and keeps it until told to end."""

    def __init__(self, turns: Turns, came: list, name: str) -> None:
        self.end = threading.Event()
        self.problem = None
        self._thread = threading.Thread(target=self._ask, args=(turns, came, name))
        self._thread.start()

    def _ask(self, turns: Turns, came: list, name: str) -> None:
        try:
            with turns.turn():
                came.append(name)
                assert self.end.wait(30)
        except Problem as problem:
            self.problem = problem

    def leave(self) -> None:
        self.end.set()
        self._thread.join(30)


def test_who_came_first_is_served_first():
    turns, came = Turns(at_once=1, max_waiting=10, max_wait_s=30), []
    askers = []
    for number in range(5):
        askers.append(Asker(turns, came, str(number)))
        until(lambda number=number: len(came) == 1 and turns.waiting == number)
    for number, asker in enumerate(askers):
        until(lambda number=number: len(came) == number + 1)
        asker.leave()
    assert came == ["0", "1", "2", "3", "4"]


def test_who_has_waited_for_a_thread_before_is_served_as_that_says():
    turns, came = Turns(at_once=1, max_waiting=10, max_wait_s=30), []
    first = Asker(turns, came, "first")
    until(lambda: came)
    askers = {}
    for number, waited_s in enumerate((2, 18, 10, 18)):
        turns.waited_s = lambda waited_s=waited_s: waited_s
        name = f"for {waited_s} s, {number}"
        askers[name] = Asker(turns, came, name)
        until(lambda number=number: turns.waiting == number + 1)
    first.leave()
    for name in ("for 18 s, 1", "for 18 s, 3", "for 10 s, 2", "for 2 s, 0"):
        until(lambda name=name: came[-1] == name)
        askers[name].leave()


def test_as_many_work_at_once_as_are_let():
    turns, came = Turns(at_once=3, max_waiting=10, max_wait_s=30), []
    askers = [Asker(turns, came, str(number)) for number in range(5)]
    until(lambda: len(came) == 3 and turns.waiting == 2)
    for asker in askers:
        asker.end.set()
    until(lambda: len(came) == 5)


def test_beyond_the_queue_the_answer_is_503_at_once_and_says_when_to_come_again():
    turns, came = Turns(at_once=1, max_waiting=1, max_wait_s=30), []
    first = Asker(turns, came, "first")
    until(lambda: came)
    second = Asker(turns, came, "second")
    until(lambda: turns.waiting == 1)
    with pytest.raises(Problem) as refused, turns.turn():
        pass
    assert (refused.value.status, refused.value.code) == (503, "too_busy") and refused.value.headers["Retry-After"]
    first.leave()
    second.leave()
    assert came == ["first", "second"]


def test_who_waits_too_long_is_refused_and_takes_no_place_any_more():
    turns, came = Turns(at_once=1, max_waiting=1, max_wait_s=0.05), []
    first = Asker(turns, came, "first")
    until(lambda: came)
    for _ in range(3):
        with pytest.raises(Problem, match=r"within 0\.05 s") as refused, turns.turn():
            pass
        assert refused.value.status == 503 and turns.waiting == 0
    first.leave()
    with turns.turn():
        pass


def test_what_somebody_has_waited_for_a_thread_is_part_of_the_wait():
    turns, came = Turns(at_once=1, max_waiting=1, max_wait_s=30), []
    first = Asker(turns, came, "first")
    until(lambda: came)
    turns.waited_s = lambda: 40
    with pytest.raises(Problem, match="within 30 s"), turns.turn():
        pass
    first.leave()
    with turns.turn():  # it is served if it is its turn at once
        pass


def test_a_failure_gives_the_turn_back():
    turns = Turns(at_once=1, max_waiting=1, max_wait_s=0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn():
            raise ZeroDivisionError


def test_many_threads_lose_no_turn():
    turns, at_work, most = Turns(at_once=2, max_waiting=100, max_wait_s=30), [], []

    def ask() -> None:
        for _ in range(50):
            with turns.turn():
                at_work.append(1)
                most.append(len(at_work))
                at_work.pop()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 800 and max(most) <= 2 and turns.waiting == 0
    with turns.turn(), turns.turn():
        pass


@pytest.mark.parametrize(("path", "body"), [("/predict", BODY), ("/explain", BODY), ("/feedback", BODY | {"label": 7})])
def test_while_the_server_is_full_drawings_are_refused_and_everything_else_is_answered(app, client, path, body):
    turns = app.extensions["turns"]
    turns.at_once, turns.max_waiting = 1, 0
    with turns.turn():
        refused = client.post(path, json=body)
        assert refused.status_code == 503 and refused.content_type == "application/problem+json"
        assert refused.get_json(force=True)["code"] == "too_busy" and int(refused.headers["Retry-After"]) >= 1
        for open_page in ("/livez", "/readyz", "/", "/training/status"):
            assert client.get(open_page).status_code == 200
    assert client.post(path, json=body).status_code in (200, 201)


def test_a_bad_drawing_gives_its_turn_back(app, client):
    app.extensions["turns"].at_once, app.extensions["turns"].max_waiting = 1, 0
    for _ in range(3):
        assert client.post("/predict", data=b"\x89PNG\r\n\x1a\ncut", content_type="image/png").status_code == 400
    assert client.post("/predict", json=BODY).status_code == 200
