"""The stack of deploy/swarm on two nodes: what is lost, ended, updated and published costs no visitor an answer.

In the order in which the tests stand: the last one takes a node away.
"""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import (
    be_whole,
    end_the_counts,
    end_the_database,
    homes,
    kill_a_replica,
    lose_a_node,
    lose_the_store,
    publish_a_model,
    spread,
    take_a_node_out,
    update,
    update_to_a_broken_image,
    version_of,
)
from givers import SEVEN, Givers
from served import ADMIN_TOKEN
from swarm import NAME, PASSWORD, Swarm, swarm
from swarm_images import NEXT, built, ours
from swarm_nodes import HOST

REPLICAS = 2
TIME_LIMIT_S = 15 * 60  # they take eight minutes on two cores
ASKED_AGAIN_S = 8  # haproxy.cfg: after that time another replica is asked
LIMITS_MIB = {"ui_container": 1536, "algo_container": 3072, "postgresql": 512, "redis": 128, "proxy": 1024}


@pytest.fixture(scope="module")
def time_limit() -> Iterator[None]:
    """End the whole run, failed, with the nodes taken away, when these tests and their nodes have taken too long."""

    def give_up(*_) -> None:
        pytest.exit(f"the tests of the swarm have not ended within {TIME_LIMIT_S // 60} minutes", returncode=1)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TIME_LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def stack(time_limit, images, tmp_path_factory) -> Swarm:
    """The deployed stack, when both replicas answer and feedback can be kept."""
    work = Path(os.environ.get("SWARM_WORK") or tmp_path_factory.mktemp("swarm"))
    with built(tmp_path_factory.mktemp("swarm-images")), swarm(2, work) as stack:
        stack.deploy(REPLICAS=str(REPLICAS))
        be_whole(stack, REPLICAS)
        stack.wait_until(lambda: all(stack.tasks(service) for service in LIMITS_MIB))
        yield stack


def test_it_stands_as_the_file_says(stack):
    """Replicas on both nodes, a proxy on each, one trainer beside its data; each read-only, bounded, without rights."""
    assert {node.number for node in homes(stack)} == {1, 2}
    assert {task.node.number for task in stack.tasks("proxy")} == {1, 2}
    assert stack.task("algo_container").node is stack.manager is stack.task("postgresql").node
    for service, mebibytes in LIMITS_MIB.items():
        task = stack.tasks(service)[0]
        facts = task.node.inspect(task.container)
        held = facts["HostConfig"]
        assert held["ReadonlyRootfs"] and held["CapDrop"] == ["ALL"] and held["Init"], service
        assert held["Memory"] == mebibytes * 2**20 and held["PidsLimit"] > 0, service
        assert not any(secret in str(facts["Config"]["Env"]) for secret in (ADMIN_TOKEN, PASSWORD)), service


def test_each_part_reaches_what_it_needs_and_nothing_else(stack):
    """By name and by address; and the way out, which the networks of the database and of the counts do not have."""
    places = {
        "postgresql": [("postgresql", 5432), (address(stack, "postgresql", "database"), 5432)],
        "redis": [("redis", 6379), (address(stack, "redis", "counts"), 6379)],
        "proxy": [(address(stack, "proxy", "page"), 8404)],
        "outside": [(HOST, stack.s3.port)],
    }
    names = {place: name for name, alike in places.items() for place in alike}
    tries = "".join(
        f"(timeout 3 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo {host} {port}) & " for host, port in names
    )

    def reached(service: str) -> set[str]:
        task = stack.tasks(service)[0]
        lines = task.node.docker("exec", task.container, "bash", "-c", f"{tries} wait").splitlines()
        found = {(host, int(port)) for host, port in map(str.split, lines)}
        return {name for name, alike in places.items() if found.intersection(alike)}

    # What the proxy counts is for all who are on its network.
    assert reached("ui_container") == {"postgresql", "redis", "proxy", "outside"}
    assert reached("proxy") == {"proxy", "outside"}
    assert reached("algo_container") == {"postgresql", "outside"}
    assert reached("postgresql") == {"postgresql"}
    assert reached("redis") == {"redis"}


def address(stack: Swarm, service: str, network: str) -> str:
    task = stack.tasks(service)[0]
    return task.node.inspect(task.container)["NetworkSettings"]["Networks"][f"{NAME}_{network}"]["IPAddress"]


def test_the_administrator_is_known_by_the_secret_and_feedback_is_kept(stack):
    assert stack.change("/training/admin", {}, "GET") is None
    assert stack.post("/feedback", SEVEN)["id"] in stack.given()


def test_who_guesses_the_token_behind_what_ends_tls_locks_out_nobody_else(stack):
    def status(token: str, address: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        request = urllib.request.Request(f"{stack.url}/training/admin", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    guesses = [status("a guess", "203.0.113.7") for _ in range(21)]  # more than are let in, in a minute and the next
    assert guesses[0] == 403 and guesses[-1] == 429
    assert status(ADMIN_TOKEN, "203.0.113.8") < 300


def test_a_killed_replica_costs_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        kill_a_replica(stack, REPLICAS)
    assert not askers.failures


def test_a_published_model_is_served_by_all_and_costs_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        publish_a_model(stack, REPLICAS)
    assert not askers.failures and version_of(0) in askers.versions


def test_a_store_that_is_away_costs_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        lose_the_store(stack, REPLICAS, askers.wait_for_more)
    assert not askers.failures


def test_a_database_that_ends_loses_nothing_acknowledged_and_drawings_are_read_meanwhile(stack):
    givers = Givers(stack)
    with stack.askers().at_work() as askers:
        end_the_database(stack, REPLICAS, givers)
    assert not askers.failures and givers.refused == {503}
    assert set(givers.ids) <= stack.given() and len(set(givers.ids)) == len(givers.ids)


def test_counts_that_are_lost_cost_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        end_the_counts(stack, REPLICAS)
    assert not askers.failures
    assert askers.longest_s < ASKED_AGAIN_S, "somebody waited for the counts"


def test_an_update_costs_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        update(stack, REPLICAS)
    assert not askers.failures
    assert {task.image for task in stack.tasks("ui_container")} == {ours(NEXT, "ui_container")}


def test_an_image_that_does_not_start_is_taken_back_by_itself_and_costs_nobody_an_answer(stack):
    before = {task.image for task in stack.tasks("ui_container")}
    with stack.askers().at_work() as askers:
        update_to_a_broken_image(stack, REPLICAS)
    assert not askers.failures
    assert {task.image for task in stack.tasks("ui_container")} == before


def test_a_node_that_is_taken_out_and_replicas_spread_anew_cost_nobody_an_answer(stack):
    with stack.askers().at_work() as askers:
        take_a_node_out(stack, REPLICAS)
        assert {node.number for node in homes(stack)} == {1}
        spread(stack, REPLICAS)
    assert not askers.failures
    assert {node.number for node in homes(stack)} == {1, 2}


def test_a_lost_node_costs_nobody_an_answer_and_its_replica_starts_elsewhere(stack):
    with stack.askers().at_work() as askers:
        before = stack.retries()
        lose_a_node(stack, REPLICAS)
        after = stack.retries()
    assert not askers.failures
    assert after["wredis"] > before["wredis"], "nobody was asked again, so nothing was lost"
    assert set(homes(stack)) == {stack.manager}
