"""How the server runs; `gunicorn --help` names each setting, GUNICORN_CMD_ARGS overrides any."""

import os
import secrets
from pathlib import Path

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '5000'}"
wsgi_app = "digit_ui.wsgi:app"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
threads = int(os.environ.get("THREADS") or 8)
timeout = 60
graceful_timeout = 5
control_socket_disable = True  # a socket that nothing here talks to
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat must not wait for a disk

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
    """Leave half of the threads for short answers, and end the event streams when this worker is told to stop."""
    streams = worker.wsgi.extensions["streams"]
    streams.places = worker.cfg.threads // 2
    streams.is_serving = lambda: worker.alive
