"""Whatever dies under it, the server keeps all feedback that it acknowledged, and comes back by itself."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from givers import SEVEN, Givers
from lacking import lacking
from served import ROOT, Server, free_port


@pytest.fixture
def worker_count() -> int:
    return 2


def kept(server: Server) -> set[str]:
    return {row["id"] for row in server.feedback()}


def workers(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_a_worker(server: Server) -> None:
    """Kill one and wait until another one has taken its place."""
    before = workers(server)
    os.kill(before[0], signal.SIGKILL)
    server.wait_until(lambda: len(workers(server)) == len(before) and before[0] not in workers(server))


def test_killed_workers_are_replaced_and_lose_no_feedback(server):
    with Givers(server).at_work() as givers:
        for _ in range(3):
            givers.wait_for_more()
            kill_a_worker(server)
        givers.wait_for_more()
    assert set(givers.ids) <= kept(server)


def test_a_killed_server_has_all_that_it_acknowledged_when_it_is_started_again(server):
    with Givers(server).at_work() as givers:
        givers.wait_for_more()
        doomed = [server.process.pid, *workers(server)]
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        server.start()
        givers.wait_for_more()
    assert set(givers.ids) <= kept(server)


@contextmanager
def small_disk(folder: Path, image: Path) -> Iterator[None]:
    """Mount a file system of 4 MB there, on a loop device."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        lacking("REQUIRE_LOOP_DEVICE", "only root can mount a file system on a loop device")
    image.write_bytes(bytes(4 * 2**20))
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], check=False, capture_output=True).returncode:
        lacking("REQUIRE_LOOP_DEVICE", "this machine has no loop device")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_fills_up_costs_nothing_acknowledged_and_answers_again_once_there_is_room(tmp_path, cache_dir):
    shared_dir = tmp_path / "shared"
    shutil.copytree(ROOT / "shared" / "pretrained", shared_dir / "pretrained")
    feedback_dir = shared_dir / "feedback"
    with small_disk(feedback_dir, tmp_path / "disk"):
        filler = feedback_dir / "filler"
        filler.write_bytes(bytes(2 * 2**20))
        server = Server(shared_dir, free_port(), cache_dir, tmp_path / "server.log").start()
        try:
            with Givers(server).at_work() as givers:
                server.wait_until(lambda: 503 in givers.refused)
                assert server.post("/predict", {"strokes": SEVEN["strokes"]})["digit"] == 7
                filler.unlink()
                givers.wait_for_more()
            assert givers.refused == {503}
            assert set(givers.ids) <= kept(server)
        finally:
            server.stop()
