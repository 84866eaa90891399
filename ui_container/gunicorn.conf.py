"""How the server runs; `gunicorn --help` names each setting, GUNICORN_CMD_ARGS overrides any."""

import gc
import os
import resource
import runpy
import secrets
import shutil
import tempfile
from pathlib import Path

from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

FILES = 4096
OTHER_FILES = 256

# Run as files: imported, they would bring the whole application into the process that only watches the workers.
PACKAGE = Path(__file__).resolve().parent / "digit_ui"
capacity = runpy.run_path(str(PACKAGE / "capacity.py"))["Capacity"].from_environment()
limits = runpy.run_path(str(PACKAGE / "limits.py"))["Limits"].from_environment()
logconfig_dict = runpy.run_path(str(PACKAGE / "logs.py"))["configuration"]()

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '5000'}"
wsgi_app = "digit_ui.wsgi:app"
worker_class = runpy.run_path(str(PACKAGE / "worker.py"))["LingeringWorker"]
worker_class.limits = limits
worker_class.max_lingering, worker_class.spare_threads = capacity.max_waiting, capacity.threads
worker_class.loads = loads = runpy.run_path(str(PACKAGE / "loads.py"))["Loads"]()
workers = capacity.workers
threads = capacity.threads + capacity.max_waiting
# Each is an open file, and some files are for other things.
files, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
files = max(files, FILES if most_files == resource.RLIM_INFINITY else min(FILES, most_files))
resource.setrlimit(resource.RLIMIT_NOFILE, (files, most_files))
worker_connections = min(FILES, files) - OTHER_FILES
timeout = 60
graceful_timeout = 5
control_socket_disable = True  # a socket that nothing here talks to
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat must not wait for a disk

# The threads of a numerical library wait for work by running, on cores that other requests need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Here, before there are workers: they must all know the same one.
has_token = bool(os.environ.get("ADMIN_TOKEN", "").strip() or os.environ.get("ADMIN_TOKEN_FILE"))
made_token = None if has_token else secrets.token_urlsafe(24)
if made_token:
    os.environ["ADMIN_TOKEN"] = made_token

# Where the workers tell each other what they do. A reload runs this file again, in the same process.
if not os.environ.get("WORKERS_DIR", "").endswith(own_suffix := f"-{os.getpid()}"):
    os.environ["WORKERS_DIR"] = tempfile.mkdtemp(prefix="chiffres-", suffix=own_suffix, dir=worker_tmp_dir)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["WORKERS_DIR"]
board = runpy.run_path(str(PACKAGE / "board.py"))["Board"](Path(os.environ["WORKERS_DIR"]))


class logger_class(Logger):  # noqa: N801 # gunicorn's own name for it
    """gunicorn's, without its line for each request: digit_ui.access writes one that knows the route."""

    access_log_enabled = False


def nworkers_changed(server, new_value, old_value) -> None:  # noqa: ANN001, ARG001 # gunicorn's own
    """Tell the workers how many they are to be."""
    board.expect(new_value)


def pre_fork(server, worker) -> None:  # noqa: ANN001, ARG001 # gunicorn's own
    """Give a place to each worker before it is there: until it says what it serves, the server is not ready."""
    worker.place = board.take_place()


def post_fork(server, worker) -> None:  # noqa: ANN001, ARG001 # gunicorn's own
    """Let a worker know its place, and load the application without looking for garbage in it."""
    os.environ["WORKER_PLACE"] = str(worker.place)
    gc.disable()


def child_exit(server, worker) -> None:  # noqa: ANN001, ARG001 # gunicorn's own
    """Free the place of a worker that has ended, however it did."""
    board.free(worker.place)
    loads.leave(worker.place)
    mark_process_dead(worker.place)


def on_exit(server) -> None:  # noqa: ANN001, ARG001 # gunicorn's own
    """Leave nothing behind."""
    shutil.rmtree(os.environ["WORKERS_DIR"], ignore_errors=True)


def when_ready(server) -> None:  # noqa: ANN001 # gunicorn's own type
    """Print where to go, and the token if nobody has chosen one."""
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    print(f"\n  Draw a digit at {address}", flush=True)
    token = f", as its administrator with the token {made_token}" if made_token else ""
    print(f"  Watch the training at {address}/training{token}\n", flush=True)
    if made_token and os.environ.get("DATABASE_URL", "").startswith("postgresql"):
        print("  Other servers on the same database do not know it: set ADMIN_TOKEN for all of them\n", flush=True)


def post_worker_init(worker) -> None:  # noqa: ANN001 # gunicorn's own type
    """Tell the application what only its worker knows, and leave threads for short answers."""
    gc.freeze()  # what lives as long as the process need not be looked through again and again
    gc.enable()
    streams = worker.wsgi.extensions["streams"]
    streams.places = capacity.threads // 2
    streams.is_serving = lambda: worker.alive
    metrics = worker.wsgi.extensions["metrics"]
    metrics.seen_at, metrics.in_line = worker.seen_at, worker.in_line
    turns = worker.wsgi.extensions["turns"]
    turns.waited_s, worker.on_shorter_line = worker.waited_s, turns.say
