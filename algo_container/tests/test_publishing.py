"""What publishing needs of signals and of disks."""

import errno
import os
import signal
import threading

import pytest
from trainer.disk import flush, replace, uninterrupted


def test_an_interruption_waits_until_the_publication_is_whole_whichever_thread_it_reaches():
    steps = []
    release = threading.Event()

    def publish() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            release.wait(0.2)
            steps.append("whole")

    other = threading.Thread(target=release.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            publish()
    finally:
        release.set()
        other.join()
    assert steps == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_that_cannot_be_flushed_is_no_failure_but_a_file_is(tmp_path, monkeypatch):
    def refuse(_handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", refuse)
    flush(tmp_path)
    with pytest.raises(OSError, match="Invalid argument"):
        flush(tmp_path / "file")


def test_what_killed_writers_leave_does_not_pile_up(tmp_path, monkeypatch):
    def die(*_paths) -> None:
        raise KeyboardInterrupt

    for process in (7, 8, 9):
        with monkeypatch.context() as killed:
            killed.setattr(os, "getpid", lambda process=process: process)
            killed.setattr(os, "replace", die)
            with pytest.raises(KeyboardInterrupt):
                replace(tmp_path / "file", b"half")
    assert len(list(tmp_path.iterdir())) == 1
    replace(tmp_path / "file", b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"whole")]
