"""What is done to a swarm under load: each takes the stack and its replicas, and ends when all is well again."""

import json
from collections.abc import Callable
from pathlib import Path

from givers import Givers
from served import ROOT
from swarm import NAME, Swarm, Task
from swarm_images import BROKEN, NEXT
from swarm_nodes import Node

FOLDS = ROOT / "benchmarks" / "folds"
UPDATE_S = 240

Fault = Callable[[Swarm, int], None]


def be_whole(stack: Swarm, replicas: int, timeout_s: float = 150) -> None:
    """Wait until so many replicas, and no more, answer, keep feedback, and are known to the proxy."""

    def is_whole() -> bool:
        there = len(stack.tasks("ui_container"))
        return there == replicas == stack.up("page") == stack.up("feedback")

    stack.wait_until(is_whole, timeout_s)


def kill_a_replica(stack: Swarm, replicas: int) -> None:
    task = stack.tasks("ui_container")[0]
    task.node.docker("kill", task.container)
    stack.wait_until(lambda: stack.up("page") == replicas - 1)
    be_whole(stack, replicas)


def publish_a_model(stack: Swarm, replicas: int, fold: int = 0) -> None:
    version = version_of(fold)
    stack.s3.put_folder(folder_of(fold), "")
    stack.wait_until(lambda: stack.versions() == {version})


def lose_the_store(stack: Swarm, replicas: int, hold: Callable[[], None] = lambda: None) -> None:
    """Let the object store hang until all replicas have noticed, and until `hold` returns."""
    stack.s3.freeze()
    stack.wait_until(lambda: not stack.get("/readyz")["object_store"]["reached"])
    hold()
    stack.s3.thaw()
    stack.wait_until(lambda: stack.get("/readyz")["object_store"]["reached"])


def end_the_database(stack: Swarm, replicas: int, givers: Givers) -> None:
    """Kill PostgreSQL while feedback is given, which must go on by itself afterwards."""
    with givers.at_work():
        givers.wait_for_more()
        task = stack.task("postgresql")
        task.node.docker("kill", task.container)
        stack.wait_until(lambda: givers.refused)
        givers.wait_for_more()
    be_whole(stack, replicas)


def end_the_counts(stack: Swarm, replicas: int) -> None:
    """Kill Redis, wait until nobody knows its name, which many ask for then, and until another one counts."""
    lost = stack.task("redis")
    stack.wait_until(lambda: counts(lost))
    lost.node.docker("kill", lost.container)
    scale(stack, "redis", 0)
    replica = stack.tasks("ui_container")[0]
    known = "import socket; print(socket.gethostbyname('redis'))"
    stack.wait_until(lambda: not replica.node.python(replica.container, known, check=False))
    scale(stack, "redis", 1)
    stack.wait_until(lambda: any(counts(task) for task in stack.tasks("redis") if task != lost))
    be_whole(stack, replicas)


def counts(redis: Task) -> bool:
    """Tell whether a Redis holds anything."""
    held = redis.node.docker("exec", redis.container, "redis-cli", "dbsize", check=False)
    return held.isdigit() and int(held) > 0


def update(stack: Swarm, replicas: int, account: str = NEXT) -> None:
    stack.deploy(REPLICAS=str(replicas), DOCKERHUB_USER=account)
    stack.wait_until(lambda: stack.has_updated("completed"), UPDATE_S)
    be_whole(stack, replicas)


def update_to_a_broken_image(stack: Swarm, replicas: int) -> None:
    stack.deploy(REPLICAS=str(replicas), DOCKERHUB_USER=BROKEN)
    stack.wait_until(lambda: stack.has_updated("rollback_completed"), UPDATE_S)
    be_whole(stack, replicas)


def take_a_node_out(stack: Swarm, replicas: int) -> None:
    """Take the last node out and in again: all its replicas are elsewhere then."""
    node = stack.nodes[-1]
    stack.manager.docker("node", "update", "--availability", "drain", node.name)
    stack.wait_until(lambda: node not in homes(stack))
    be_whole(stack, replicas)
    stack.manager.docker("node", "update", "--availability", "active", node.name)


def spread(stack: Swarm, replicas: int) -> None:
    """Spread the replicas anew as README.md says: Swarm starts new ones where few are, and ends them where many are."""
    for count in (2 * replicas, replicas):
        scale(stack, "ui_container", count)
        be_whole(stack, count)


def scale(stack: Swarm, service: str, count: int) -> None:
    stack.manager.docker("service", "scale", "--detach", f"{NAME}_{service}={count}")


def homes(stack: Swarm) -> list[Node]:
    """Say where the replicas are."""
    return [task.node for task in stack.tasks("ui_container")]


def lose_a_node(stack: Swarm, replicas: int) -> None:
    """Pull the plug of a node that has replicas, but not all, and wait until they run on the others."""
    before = homes(stack)
    lost = max((node for node in stack.nodes if node is not stack.manager), key=before.count)
    assert 0 < before.count(lost) < replicas, "all replicas are on one node"
    lost.pull_the_plug()
    stack.wait_until(lambda: stack.up("page") == replicas - before.count(lost))
    states = ("node", "ls", "--format", "{{.Hostname}} {{.Status}}")
    stack.wait_until(lambda: f"{lost.name} Down" in stack.manager.docker(*states))
    be_whole(stack, replicas)


def folder_of(fold: int) -> Path:
    return FOLDS / str(fold)


def version_of(fold: int) -> str:
    return json.loads((folder_of(fold) / "manifest.json").read_text())["version"]
