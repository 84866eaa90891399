"""Several servers on one PostgreSQL: nothing is lost, whatever happens to it, and each does what another was asked."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from conftest import ALGO_PYTHON
from givers import SEVEN, Givers
from real_postgresql import Postgresql
from served import ROOT, Server, free_port

SERVERS = 2
DATABASE = "digits"
FRESH_S = 1.0  # as long a worker believes what it found of the database


@pytest.fixture(scope="module")
def postgresql(own_postgresql_server) -> Postgresql:
    own_postgresql_server.ask(f"CREATE DATABASE {DATABASE}")
    return own_postgresql_server


@pytest.fixture(scope="module")
def servers(tmp_path_factory, cache_dir, postgresql) -> Iterator[list[Server]]:
    """Servers of two workers each, all of which find an empty database together."""
    folder = tmp_path_factory.mktemp("replicas")
    shutil.copytree(ROOT / "shared" / "pretrained", folder / "shared" / "pretrained")
    environment = {"WEB_CONCURRENCY": "2", "DATABASE_URL": postgresql.url(DATABASE)}
    servers = [
        Server(folder / "shared", free_port(), cache_dir, folder / f"server{number}.log", environment)
        for number in range(SERVERS)
    ]
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.stop)
            server.launch()
        for server in servers:
            server.wait_until(lambda server=server: server.get("/readyz"))
        yield servers


def stored(postgresql: Postgresql) -> list[str]:
    return postgresql.ask("SELECT id FROM feedback ORDER BY number", DATABASE)


@contextmanager
def ended(postgresql: Postgresql, end: Callable[[Postgresql], None]) -> Iterator[None]:
    """End the database for a while; it is there again for the next test, whatever this one finds."""
    end(postgresql)
    try:
        yield
    finally:
        postgresql.start()


def refusal(server: Server, path: str, body: dict | None = None) -> tuple[int, str, str]:
    """Return status, code and Retry-After of the problem that is answered."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.get(path) if body is None else server.post(path, body)
    error = refused.value
    assert error.headers["Content-Type"] == "application/problem+json"
    return error.code, json.load(error)["code"], error.headers["Retry-After"]


def test_servers_that_write_at_once_store_each_drawing_once(servers, postgresql):
    before = stored(postgresql)
    with ExitStack() as stack:
        givers = [stack.enter_context(Givers(server).at_work()) for server in servers]
        for giver in givers:
            giver.wait_for_more(100)
    acknowledged = Counter(given for giver in givers for given in giver.ids)
    assert Counter(stored(postgresql)) == acknowledged + Counter(before) and set(acknowledged.values()) == {1}
    assert not any(giver.refused for giver in givers)
    pages = [server.get("/training/feedback?limit=1")["total"] for server in servers]
    assert pages == [len(acknowledged) + len(before)] * SERVERS


def test_what_one_server_is_asked_all_know_and_the_trainer_does(servers, postgresql, tmp_path):
    given = servers[0].post("/feedback", SEVEN)["id"]
    labels = len(stored(postgresql))
    before = servers[1].get("/training/status")["revision"]
    servers[0].change(f"/training/feedback/{given}/correct", {"label": 1})
    assert servers[1].get("/training/feedback?limit=1")["items"][0].items() >= {"id": given, "label": 1}.items()
    assert servers[1].get("/training/status")["revision"] != before
    servers[1].change("/training/retrain", {})
    command = [ALGO_PYTHON, "algo_container/cnn_mnist.py", "--watch", "--out", servers[0].shared_dir]
    environment = {
        **os.environ,
        "DATABASE_URL": postgresql.url(DATABASE),
        "PYTHONUNBUFFERED": "1",
        "RETRAIN_AFTER": "100000",
    }
    log = tmp_path / "trainer.log"
    with log.open("w") as file:
        trainer = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:

        def watched() -> dict | None:
            return servers[0].get("/training/status")["watcher"]

        servers[0].wait_until(lambda: (watched() or {}).get("new_labels") == labels)
        # There are no CSVs, which ends the retraining that was asked for once it has begun.
        servers[0].wait_until(lambda: "train.csv" in log.read_text())
        for server in servers:
            assert server.get("/training/status")["watcher"]["watching"]
        with ended(postgresql, Postgresql.stop):
            servers[0].wait_until(lambda: "cannot be read" in ((watched() or {}).get("error") or ""))
        servers[0].wait_until(lambda: watched()["error"] is None)
    finally:
        trainer.terminate()
        trainer.wait(timeout=20)


@pytest.mark.parametrize("end", [Postgresql.stop, Postgresql.kill])
def test_a_database_that_ends_under_load_loses_nothing_acknowledged_and_is_used_again(servers, postgresql, end):
    with ExitStack() as stack:
        givers = [stack.enter_context(Givers(server).at_work()) for server in servers]
        for giver in givers:
            giver.wait_for_more()
        with ended(postgresql, end):
            for server, giver in zip(servers, givers, strict=True):
                server.wait_until(
                    lambda giver=giver: giver.refused
                )  # what is left of a killed one answers for a moment
                assert refusal(server, "/feedback", SEVEN) == (503, "store_unavailable", "10")
                assert server.post("/predict", {"strokes": SEVEN["strokes"]})["digit"] == 7
                assert server.get("/livez")["status"] == "live"
                # Each worker looks once a second, and any of them may answer.
                server.wait_until(lambda server=server: server.refusal("/readyz"))
                time.sleep(FRESH_S)
                assert refusal(server, "/readyz") == (503, "store_unavailable", "10")
                assert server.get("/v2/models/digits/ready")["ready"]
        for giver in givers:
            giver.wait_for_more()
    for server in servers:
        server.wait_until(lambda server=server: server.get("/readyz"))
    assert all(giver.refused == {503} for giver in givers)
    acknowledged = [given for giver in givers for given in giver.ids]
    assert set(acknowledged) <= set(stored(postgresql)) and len(set(acknowledged)) == len(acknowledged)


def test_a_restart_that_nobody_noticed_costs_no_request(servers, postgresql):
    def give() -> list[str]:
        return [server.post("/feedback", SEVEN)["id"] for server in servers for _ in range(8)]

    before = give()  # every worker is connected
    with ended(postgresql, Postgresql.stop):
        pass
    assert set(before + give()) <= set(stored(postgresql))


def test_nobody_is_let_in_by_a_token_of_another_server_and_it_is_said(servers, tmp_path, cache_dir):
    environment = {**servers[0].environment, "ADMIN_TOKEN": "", "WEB_CONCURRENCY": "1"}
    server = Server(servers[0].shared_dir, free_port(), cache_dir, tmp_path / "other.log", environment)
    server.start()
    try:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            server.change("/training/retrain", {})
        assert "Other servers on the same database do not know it: set ADMIN_TOKEN" in server.log()
    finally:
        server.stop()
