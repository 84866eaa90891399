"""One thread answers all whose next request comes soon, unless it takes long over one of them."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from digit_ui import lingering as lingering_module
from digit_ui.lingering import PATIENCE_S, Lingering
from test_health import until


@pytest.fixture
def given_back():
    return []


@pytest.fixture
def make(given_back):
    """Make what is tested, for so many connections."""
    nothing = lambda: None  # noqa: E731
    return lambda most=9, on_line_empty=nothing: Lingering(
        most, given_back.append, on_lead=nothing, on_line_empty=on_line_empty
    )


@pytest.fixture
def pair():
    """Make connections, each with its client's socket."""
    sockets = []

    def make_one() -> SimpleNamespace:
        server, client = socket.socketpair()
        sockets.extend((server, client))
        return SimpleNamespace(sock=server, client=client)

    yield make_one
    for one in sockets:
        one.close()


def lead(lingering: Lingering, answer) -> threading.Thread:
    thread = threading.Thread(target=lingering.lead, args=(answer,), daemon=True)
    thread.start()
    return thread


def test_one_thread_answers_all_in_the_order_in_which_they_were_seen_to_ask(make, pair, given_back):
    lingering, answered, threads = make(), [], set()
    connections = [pair() for _ in range(3)]

    def answer(conn, _seen_at: float) -> None:
        conn.sock.recv(9)
        answered.append(conn)
        threads.add(threading.get_ident())
        if len(answered) < 30:
            conn.client.send(b"again")
            assert lingering.add(conn)
            lingering.lead(answer)  # as whoever adds one does; another one leads already

    for conn in connections:
        conn.client.send(b"ask")
        assert lingering.add(conn)
    lead(lingering, answer).join(10)
    assert len(threads) == 1 and not lingering.is_led
    assert len(answered) == 32 and all(answered[at] is answered[at % 3] for at in range(30))
    assert given_back == []


def test_how_many_are_in_line_is_known_and_when_nobody_is_any_longer(make, pair, given_back):
    told, in_line = [], []
    lingering = make(on_line_empty=lambda: told.append(lingering.in_line))
    connections = [pair() for _ in range(3)]
    for conn in connections:
        conn.client.close()  # which also is something that comes, and is no drawing
        lingering.add(conn)
    lead(lingering, lambda *_: in_line.append(lingering.in_line)).join(10)
    assert in_line == [2, 1, 0] and told == [0]


def test_a_callback_that_fails_does_so_once(make, pair):
    def fail() -> None:
        raise ZeroDivisionError

    lingering, conn = make(on_line_empty=fail), pair()
    for one in (pair(), pair()):
        one.client.send(b"ask")
        lingering.add(one)
    lingering.add(conn)
    with pytest.raises(ZeroDivisionError):
        lingering.lead(lambda *_: None)
    assert lingering.needs_leader()
    conn.client.send(b"ask")
    answered = []
    lingering.lead(lambda asking, _seen_at: answered.append(asking))
    assert answered == [conn]


def test_who_comes_while_a_thread_waits_is_seen_at_once(make, pair, monkeypatch):
    monkeypatch.setattr(lingering_module, "LINGER_S", 60)
    lingering, answered = make(), threading.Event()
    silent, asking = pair(), pair()
    lingering.add(silent)
    lead(lingering, lambda *_: answered.set())
    until(lambda: lingering.is_led)
    asking.client.send(b"ask")
    assert lingering.add(asking) and answered.wait(10)


def test_who_is_silent_is_given_back_and_the_thread_ends(make, pair, given_back):
    lingering, conn = make(), pair()
    lingering.add(conn)
    lead(lingering, pytest.fail).join(10)
    assert given_back == [conn] and not lingering.is_led


def test_who_is_silent_is_given_back_though_others_ask_all_the_time(make, pair, given_back):
    lingering, silent, asking = make(), pair(), pair()
    asking.client.send(b"ask")

    def answer(conn, _seen_at: float) -> None:
        if not given_back:
            lingering.add(conn)  # unread, so it asks still

    lingering.add(silent)
    lingering.add(asking)
    lead(lingering, answer).join(10)
    assert given_back == [silent]


def test_there_are_only_so_many_and_none_after_the_end(make, pair, given_back):
    lingering = make(2)
    first, second = pair(), pair()
    assert lingering.add(first) and lingering.add(second) and not lingering.add(pair())
    lingering.close()
    lead(lingering, pytest.fail).join(10)
    assert given_back == [first, second] and not lingering.add(first)


