"""Machines for a swarm, as far as one machine can be several: engines with networks and processes of their own.

Each node is a dockerd in a network, a mount, a process and a host-name namespace, on a cable to a switch, which is a
network namespace too: there this machine's own firewall has no say. To pull the plug is to kill all of its processes
at once and to take down its cable.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lacking import lacking

SUBNET = "10.214.0"
HOST = f"{SUBNET}.1"
SWITCH, HOST_CABLE = "chiffre-switch", "chiffre-host"
CGROUPS = "chiffre-swarm"
PROGRAMS = ("dockerd", "docker", "ip", "iptables", "nsenter", "unshare", "setpriv")
# A name server that is not there says so at once: a node asks a registry first for what it has already.
ENGINE = """
hostname {name}
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
echo nameserver {host} >/run/resolv.conf
mount --bind /run/resolv.conf "$(realpath /etc/resolv.conf)"
exec dockerd --data-root {folder}/data --exec-root /run/docker --pidfile /run/docker.pid \
  --host unix://{folder}/docker.sock --default-address-pool base=10.215.0.0/16,size=24 --cgroup-parent /{cgroups}/{name}
"""
# An engine mounts its folder over itself, and files are not linked from one mount to another.
SHARE = """
if mountpoint --quiet "$1"; then umount --recursive --lazy "$1"; fi
cp --archive "$1/image" "$2"
cp --archive --link "$1/overlay2" "$2"
"""
START_TIMEOUT_S = 60


def run(*command: str | Path, check: bool = True, stdin: str | None = None, timeout_s: float = 300) -> str:
    """Run a command and return what it prints; its complaints are part of a failure."""
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s, **given)
    assert not check or result.returncode == 0, (
        f"{' '.join(map(str, command))}\n{(result.stdout + result.stderr)[-3000:]}"
    )
    return result.stdout.strip()


@dataclass(eq=False)
class Node:
    """The machine with this number, whose engine keeps its data in `folder`."""

    number: int
    folder: Path
    process: subprocess.Popen | None = None

    @property
    def name(self) -> str:
        return f"chiffre-node{self.number}"

    @property
    def address(self) -> str:
        return f"{SUBNET}.{10 + self.number}"

    def plug_in(self) -> None:
        """Give it a network, on a cable to the switch."""
        run("ip", "netns", "add", self.name)
        run(
            "ip", "-n", SWITCH, "link", "add", self.name[8:], "type", "veth", "peer", "name", "eth0", "netns", self.name
        )
        run("ip", "-n", SWITCH, "link", "set", self.name[8:], "master", "bridge", "up")
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        run("ip", "-n", self.name, "route", "add", "default", "via", HOST)

    def take_images(self, layers: Path) -> None:
        """Give it the images of the engine that keeps its data in `layers`, and nothing else.

        A layer is never written again, so the files themselves are shared: that takes seconds and no room.
        """
        run("rm", "-rf", self.folder)
        (self.folder / "data").mkdir(parents=True)
        run("unshare", "--mount", "bash", "-ec", SHARE, "share", layers, self.folder / "data")

    def start(self) -> None:
        """Start its engine."""
        script = ENGINE.format(name=self.name, host=HOST, folder=self.folder, cgroups=CGROUPS)
        command = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{self.name}"]
        command += ["unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "bash", "-ec"]
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen([*command, script], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.docker("info", "--format", "{{.ID}}", check=False):
            ended = self.process.poll() is not None
            assert not ended and time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.2)

    def pull_the_plug(self) -> None:
        """Lose the machine with all that runs there, without a word to anybody."""
        run("ip", "-n", SWITCH, "link", "set", self.name[8:], "down", check=False)
        self.kill()

    def kill(self) -> None:
        """End all of its processes at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def docker(self, *arguments: str, check: bool = True, stdin: str | None = None, timeout_s: float = 300) -> str:
        """Run the docker command on this node."""
        host = f"unix://{self.folder}/docker.sock"
        return run("docker", "--host", host, *arguments, check=check, stdin=stdin, timeout_s=timeout_s)

    def python(self, container: str, program: str, check: bool = True) -> str:
        """Run a Python program in a container that has Python."""
        return self.docker("exec", container, "python", "-c", program, check=check)

    def inspect(self, name: str) -> dict:
        return json.loads(self.docker("inspect", name))[0]


@contextlib.contextmanager
def nodes(count: int, work: Path, layers: Path) -> Iterator[list[Node]]:
    """Give so many nodes with the images in `layers`, each reached by this machine at its address.

    work: a folder on the file system of `layers`.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        lacking("REQUIRE_SWARM", f"it takes root, and {', '.join(missing) or 'that'} is not there")
    machines = [Node(number + 1, work.resolve() / f"node{number + 1}") for number in range(count)]
    _unplug(machines)
    try:
        _switch_on()
        for machine in machines:
            machine.take_images(layers)
            machine.plug_in()
            machine.start()
        yield machines
    finally:
        for machine in machines:
            machine.kill()
            run("rm", "-rf", machine.folder)
        _unplug(machines)


def _switch_on() -> None:
    run("ip", "netns", "add", SWITCH)
    run("ip", "-n", SWITCH, "link", "add", "bridge", "type", "bridge")
    run("ip", "-n", SWITCH, "link", "set", "bridge", "up")
    run("ip", "link", "add", HOST_CABLE, "type", "veth", "peer", "name", "host", "netns", SWITCH)
    run("ip", "-n", SWITCH, "link", "set", "dev", "host", "master", "bridge", "up")
    run("ip", "address", "add", f"{HOST}/24", "dev", HOST_CABLE)
    run("ip", "link", "set", HOST_CABLE, "up")


def _unplug(machines: list[Node]) -> None:
    """Leave nothing behind, nor what an earlier run had no time to take away."""
    for namespace in (SWITCH, *(machine.name for machine in machines)):
        run("ip", "netns", "delete", namespace, check=False)
    run("ip", "link", "delete", HOST_CABLE, check=False)
    for group in sorted(Path("/sys/fs/cgroup").glob(f"**/{CGROUPS}/**/"), key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):  # what is ending there ends by itself
            group.rmdir()
