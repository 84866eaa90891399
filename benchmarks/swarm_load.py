"""Measure the stack of deploy/swarm on three nodes: more replicas, and everything that can be lost under load.

    make bench-swarm

The nodes are engines on this machine, each with a network of its own, so all of them share its cores: replicas are held
to a quarter of a core each, which leaves the proxy and the clients room. The faults are those of tests/swarm, with
three replicas that are not held.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from load import load
from results import Spread, Table, save

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "containers", "swarm")]
import faults  # noqa: E402 # from the folders just named
from askers import SEVEN  # noqa: E402
from givers import Givers  # noqa: E402
from stacks import docker  # noqa: E402
from swarm import NAME, Swarm, Task, swarm  # noqa: E402
from swarm_images import built  # noqa: E402

NODES, REPLICAS, CLIENTS = 3, 3, 8
COUNTS, ROUNDS, SECONDS = (1, 2, 4), 3, 8
SHARE = 0.25
STORE_AWAY_S = 60
# Of both kinds of control groups, in nanoseconds.
USED = (
    "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || "
    "sed -n 's/usage_usec \\(.*\\)/\\1000/p' /sys/fs/cgroup/cpu.stat"
)


def main() -> None:
    """Measure both, print, and write the results."""
    docker("compose", "--project-directory", str(ROOT), "build", timeout_s=1200)
    with contextlib.ExitStack() as ends:
        work = ends.enter_context(tempfile.TemporaryDirectory())
        ends.enter_context(built(Path(work)))
        stack = ends.enter_context(swarm(NODES, Path(os.environ["SWARM_WORK"])))
        stack.deploy(REPLICAS="1", TRAINER_CPUS="0.1", RATE_LIMIT="none")  # later deployments give the same again
        faults.be_whole(stack, 1)
        versions = versions_of(stack)
        throughput = measure_throughput(stack)
        stack.deploy(REPLICAS=str(REPLICAS))
        stack.wait_until(lambda: stack.has_updated("completed"), faults.UPDATE_S)
        faults.be_whole(stack, REPLICAS)
        lost = [measure_fault(stack, name, fault) for name, fault in FAULTS.items()]
    tables = [throughput_table(throughput, versions), faults_table(lost)]
    figures = {"throughput": throughput, "faults": lost, "load_average": os.getloadavg()}
    save("swarm", "make bench-swarm", figures, tables)
    for table in tables:
        print(table.title, *(" | ".join(row) for row in (table.columns, *table.rows)), sep="\n")


def versions_of(stack: Swarm) -> str:
    """Say which engine and which proxy these are."""
    engine = stack.manager.docker("version", "--format", "Docker {{.Server.Version}}")
    proxy = _proxy(stack)
    said = proxy.node.docker("exec", proxy.container, "haproxy", "-v")
    return f"{engine}, HAProxy {said.split()[2]}"


def measure_throughput(stack: Swarm) -> list[dict]:
    """Let eight clients ask 1, 2 and 4 replicas, there and back, through the proxy."""
    service = f"{NAME}_ui_container"
    options = ("--limit-cpu", str(SHARE), "--reserve-cpu", "0", "--env-add", "WEB_CONCURRENCY=1", "--detach=false")
    stack.manager.docker("service", "update", "--quiet", *options, service)
    measured = []
    for number in range(ROUNDS):
        for count in COUNTS if number % 2 == 0 else reversed(COUNTS):
            stack.manager.docker("service", "scale", "--detach", f"{service}={count}")
            faults.be_whole(stack, count)
            time.sleep(2)  # a start is over when the processor says so, too
            proxy, replicas = _used(_proxy(stack)), sum(map(_used, stack.tasks("ui_container")))
            loaded = load(f"{stack.url}/predict", [SEVEN], "application/json", CLIENTS, SECONDS)
            measured.append(
                {
                    "replicas": count,
                    "per_second": loaded.per_second,
                    "p99_ms": loaded.p99_ms,
                    "failed": loaded.failed,
                    "proxy_ms": (_used(_proxy(stack)) - proxy) / 1e6 / loaded.answers,
                    "replicas_ms": (sum(map(_used, stack.tasks("ui_container"))) - replicas) / 1e6 / loaded.answers,
                }
            )
    return measured


def measure_fault(stack: Swarm, name: str, fault: Callable[[Swarm], str]) -> dict:
    """Do something to the stack while eight clients ask; fault: does it, and says what else there is to say."""
    before, began = stack.retries(), time.monotonic()
    with stack.askers(pause_s=0.02).at_work() as askers:
        said = fault(stack)
    after = stack.retries()
    facts = {
        "fault": name,
        "seconds": time.monotonic() - began,
        "requests": askers.asked,
        "failures": askers.failures,
        "asked_again": after["wretr"] - before["wretr"],
        "asked_another": after["wredis"] - before["wredis"],
        "longest_s": askers.longest_s,
        "said": said,
    }
    print(facts, flush=True)
    return facts


def _end_the_database(stack: Swarm) -> str:
    givers = Givers(stack)
    faults.end_the_database(stack, REPLICAS, givers)
    lost = set(givers.ids) - stack.given()
    refused = ", ".join(map(str, sorted(givers.refused)))
    return f"{len(givers.ids)} drawings acknowledged, {len(lost)} of them lost; meanwhile {refused}"


def _of(fault: faults.Fault) -> Callable[[Swarm], str]:
    def does(stack: Swarm) -> str:
        fault(stack, REPLICAS)
        return ""

    return does


def _lose_the_store(stack: Swarm) -> str:
    faults.lose_the_store(stack, REPLICAS, lambda: time.sleep(STORE_AWAY_S))
    return ""


FAULTS: dict[str, Callable[[Swarm], str]] = {
    "a replica is killed": _of(faults.kill_a_replica),
    "another model is published": _of(faults.publish_a_model),
    f"the object store hangs for {STORE_AWAY_S} s": _lose_the_store,
    "PostgreSQL is killed while feedback is given": _end_the_database,
    "an update of all replicas": _of(faults.update),
    "an update to an image that does not start": _of(faults.update_to_a_broken_image),
    "a node is lost": _of(faults.lose_a_node),
}


def _proxy(stack: Swarm) -> Task:
    (only,) = [task for task in stack.tasks("proxy") if task.node is stack.manager]
    return only


def _used(task: Task) -> int:
    """Give the processor time that a container has used, in nanoseconds."""
    return int(task.node.docker("exec", task.container, "sh", "-c", USED))


def throughput_table(measured: list[dict], versions: str) -> Table:
    """Say how much more replicas answer, against the ideal of as much each as the one."""

    def of(count: int, figure: str) -> Spread:
        return Spread([one[figure] for one in measured if one["replicas"] == count])

    alone = of(COUNTS[0], "per_second").median
    rows = [
        (
            str(count),
            of(count, "per_second").text("a second", 0),
            f"{of(count, 'per_second').median / alone:.2f} of {count}",
            of(count, "replicas_ms").text("ms"),
            of(count, "proxy_ms").text("ms"),
            of(count, "p99_ms").text("ms", 0),
            str(sum(one["failed"] for one in measured if one["replicas"] == count)),
        )
        for count in COUNTS
    ]
    columns = (
        "replicas",
        "drawings read",
        "as often as one",
        "processor time of the replicas a drawing",
        "of the proxy",
        "p99",
        "failed",
    )
    title = f"{versions}: replicas of a quarter of a core each, {CLIENTS} clients, {SECONDS} s each, there and back"
    return Table(title, columns, rows)


def faults_table(measured: list[dict]) -> Table:
    """Say what each fault came to."""
    rows = [
        (
            one["fault"],
            f"{one['seconds']:.0f} s",
            str(one["requests"]),
            str(len(one["failures"])),
            str(one["asked_again"]),
            str(one["asked_another"]),
            f"{one['longest_s']:.1f} s",
            one["said"],
        )
        for one in measured
    ]
    columns = ("fault", "until all was well", "requests", "failed", "asked again", "of another replica", "longest", "")
    return Table(f"{REPLICAS} replicas on {NODES} nodes, {CLIENTS} clients that read drawings", columns, rows)


if __name__ == "__main__":
    main()