@pytest.fixture
def slow(make, pair):
    """Begin an answer that takes until `end` is set, and gives the connection back to those who linger."""
    lingering, begun, end, answered = make(), threading.Event(), threading.Event(), []
    conn = pair()

    def answer(asking, _seen_at: float) -> None:
        asking.sock.recv(9)
        if asking is conn and not begun.is_set():
            begun.set()
            end.wait()
        answered.append(asking)
        lingering.add(asking)

    conn.client.send(b"ask")
    lingering.add(conn)
    thread = lead(lingering, answer)
    assert begun.wait(10)
    yield SimpleNamespace(lingering=lingering, conn=conn, answer=answer, end=end, thread=thread, answered=answered)
    end.set()


def dismissed(lingering: Lingering, threads: int = 0) -> list:
    """Wait until the leader is dismissed; give those who get a thread of their own."""
    given = []

    def is_dismissed() -> bool:
        given.extend(conn for conn, _ in lingering.relieve(threads))
        return not lingering.is_led

    until(is_dismissed)
    return given


def test_where_an_answer_takes_long_another_thread_goes_on(slow, pair):
    short = pair()
    short.client.send(b"ask")
    slow.lingering.add(short)
    slow.lingering.lead(slow.answer)  # returns: the other one leads still
    assert slow.answered == [] and not slow.lingering.needs_leader()
    assert dismissed(slow.lingering) == [] and slow.lingering.needs_leader()
    lead(slow.lingering, slow.answer)
    until(lambda: slow.answered == [short])
    assert slow.thread.is_alive()
    slow.end.set()
    slow.thread.join(10)
    assert not slow.thread.is_alive()


@pytest.mark.parametrize("threads", [0, 2, 9])
def test_behind_a_long_answer_those_in_line_get_the_threads_that_there_are(make, pair, threads):
    lingering, begun, end, answered = make(), threading.Event(), threading.Event(), []
    connections = [pair() for _ in range(5)]
    for conn in connections:
        conn.client.send(b"ask")
        lingering.add(conn)
    lead(lingering, lambda *_: (begun.set(), end.wait()))
    assert begun.wait(10) and lingering.in_line == 4
    given = connections[1 : 1 + threads]
    assert dismissed(lingering, threads) == given
    assert lingering.needs_leader() == (len(given) < 4)
    lead(lingering, lambda conn, _seen_at: answered.append(conn)).join(10)
    assert answered == connections[1 + len(given) :]
    end.set()


@pytest.mark.parametrize("others", [0, 1])
def test_after_a_long_answer_its_own_thread_waits_for_the_next_request_if_no_other_does(
    slow, pair, others, given_back, monkeypatch
):
    """Whether another thread has led meanwhile, and has ended as nobody asked, or not."""
    monkeypatch.setattr(lingering_module, "LINGER_S", 1)
    silent = [pair() for _ in range(others)]
    for conn in silent:
        slow.lingering.add(conn)
    dismissed(slow.lingering)
    lead(slow.lingering, slow.answer).join(10)
    assert given_back == silent and slow.answered == []
    slow.end.set()
    until(lambda: len(slow.answered) == 1)
    slow.conn.client.send(b"again")
    until(lambda: len(slow.answered) == 2)
    slow.thread.join(10)
    assert given_back == [*silent, slow.conn] and not slow.lingering.is_led


def test_an_error_ends_a_leader_and_nothing_else(make, pair):
    lingering, answered = make(), threading.Event()
    first, second = pair(), pair()
    for conn in (first, second):
        conn.client.send(b"ask")
        lingering.add(conn)
    with pytest.raises(ZeroDivisionError):
        lingering.lead(lambda *_: 1 / 0)
    assert not lingering.is_led and lingering.needs_leader()
    lead(lingering, lambda *_: answered.set())
    assert answered.wait(10)


def test_nobody_waits_where_nobody_lingers(make, monkeypatch):
    monkeypatch.setattr(lingering_module, "LINGER_S", 10)
    lingering = make()
    began = time.monotonic()
    lingering.lead(pytest.fail)
    assert not lingering.is_led and time.monotonic() - began < lingering_module.LINGER_S


def test_a_thread_that_waits_is_not_dismissed(make, pair, monkeypatch):
    monkeypatch.setattr(lingering_module, "LINGER_S", 60)
    lingering, answered = make(), threading.Event()
    conn = pair()
    lingering.add(conn)
    lead(lingering, lambda *_: answered.set())
    until(lambda: lingering.is_led)
    time.sleep(2 * PATIENCE_S)
    assert list(lingering.relieve(9)) == [] and lingering.is_led
    conn.client.send(b"ask")
    assert answered.wait(10)
