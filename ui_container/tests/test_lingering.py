"""One thread answers all whose next request comes soon, unless it takes long over one of them."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from digit_ui import lingering as lingering_module
from digit_ui.lingering import PATIENCE_S, Lingering


@pytest.fixture
def given_back():
    return []


@pytest.fixture
def make(given_back):
    """Make what is tested, for so many connections."""
    nothing = lambda: None  # noqa: E731
    return lambda most=9, on_empty=nothing: Lingering(most, given_back.append, on_lead=nothing, on_empty=on_empty)


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


def until(is_so) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_thread_answers_all_in_the_order_in_which_they_were_seen_to_ask(make, pair, given_back):
    lingering, answered, threads = make(), [], set()
    connections = [pair() for _ in range(3)]

    def answer(conn, _came: float) -> None:
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
    lingering = make(on_empty=lambda: told.append(lingering.in_line))
    connections = [pair() for _ in range(3)]
    for conn in connections:
        conn.client.close()  # which also is something that comes, and is no drawing
        lingering.add(conn)
    lead(lingering, lambda *_: in_line.append(lingering.in_line)).join(10)
    assert in_line == [2, 1, 0] and told == [0]


def test_who_comes_while_a_thread_waits_is_seen_at_once(make, pair):
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

    def answer(conn, _came: float) -> None:
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


def test_where_an_answer_takes_long_another_thread_goes_on(make, pair):
    lingering, begun, end, answered = make(), threading.Event(), threading.Event(), threading.Event()
    long, short = pair(), pair()

    def answer(conn, _came: float) -> None:
        if conn is short:
            answered.set()
        else:
            begun.set()
            end.wait()

    long.client.send(b"ask")
    lingering.add(long)
    first = lead(lingering, answer)
    assert begun.wait(10)
    short.client.send(b"ask")
    lingering.add(short)
    lingering.lead(answer)  # returns: the other one still leads
    assert not answered.is_set()
    until(lingering.relieve)
    lead(lingering, answer)
    assert answered.wait(10) and first.is_alive()
    end.set()
    first.join(10)
    assert not first.is_alive()


def test_a_thread_that_waits_is_not_relieved(make, pair, monkeypatch):
    monkeypatch.setattr(lingering_module, "LINGER_S", 60)
    lingering, answered = make(), threading.Event()
    conn = pair()
    lingering.add(conn)
    lead(lingering, lambda *_: answered.set())
    until(lambda: lingering.is_led)
    time.sleep(2 * PATIENCE_S)
    assert not lingering.relieve() and lingering.is_led
    conn.client.send(b"ask")
    assert answered.wait(10)


def test_after_a_long_answer_that_nobody_waits_for_whoever_comes_next_leads(make, pair):
    lingering, begun, end, answered = make(), threading.Event(), threading.Event(), threading.Event()
    conn, later = pair(), pair()
    conn.client.send(b"ask")
    lingering.add(conn)
    lead(lingering, lambda *_: (begun.set(), end.wait()))
    assert begun.wait(10)
    time.sleep(2 * PATIENCE_S)
    assert not lingering.relieve() and not lingering.is_led
    later.client.send(b"ask")
    lingering.add(later)
    lead(lingering, lambda *_: answered.set())
    assert answered.wait(10)
    end.set()
