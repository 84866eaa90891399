"""The fast reader reads what is plain as the careful one does, and leaves everything else to it."""

import codecs
import gzip
import random

import numpy as np
import pytest
from trainer import careful_csv, plain_csv
from trainer.plain_csv import NotPlainError

LIMITS = {"label": 9, "1x1": 255, "1x2": 255}
FILES = 400
# What a hand, a program or a disk puts where it does not belong.
STRAYS = [*'0123456789,\n\r "-+.eE:/xN\t\0\x1a', "\r\n", "\n\n", "\r\r\n", ",,", "256", "1000", "٣", "1.0", "\ufeff"]


def random_csv(rng: random.Random) -> bytes:
    """Make a plain CSV, now with the numbers' least and largest, now in one of its usual dresses."""
    end = rng.choice(["\n", "\r\n"])
    rows = [
        [rng.choice([0, limit, rng.randint(0, limit)]) for limit in LIMITS.values()] for _ in range(rng.randint(1, 9))
    ]
    text = end.join(
        [",".join(LIMITS), *(",".join(f"{cell:0{rng.choice([1, 1, 1, 3])}}" for cell in row) for row in rows)]
    )
    return rng.choice([b"", codecs.BOM_UTF8]) + (text + rng.choice(["", end])).encode()


def with_stray(content: bytes, rng: random.Random) -> bytes:
    """Put something in, take something out, or both, anywhere."""
    at = rng.randrange(len(content))
    return content[:at] + rng.choice([b"", rng.choice(STRAYS).encode()]) + content[at + rng.randint(0, 2) :]


def read(reader, path) -> list[list[int]]:
    return np.concatenate([np.empty((0, len(LIMITS)), np.uint8), *reader.read_blocks(path, LIMITS)]).tolist()


@pytest.fixture(params=[7, 64, plain_csv.BLOCK_BYTES])
def block_bytes(request, monkeypatch) -> None:
    """Cut files everywhere: within numbers, between a carriage return and its line feed."""
    monkeypatch.setattr(plain_csv, "BLOCK_BYTES", request.param)


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
def test_every_plain_file_is_read_as_by_the_careful_reader(tmp_path, block_bytes, name):
    rng = random.Random(0)
    for _ in range(FILES // 4):
        content = random_csv(rng)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert read(plain_csv, tmp_path / name) == read(careful_csv, tmp_path / name), content


def test_a_faulty_file_is_read_as_by_the_careful_reader_or_left_to_it(tmp_path, block_bytes):
    rng, path, left = random.Random(1), tmp_path / "train.csv", 0
    for _ in range(FILES):
        path.write_bytes(content := with_stray(random_csv(rng), rng))
        try:
            cells = read(plain_csv, path)
        except NotPlainError:
            left += 1
        else:
            assert cells == read(careful_csv, path), content
    assert FILES / 2 < left < FILES


@pytest.mark.parametrize(
    "row",
    ["256,0", "999,0", "1000,0", "-1,0", "1.0,0", " 1,0", '"1",0', "1e1,0", ",0", "0", "0,0,0", ":,0", "1/2,0", "٣,0"],
)
def test_a_row_that_is_not_plain_is_left(tmp_path, row):
    path = tmp_path / "train.csv"
    path.write_text(f"label,1x1,1x2\n1,2,3\n4,{row}\n5,6,7\n")
    with pytest.raises(NotPlainError):
        read(plain_csv, path)


def test_rows_whose_columns_agree_only_together_are_left(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("label,1x1,1x2\n1,2\n3,4,5,6\n")
    with pytest.raises(NotPlainError):
        read(plain_csv, path)


def test_a_line_without_end_is_left_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("label,1x1,1x2\n" + "1" * 10_000_000)
    with pytest.raises(NotPlainError, match="line is too long"):
        read(plain_csv, path)


def test_a_cut_off_gzip_file_is_left(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(b"label,1x1,1x2\n" + b"1,2,3\n" * 1000)[:-9])
    with pytest.raises(NotPlainError):
        read(plain_csv, path)
