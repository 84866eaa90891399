"""What happens when something is killed, full, read-only or taken."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
from served import ROOT
from stacks import GROUP, OWNER, SEVEN, docker

root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can kill, mount and fill here")


@contextlib.contextmanager
def mounted(folder, *options: str):
    """Put a file system in memory over `folder`, holding what the folder held."""
    kept = shutil.copytree(folder, folder.with_name("kept"))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=32m,uid={OWNER},gid={GROUP},mode=755", "tmpfs", folder], check=True
    )
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", folder], check=True)
        subprocess.run(["chown", "-R", f"{OWNER}:{GROUP}", folder], check=True)
        for option in options:
            subprocess.run(["mount", "-o", option, folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@root_only
def test_a_killed_server_comes_back_with_all_that_it_acknowledged(stacks):
    stack = stacks().start()
    acknowledged, stop = [], threading.Event()

    def send() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                acknowledged.append(stack.post("/feedback", {**SEVEN, "label": 7})["id"])

    sender = threading.Thread(target=send)
    sender.start()
    try:
        stack.wait_until(lambda: len(acknowledged) > 20)
        before = stack.inspect("ui_container")
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        stack.wait_until(lambda: stack.inspect("ui_container")["RestartCount"] == before["RestartCount"] + 1)
        stack.wait_until(lambda: stack.get("/readyz"))
        count = len(acknowledged)
        stack.wait_until(lambda: len(acknowledged) > count + 20)
    finally:
        stop.set()
        sender.join()
    assert set(acknowledged) <= {row["id"] for row in stack.feedback()}


@root_only
def test_a_trainer_killed_while_it_publishes_leaves_what_serves_and_the_next_training_succeeds(stacks, small_data):
    stack = stacks().start()
    shipped = stack.get("/readyz")["model_version"]
    stack.take(small_data)
    stack.environment |= {"EPOCHS": "1", "BATCH_SIZE": "200", "MIN_ACCURACY": "0", "STROKES": ""}
    stack.up("algo_container")
    trainer = stack.inspect("algo_container")["State"]["Pid"]
    partial = stack.shared_dir / "versions"
    deadline = time.monotonic() + 180
    while not list(partial.glob(".partial-*")):
        assert time.monotonic() < deadline, stack.log()
        time.sleep(0.002)
    os.kill(trainer, signal.SIGKILL)
    assert not (stack.shared_dir / "manifest.json").exists(), "killed too late to show anything"
    assert stack.get("/readyz")["model_version"] == shipped

    # The restart policy starts it again.
    served = stack.wait_until(
        lambda: (version := stack.get("/readyz")["model_version"]) != shipped and version, timeout_s=180
    )
    assert served == json.loads((stack.shared_dir / "manifest.json").read_text())["version"]
    assert stack.inspect("algo_container")["RestartCount"] == 1
    assert not list(partial.glob(".partial-*"))
    assert "refused" not in stack.log("ui_container")


def test_a_killed_training_is_said_and_its_container_tries_once_more_and_goes_on(stacks, small_data):
    stack = stacks()
    stack.take(small_data)
    stack.environment |= {"STROKES": ""}
    stack.up("algo_container")
    kill = "import os, pathlib; os.kill(int(pathlib.Path('/projet_digit/shared/training/.lock').read_text()), 9)"
    for times in (1, 2):
        stack.wait_until(lambda: stack.told("status.json").get("stage") == "learning")
        stack.compose("exec", "-T", "algo_container", "python", "-c", kill)
        stack.wait_until(lambda n=times: stack.log("algo_container").count("was killed (signal 9)") == n)
    outcome = stack.told("status.json")["outcome"]
    assert outcome["verdict"] == "failed" and "it may need more memory" in outcome["reason"]
    assert stack.look_again()["error"] is None and stack.trainer_is_steady()


@root_only
def test_a_read_only_shared_folder_is_said_and_the_page_goes_on(stacks, small_data):
    stack = stacks()
    stack.take(small_data)
    with mounted(stack.shared_dir, "remount,ro"):
        stack.start_without_store()
        assert stack.post("/predict", SEVEN)["digit"] == 7
        with pytest.raises(OSError, match="503"):
            stack.post("/feedback", {**SEVEN, "label": 7})
        stack.train(until="/projet_digit/shared: the model could not be written (Read-only file system)")
        time.sleep(5)
        assert stack.trainer_is_steady()
        assert stack.post("/predict", SEVEN)["digit"] == 7
        stack.remove()


@root_only
def test_a_full_disk_is_said_and_the_page_goes_on(stacks, small_data):
    stack = stacks()
    with mounted(stack.shared_dir):
        stack.start()
        with (stack.shared_dir / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        with pytest.raises(OSError, match="503"):
            stack.post("/feedback", {**SEVEN, "label": 7})
        stack.wait_until(lambda: stack.refusal("/readyz") == "store_unavailable")
        assert stack.post("/predict", SEVEN)["digit"] == 7
        (stack.shared_dir / "filler").unlink()
        assert stack.post("/feedback", {**SEVEN, "label": 7})["id"]
        stack.wait_until(lambda: stack.get("/readyz"))
        stack.remove()


def test_a_taken_port_is_named_by_compose_and_by_the_readme(stacks):
    stack = stacks()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", stack.port))
        other.listen()
        result = stack.up("ui_container", check=False)
    assert result.returncode != 0
    said = "address already in use"
    assert said in result.stderr.lower()
    assert f"`{said}`" in (ROOT / "README.md").read_text().lower()


def test_a_stop_in_the_middle_of_a_request_answers_it_first(stacks):
    stack = stacks().start()
    body = json.dumps(SEVEN).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.5)
        container = stack.container("ui_container")
        stop = threading.Thread(target=docker, args=("stop", "--time", "10", container))
        started = time.monotonic()
        stop.start()
        stack.wait_until(lambda: "Handling signal: term" in stack.log("ui_container"))
        connection.sendall(body[10:])
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer = json.load(response)
        stop.join()
    assert (response.status, answer["digit"]) == (200, 7)
    assert time.monotonic() - started < 10
    assert stack.inspect("ui_container")["State"]["ExitCode"] == 0
