"""The stack of deploy/swarm on nodes of its own, with a real S3 server beside them."""

import contextlib
import csv
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from askers import Askers
from object_stores import SECRET, S3Server
from served import ADMIN_TOKEN, Served
from swarm_images import STACK, layers
from swarm_nodes import HOST, Node, nodes

NAME = "chiffre"
# Counted for every request, and never reached: all clients have one address.
RATE_LIMIT = "100000/second"
PORT = 8000
PASSWORD = "a:b\\c/d$e"  # noqa: S105 # of a database that lives for a test
SECRETS = {
    "chiffre_admin_token": f"{ADMIN_TOKEN}\n",
    "chiffre_aws_credentials": f"[default]\naws_access_key_id = of-the-tests\naws_secret_access_key = {SECRET}\n",
    "chiffre_pgpass": "*:*:digits:digits:" + PASSWORD.replace("\\", "\\\\").replace(":", "\\:") + "\n",
    "chiffre_postgres_password": PASSWORD,
}
# Run where there is Python, and the proxy can be reached.
COUNTERS = """
from urllib.request import urlopen
print(urlopen("http://{address}:8404/;csv", timeout=5).read().decode())
"""


@dataclass(frozen=True)
class Task:
    """One container of a service, and where it runs."""

    node: Node
    container: str
    image: str


@dataclass
class Swarm(Served):
    """Several nodes of which the first one is the manager, and keeps the data; the address asked is that one's."""

    nodes: list[Node]
    s3: S3Server
    last_update: str | None = None
    given_before: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.manager.address}:{PORT}"

    @property
    def manager(self) -> Node:
        return self.nodes[0]

    def join(self) -> None:
        """Make the nodes a swarm that has the stack's secrets."""
        manager = self.manager
        manager.docker("swarm", "init", "--advertise-addr", manager.address)
        token = manager.docker("swarm", "join-token", "--quiet", "worker")
        for node in self.nodes[1:]:
            address = ("--advertise-addr", node.address, f"{manager.address}:2377")
            node.docker("swarm", "join", "--token", token, *address)
        manager.docker("node", "update", "--label-add", "chiffre=data", manager.name)
        for name, content in SECRETS.items():
            manager.docker("secret", "create", name, "-", stdin=content)

    def deploy(self, **environment: str) -> None:
        """Deploy the stack as its README says, with images that the nodes have already; say again what was said."""
        self.given_before |= environment
        given = {
            "SHARED_DIR": self.s3.url,
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.s3.port}",
            "PORT": str(PORT),
            "RATE_LIMIT": RATE_LIMIT,
            "TLS_PROXIES": HOST,
            "STORE_POLL_INTERVAL_S": "0.5",
            "UPDATE_MONITOR": "5s",
            **self.given_before,
        }
        self.last_update = self._update().get("StartedAt")
        host = f"unix://{self.manager.folder}/docker.sock"
        subprocess.run(
            ["docker", "--host", host, "stack", "deploy", "--resolve-image", "never", "--compose-file", STACK, NAME],
            env={**os.environ, **given},
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def askers(self, **options: float) -> Askers:
        return Askers(self.manager.address, PORT, **options)

    def tasks(self, service: str) -> list[Task]:
        """Give what runs of a service on the nodes that answer."""
        wanted = ("--filter", f"label=com.docker.swarm.service.name={NAME}_{service}", "--no-trunc")
        found = []
        for node in self.nodes:
            if node.process is not None:
                lines = node.docker("ps", *wanted, "--format", "{{.ID}} {{.Image}}").splitlines()
                found += [Task(node, *line.split()) for line in lines]
        return found

    def task(self, service: str) -> Task:
        """Give the only one of a service."""
        (only,) = self.tasks(service)
        return only

    def up(self, backend: str) -> int:
        """Count the servers that the proxy holds for up in a backend."""
        rows = self.counters()
        return sum(
            row["# pxname"] == backend and row["status"].startswith("UP") and "BACKEND" not in row["svname"]
            for row in rows
        )

    def retries(self) -> dict[str, int]:
        """Give how often the proxy has asked again (wretr), and another one (wredis)."""
        totals = [row for row in self.counters() if row["svname"] == "BACKEND"]
        assert totals, "nobody could be asked what the proxy has counted"
        return {name: sum(int(row[name] or 0) for row in totals) for name in ("wretr", "wredis")}

    def counters(self) -> list[dict[str, str]]:
        """Give what the proxy on the manager has counted, as a replica reads it on their network; empty if none can."""
        proxies = [task for task in self.tasks("proxy") if task.node is self.manager]
        replicas = self.tasks("ui_container")
        if not proxies or not replicas:
            return []
        told = self.manager.inspect(proxies[0].container)["NetworkSettings"]["Networks"][f"{NAME}_page"]
        program = COUNTERS.format(address=told["IPAddress"])
        for replica in replicas:
            if text := replica.node.python(replica.container, program, check=False):
                return list(csv.DictReader(text.splitlines()))
        return []

    def has_updated(self, state: str) -> bool:
        """Tell whether the update of the page that `deploy` began has ended in this state."""
        told = self._update()
        return told.get("StartedAt") != self.last_update and told.get("State") == state

    def _update(self) -> dict:
        told = self.manager.docker("service", "inspect", f"{NAME}_ui_container", check=False)
        return (json.loads(told) or [{}])[0].get("UpdateStatus") or {}

    def versions(self) -> set[str]:
        """Give the models that the replicas serve, asked each by itself."""
        program = (
            "import json; from urllib.request import urlopen as o; "
            "print(*json.load(o('http://127.0.0.1:5000/readyz', timeout=5))['model_versions'])"
        )
        tasks = self.tasks("ui_container")
        told = [task.node.python(task.container, program, check=False) for task in tasks]
        return {version for text in told for version in text.split()}

    def given(self) -> set[str]:
        """Give the ids of all feedback that is stored."""
        request = urllib.request.Request(f"{self.url}/training/feedback/export")
        request.add_header("Authorization", f"Bearer {ADMIN_TOKEN}")
        with urllib.request.urlopen(request, timeout=60) as response:
            return {json.loads(line)["id"] for line in response}

    def log(self) -> str:
        """Say what each service's tasks do, and what the page said last."""
        tasks = self.manager.docker("stack", "ps", "--no-trunc", NAME, check=False)
        return tasks + self.manager.docker("service", "logs", "--tail", "20", f"{NAME}_ui_container", check=False)


@contextlib.contextmanager
def swarm(count: int, work: Path) -> Iterator[Swarm]:
    """Give a swarm of so many nodes on which nothing runs yet."""
    work.mkdir(parents=True, exist_ok=True)
    with nodes(count, work, layers()) as machines:
        s3 = S3Server(work / "s3.log", host=HOST).start()
        try:
            made = Swarm(work, PORT, machines, s3)
            made.join()
            yield made
        finally:
            s3.kill()
