"""`vagrant up` and what follows it, on a real machine; without a hypervisor at hand, the Vagrantfile alone."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from lacking import lacking
from stacks import clean_copy, docker

HERE = Path(__file__).parent
IMAGES = ("projet_digit/shared_folder", "projet_digit/ui_container", "projet_digit/algo_container")
VBOXMANAGE = """#!/bin/sh
echo 7.0.20r163906
"""


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_the_vagrantfile_is_valid_for(provider, tmp_path):
    if not shutil.which("vagrant"):
        lacking("REQUIRE_VAGRANT", "the vagrant command is not there; `make test-vagrant` installs it where it can")
    (tmp_path / "VBoxManage").write_text(VBOXMANAGE)
    (tmp_path / "VBoxManage").chmod(0o755)
    copy = clean_copy(tmp_path / "copy")
    result = subprocess.run(
        ["vagrant", "validate"],
        cwd=copy,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "VAGRANT_DEFAULT_PROVIDER": provider,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if f"provider '{provider}' could not be found" in result.stderr:
        lacking("REQUIRE_VAGRANT", f"Vagrant has no {provider} here")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def life(request, tmp_path_factory) -> dict[str, str]:
    """What life.sh says of a machine's life: from the first up to its destruction."""
    if os.environ.get("REQUIRE_VAGRANT") != "1":
        pytest.skip("it takes ten minutes, and root on Debian: `make test-vagrant`")
    request.getfixturevalue("images")
    work = Path(os.environ.get("VAGRANT_WORK") or tmp_path_factory.mktemp("vagrant"))
    work.mkdir(parents=True, exist_ok=True)
    saved = work / "images.tar"
    saved.with_name("images.tar.id").write_text(docker("image", "inspect", "--format", "{{.Id}}", *IMAGES))
    docker("save", "--output", str(saved), *IMAGES)
    copy = clean_copy(tmp_path_factory.mktemp("machine") / "projet_digit")
    with (work / "log").open("w") as log:
        command = [HERE / "offline.sh", work, copy, HERE / "life.sh", saved]
        status = subprocess.run(command, stdout=log, stderr=log, timeout=2400, check=False).returncode
    saved.unlink()
    text = (work / "log").read_text()
    print(text)  # shown with a failure
    assert status == 0
    return dict(re.findall(r"^@@ (.*?): (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("step", ["validate", "up", "second up", "reload", "destroy"])
def test_every_step_succeeds(life, step):
    assert life[step].startswith("status=0 ")


def test_it_ends_with_the_address_and_the_page_reads_a_digit(life):
    assert life["last words"].endswith("Draw a digit at http://127.0.0.1:5000")
    assert json.loads(life["predict"])["digit"] == 7
    assert json.loads(life["feedback"])["id"]


def test_after_a_reload_it_answers_again_and_nothing_is_lost(life):
    assert json.loads(life["predict after reload"])["digit"] == 7
    assert life["rows of feedback after reload"] == "2"


def test_a_second_up_does_not_start_the_page_anew(life):
    assert life["page process after a second up"] == life["page process"] != ""


def test_files_in_the_shared_folder_belong_to_the_machines_user(life):
    assert life["owner"] == "vagrant:vagrant"


def test_a_page_that_does_not_answer_is_a_failure_with_its_reason(life):
    assert life["provision without a model"] == "status=1"
    assert life["its reason"] == "The page does not answer at http://127.0.0.1:5000 after 5 s. What its container says:"
    assert life["provision on a port that nothing forwards"].startswith("status=1 ")
    assert "The page does not answer at http://127.0.0.1:5999" in life["its reason outside"]
