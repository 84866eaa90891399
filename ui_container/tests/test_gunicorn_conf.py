"""What gunicorn.conf.py does in a worker's process."""

import os
import subprocess
import sys
from pathlib import Path

UI = Path(__file__).resolve().parents[1]
LIFE_OF_A_WORKER = """
import gc, runpy
from types import SimpleNamespace
from digit_ui import create_app

conf = runpy.run_path("gunicorn.conf.py")
hook = lambda: None
worker = SimpleNamespace(place=0, alive=True, seen_at=hook, in_line=hook, waited_s=hook)
conf["post_fork"](None, worker)
print(gc.isenabled())
worker.wsgi = create_app()
conf["post_worker_init"](worker)
print(gc.isenabled(), gc.get_freeze_count() > 10_000)
conf["on_exit"](None)
"""


def test_a_worker_looks_for_garbage_when_it_serves_and_not_in_what_it_was_started_with(shared_dir):
    ran = subprocess.run(
        [sys.executable, "-c", LIFE_OF_A_WORKER],
        cwd=UI,
        env={**os.environ, "SHARED_DIR": str(shared_dir), "PYTHONPATH": str(UI)},
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == ["False", "True", "True"], ran.stderr
