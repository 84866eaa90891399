"""What was read from a CSV is read again without parsing it, as long as it is the same CSV and the cache is whole."""

import gzip
import hashlib
import resource
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import digit_table
from trainer import careful_csv, csv_cache, plain_csv
from trainer.dataset import LIMITS, read_digits
from trainer.errors import DatasetError

TEXT = digit_table(30, 0).to_csv(index=False)
OTHER = digit_table(40, 1).to_csv(index=False)
CELLS = digit_table(30, 0).to_numpy().astype(np.uint8)


@pytest.fixture
def csv(tmp_path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(TEXT)
    return path


@pytest.fixture
def cache(csv) -> Path:
    """The cache that a first start has left."""
    read_digits(csv)
    return csv.with_name(".train.csv.cells")


@pytest.fixture
def no_parser(monkeypatch) -> None:
    """Take both parsers away."""
    for parser in (plain_csv, careful_csv):
        monkeypatch.delattr(parser, "read_blocks")


def as_cache(cells: bytes, text: str = TEXT) -> bytes:
    """Write down what a cache of these cells is."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"cells of the CSV with SHA-256 {digest}, their CRC-32 {zlib.crc32(cells):08x}\n".encode() + cells


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", TEXT.encode()),
        ("mnist_train.csv.gz", gzip.compress(TEXT.encode())),
        ("windows.csv", TEXT.replace("\n", "\r\n").encode()),
        ("for the careful reader.csv", TEXT.replace("label", '"label"', 1).encode("utf-8-sig")),
    ],
)
def test_a_later_start_has_the_same_digits_without_parsing(tmp_path, name, content, request):
    path = tmp_path / name
    path.write_bytes(content)
    first = read_digits(path)
    request.getfixturevalue("no_parser")
    later = read_digits(path)
    for digits in (first, later):
        assert np.array_equal(digits.labels, CELLS[:, 0])
        assert np.array_equal(digits.pixels.reshape(30, -1), CELLS[:, 1:])
        assert digits.source == {"file": name, "rows": 30, "sha256": hashlib.sha256(content).hexdigest()}


def test_a_changed_csv_is_read_and_kept_anew(csv, cache, request):
    csv.write_text(OTHER)
    assert len(read_digits(csv)) == 40
    request.getfixturevalue("no_parser")
    assert len(read_digits(csv)) == 40


def test_a_csv_that_has_become_bad_is_refused_and_not_kept(csv, cache):
    before = cache.read_bytes()
    csv.write_text(TEXT.replace("\n3,", "\n33,", 1))
    for _ in range(2):
        with pytest.raises(DatasetError, match="row 4, column label: '33', expected a whole number 0-9"):
            read_digits(csv)
    assert cache.read_bytes() == before


def test_a_csv_that_changes_while_it_is_read_is_not_kept_under_its_old_name(csv, monkeypatch):
    read_blocks = plain_csv.read_blocks

    def change_and_read(path, limits):
        path.write_text(OTHER)
        return read_blocks(path, limits)

    monkeypatch.setattr(plain_csv, "read_blocks", change_and_read)
    read_digits(csv)
    csv.write_text(TEXT)
    monkeypatch.undo()
    assert len(read_digits(csv)) == 30


GOOD = as_cache(CELLS.tobytes())
BAD_CACHES = {
    "empty": b"",
    "cut off in its first line": GOOD[:40],
    "cut off in its cells": GOOD[:-1],
    "cut off between rows": GOOD[:-785],
    "followed by something": GOOD + bytes(785),
    "with a bit that has turned": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "of another program": b"PK\x03\x04" + bytes(5000),
    "of another CSV": as_cache(CELLS.tobytes(), OTHER),
    "of no rows": as_cache(b""),
    "of half a row": as_cache(CELLS.tobytes()[:-400]),
    "of labels that are no digits": as_cache(bytes([77]) + CELLS.tobytes()[1:]),
}


@pytest.mark.parametrize("content", BAD_CACHES.values(), ids=BAD_CACHES)
def test_a_bad_cache_is_ignored_and_replaced(csv, cache, content):
    assert cache.read_bytes() == GOOD
    cache.write_bytes(content)
    assert np.array_equal(read_digits(csv).pixels.reshape(30, -1), CELLS[:, 1:])
    assert cache.read_bytes() == GOOD


def test_a_cache_that_is_larger_than_its_csv_could_make_it_is_not_read(csv, cache, monkeypatch):
    with cache.open("r+b") as file:
        file.truncate(1 << 33)  # takes no room on the disk
    with monkeypatch.context() as context:
        context.delattr(np, "fromfile")
        assert len(read_digits(csv)) == 30
    assert cache.read_bytes() == GOOD


@pytest.mark.parametrize("name", [".train.csv.cells", "..train.csv.cells.partial"])
def test_a_folder_in_the_place_of_the_cache_costs_only_the_cache(csv, name):
    csv.with_name(name).mkdir()
    for _ in range(2):
        assert len(read_digits(csv)) == 30
    assert sorted(path.name for path in csv.parent.iterdir()) == [name, "train.csv"]


def test_a_csv_in_a_folder_where_nothing_can_be_made_is_read(csv):
    with csv.open() as file:
        path = Path(f"/proc/self/fd/{file.fileno()}")  # where even root can make nothing
        for _ in range(2):
            assert len(read_digits(path)) == 30


def test_a_cache_for_which_there_is_no_room_leaves_nothing(csv):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        assert len(read_digits(csv)) == 30
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(csv.parent.iterdir()) == [csv]


def test_what_a_killed_writer_left_is_overwritten(csv):
    csv.with_name("..train.csv.cells.partial").write_bytes(bytes(100_000))
    read_digits(csv)
    assert csv.with_name(".train.csv.cells").read_bytes() == GOOD
    assert len(list(csv.parent.iterdir())) == 2


def test_two_who_write_at_once_do_not_tear_the_cache(csv, cache):
    many = np.tile(CELLS, (200, 1))
    digests = ["a" * 64, "b" * 64]

    def write(digest: str) -> None:
        for _ in range(100):
            csv_cache.store(csv, digest, many)

    writers = [threading.Thread(target=write, args=[digest]) for digest in digests]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = cache.read_bytes()
        assert content == GOOD or content.partition(b"\n")[2] == many.tobytes()
    for writer in writers:
        writer.join()
    cached = [csv_cache.load(csv, digest, LIMITS) for digest in digests]
    assert sum(cells is not None and np.array_equal(cells, many) for cells in cached) == 1
