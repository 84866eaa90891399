"""Whatever a CSV holds, it is read as it stands or refused in the trainer's own words."""

import gzip

import pytest
from fuzzing import INPUTS, fuzz
from trainer.dataset import COLUMNS, read_digits
from trainer.errors import DatasetError

ROWS = [",".join([str(label), *["0"] * 390, "7", "255", "128", *["0"] * 391]) for label in range(10)]
CSV = "\n".join([",".join(COLUMNS), *ROWS, ""]).encode()


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
def test_damaged_csvs_are_read_or_refused(tmp_path, name):
    content = gzip.compress(CSV, mtime=0) if name.endswith(".gz") else CSV

    def read(data: bytes) -> None:
        (tmp_path / name).write_bytes(data)
        digits = read_digits(tmp_path / name)
        assert set(digits.labels) == set(range(10))

    inputs = INPUTS // 10 if name.endswith(".gz") else INPUTS  # most damage to what is compressed is found by gzip
    outcome = fuzz(read, [content], DatasetError, inputs)
    assert outcome.refused > inputs / 20
    assert outcome.taken > 0
