"""Which workers train together, as TF_CONFIG says: the convention of Kubeflow, Vertex AI and Ray Train."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer.errors import ClusterError

VARIABLE = "TF_CONFIG"
# In the order in which TensorFlow, too, counts them.
JOBS = ("chief", "worker")
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """Workers that train together. addresses: host:port of each, the chief first; index: which of them this one is."""

    addresses: tuple[str, ...]
    index: int

    def __len__(self) -> int:
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Tell whether this worker is the one that examines and publishes."""
        return self.index == 0

    @property
    def name(self) -> str:
        """Say which one this is, as people count."""
        return f"worker {self.index + 1} of {len(self)}"

    def on_this_host(self) -> int:
        """Count the workers, this one among them, that have its host, and so share its cores."""
        hosts = [address.rpartition(":")[0] for address in self.addresses]
        return hosts.count(hosts[self.index])

    def own_seed(self, seed: int) -> int:
        """Make of the training's seed one of this worker's own; the chief's is the same."""
        return (seed + self.index) % (1 << 31)

    def share_of_step(self, batch_size: int) -> int:
        """Give how many of a step's rows each worker takes.

        Raises ClusterError if they cannot be the same number: the mean of the workers' gradients would not be that of
        the step.
        """
        if batch_size % len(self) != 0:
            raise ClusterError(
                f"--batch-size {batch_size} cannot be shared evenly by {len(self)} workers; choose a multiple of "
                f"{len(self)}, such as {-(-batch_size // len(self)) * len(self)}"
            )
        return batch_size // len(self)


def read_cluster(environment: Mapping[str, str]) -> Cluster | None:
    """Read TF_CONFIG; None where it is not set or names no cluster. Raises ClusterError saying what is wrong."""
    text = environment.get(VARIABLE)
    if not text:
        return None
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise _wrong(f"is {text[:40]!r}, expected an object")
    cluster = config.get("cluster")
    if cluster is None or cluster == {}:
        return None
    jobs = _jobs(cluster)
    addresses = tuple(address for job in JOBS for address in jobs.get(job, []))
    if len(set(addresses)) < len(addresses):
        twice = next(address for address in addresses if addresses.count(address) > 1)
        raise _wrong(f"names {twice} twice, expected an address of its own for each worker")
    return Cluster(addresses, _index(config.get("task"), jobs))


def _jobs(cluster: Any) -> dict[str, list[str]]:  # noqa: ANN401 # whatever JSON can hold
    if not isinstance(cluster, dict):
        raise _wrong(f"has the cluster {str(cluster)[:40]!r}, expected an object of jobs")
    for job, addresses in cluster.items():
        if job not in JOBS:
            raise _wrong(f"has the job {job!r}, expected chief and worker only: all workers here do the same")
        if not isinstance(addresses, list) or not addresses:
            raise _wrong(f"has {str(addresses)[:40]!r} for the job {job}, expected a list of host:port")
        for address in addresses:
            host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
            if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
                raise _wrong(f"has the address {str(address)[:60]!r} for the job {job}, expected host:port")
    if len(cluster.get("chief", [])) > 1:
        raise _wrong(f"has {len(cluster['chief'])} chiefs, expected one")
    return cluster


def _index(task: Any, jobs: dict[str, list[str]]) -> int:  # noqa: ANN401 # as above
    if not isinstance(task, dict) or task.get("type") not in jobs:
        names = " or ".join(jobs)
        raise _wrong(f"has the task {str(task)[:60]!r}, expected an object with the type {names} and an index")
    job, index = task["type"], task.get("index")
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        raise _wrong(f"has the index {index!r} for a {job}, expected a whole number from 0 to {len(jobs[job]) - 1}")
    return index + (len(jobs.get("chief", [])) if job == "worker" else 0)


def _wrong(what: str) -> ClusterError:
    return ClusterError(f"{VARIABLE} {what}; it must be like {EXAMPLE}, or unset to train alone")
