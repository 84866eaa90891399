"""What the trainer's tests share: a small data set that can be learned in seconds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trainer.dataset import COLUMNS

pytest_plugins = ["real_data", "object_stores", "real_postgresql"]


def digit_table(rows: int, seed: int) -> pd.DataFrame:
    """Make rows whose label can be seen: a bright bar whose height in the picture is the digit, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 10
    pixels = rng.integers(0, 60, (rows, 28, 28))
    for row, label in enumerate(labels):
        pixels[row, 3 + 2 * label : 6 + 2 * label, 4:24] = rng.integers(180, 256)
    return pd.DataFrame(np.column_stack([labels, pixels.reshape(rows, -1)]), columns=COLUMNS)


@pytest.fixture(scope="session")
def easy_data(tmp_path_factory) -> Path:
    """A folder with 400 rows to train on and 100 to test on."""
    folder = tmp_path_factory.mktemp("easy")
    digit_table(400, 1).to_csv(folder / "train.csv", index=False)
    digit_table(100, 2).to_csv(folder / "test.csv", index=False)
    return folder
