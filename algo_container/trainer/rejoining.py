"""Begin again as the same process after another worker was lost: TensorFlow cannot join a second time by itself."""

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from trainer.errors import PeerLostError

VARIABLE = "WORKER_REJOINED"  # how often in a row it was in vain
MOST_IN_VAIN = 20
WAIT_S = 3.0
# Who has worked for so long has got on.
GOT_ON_S = 60.0


def rejoin(lost: PeerLostError, started: float) -> NoReturn:
    """Replace this process by a new one with the same command. started: by the monotonic clock.

    Raises PeerLostError again where that has been in vain too often.
    """
    in_vain = 0 if time.monotonic() - started > GOT_ON_S else int(os.environ.get(VARIABLE) or 0) + 1
    if in_vain > MOST_IN_VAIN:
        raise PeerLostError(f"{lost}, {MOST_IN_VAIN} times in a row; start every worker of TF_CONFIG") from lost
    print(f"cnn_mnist.py: {lost}; joining again, and going on from the checkpoint", file=sys.stderr, flush=True)
    sys.stdout.flush()
    time.sleep(WAIT_S)
    for handle in Path("/proc/self/fd").iterdir():
        if int(handle.name) > sys.stderr.fileno():
            close_on_exec(int(handle.name))
    environment = {**os.environ, VARIABLE: str(in_vain)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 # the same command again


def close_on_exec(handle: int) -> None:
    """Have a file or connection end with this process: others would take an open port for a living worker."""
    try:
        os.set_inheritable(handle, False)
    except OSError:
        return  # it was the folder that was listed, or is closed already
