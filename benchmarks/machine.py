"""What a figure was measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("keras", "openvino", "numpy", "pillow", "flask", "gunicorn", "tensorflow-cpu", "tensorflow")


def describe_machine() -> dict[str, str | int]:
    """Name the processor, the cores, the system and the versions that matter."""
    cpuinfo = Path("/proc/cpuinfo")
    models = (
        [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    )
    return {
        "processor": models[0].split(":")[1].strip() if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        **{name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    """Give a package's version; None where this environment does without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
