"""Convert the shipped model, which the server then need not do at its first start.

make prepared
"""

import shutil
import tempfile
from pathlib import Path

from digit_ui import conversion
from digit_ui.artefacts import Candidate
from digit_ui.settings import PROJECT_SHARED_DIR


def main() -> None:
    """Put the converted form in the place of what is there."""
    shutil.rmtree(conversion.PREPARED, ignore_errors=True)
    with tempfile.TemporaryDirectory() as cache_dir:
        shipped = Candidate("shipped model", PROJECT_SHARED_DIR / "pretrained", has_manifest=True).read()
        folder = conversion.converted(shipped, Path(cache_dir))
        shutil.copytree(folder, conversion.PREPARED / folder.name)


if __name__ == "__main__":
    main()
