"""The server does as much at once as the machine or the container has cores for, unless the environment says."""

import os

import pytest
from digit_ui.capacity import Capacity, usable_cores
from digit_ui.settings import Settings


@pytest.fixture
def allowed(monkeypatch):
    """A machine that lets this process run on eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    return 8


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("max 100000", 8),
        ("", 8),
    ],
)
def test_a_containers_share_of_the_processor_is_kept(tmp_path, allowed, limit, cores):
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", 8)])
def test_so_is_that_of_an_older_kernel(tmp_path, allowed, quota, cores):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


def test_without_control_groups_the_cores_are_those_that_the_system_allows(tmp_path, allowed):
    assert usable_cores(tmp_path / "nowhere") == allowed


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
@pytest.mark.parametrize("workers", ["", "1", "2", "4"])
def test_the_workers_together_read_no_more_drawings_at_once_than_there_are_cores(cores, workers):
    capacity = Capacity.from_environment({"WEB_CONCURRENCY": workers}, cores)
    assert capacity.at_once >= 1 and capacity.at_once * capacity.workers <= max(cores, capacity.workers)
    assert capacity.workers == int(workers or min(cores, 4))


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "MAX_WAITING", "MAX_WAIT_S", "THREADS"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "10001", "²"])
def test_a_bad_number_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})
