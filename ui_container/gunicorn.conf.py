"""How the server runs; `gunicorn --help` names each setting, GUNICORN_CMD_ARGS overrides any."""

import gc
import os
import runpy
import secrets
from pathlib import Path

# Run as files: imported, they would bring the whole application into the process that only watches the workers.
PACKAGE = Path(__file__).resolve().parent / "digit_ui"
capacity = runpy.run_path(str(PACKAGE / "capacity.py"))["Capacity"].from_environment()

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '5000'}"
wsgi_app = "digit_ui.wsgi:app"
worker_class = runpy.run_path(str(PACKAGE / "worker.py"))["LingeringWorker"]
workers = capacity.workers
threads = capacity.threads + capacity.max_waiting
timeout = 60
graceful_timeout = 5
control_socket_disable = True  # a socket that nothing here talks to
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat must not wait for a disk

# The threads of a numerical library wait for work by running, on cores that other requests need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Here, before there are workers: they must all know the same one.
made_token = None if os.environ.get("ADMIN_TOKEN", "").strip() else secrets.token_urlsafe(24)
if made_token:
    os.environ["ADMIN_TOKEN"] = made_token


def when_ready(server) -> None:  # noqa: ANN001 # gunicorn's own type
    """Print where to go, and the token if nobody has chosen one."""
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    print(f"\n  Draw a digit at {address}", flush=True)
    token = f", as its administrator with the token {made_token}" if made_token else ""
    print(f"  Watch the training at {address}/training{token}\n", flush=True)


def post_worker_init(worker) -> None:  # noqa: ANN001 # gunicorn's own type
    """Leave threads for short answers, and end the event streams when this worker is told to stop."""
    gc.freeze()  # what lives as long as the process need not be looked through again and again
    streams = worker.wsgi.extensions["streams"]
    streams.places = capacity.threads // 2
    streams.is_serving = lambda: worker.alive
