"""How training shares the processor: a step is computed in parts beside each other, each on cores of its own.

TensorFlow would rather spread each operation over all cores. But between two operations, and in those that it cannot
spread, cores then wait for each other: a plain step of this network leaves a fifth of two cores unused.
"""

import os

# Of a step or a block; BatchNormalization sees a part at a time.
PARTS = 2


def divide_cores(trainings: int = 1) -> None:
    """Give each part its cores. Call before TensorFlow is imported; what a person has set stays.

    trainings: processes that train on this machine at the same time, and share its cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(PARTS))
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores // trainings // PARTS)))
