"""How the server runs; `gunicorn --help` names each setting, GUNICORN_CMD_ARGS overrides any."""

import os
from pathlib import Path

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '5000'}"
wsgi_app = "digit_ui.wsgi:app"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
threads = 4
timeout = 60
graceful_timeout = 5
control_socket_disable = True  # a socket that nothing here talks to
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat must not wait for a disk


def when_ready(server) -> None:  # noqa: ANN001 # gunicorn's own type
    """Print where to go."""
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    print(f"\n  Draw a digit at http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}\n", flush=True)  # noqa: S104
