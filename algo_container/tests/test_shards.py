"""Training rows in many files are read as a stream: all of them, mixed, in flat memory."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import digit_table
from trainer import parquet, shards
from trainer.cluster import Cluster
from trainer.dataset import COLUMNS
from trainer.errors import ClusterError, DatasetError
from trainer.material import Material
from trainer.shards import Shards, find_shards, read_shards
from trainer.sources import Steps, gather
from trainer.stream import Stream, shuffled

PROGRAM = Path(__file__).parents[1] / "cnn_mnist.py"
ROWS = 120


@pytest.fixture
def folder(tmp_path):
    """Four shards of three forms; the pixels of each row's first two places say which row it is."""
    tables = [digit_table(ROWS, seed) for seed in range(4)]
    for number, table in enumerate(tables):
        table["1x1"], table["1x2"] = number, np.arange(ROWS)
    tables[0].to_csv(tmp_path / "train-0.csv", index=False)
    tables[1].to_csv(tmp_path / "train-1.csv.gz", index=False)
    tables[2].to_parquet(tmp_path / "train-2.parquet", row_group_size=50)
    tables[3].astype("uint8")[COLUMNS[::-1]].to_parquet(tmp_path / "train-3.parquet")
    return tmp_path


def numbers(cells: np.ndarray) -> list[tuple[int, int]]:
    return [tuple(row) for row in cells.reshape(len(cells), -1)[:, -784:][:, :2].tolist()]


EVERY_ROW = {(shard, row) for shard in range(4) for row in range(ROWS)}


def labelled_right(pixels: np.ndarray, labels: np.ndarray) -> bool:
    """Tell whether each row has the label that its table gave it."""
    return [row % 10 for _, row in numbers(pixels)] == labels.tolist()


def read(folder, share=0.0) -> Shards:
    return read_shards(find_shards(folder), share)


@pytest.mark.parametrize("block_rows", [4_000, 50])
def test_every_row_of_every_form_of_file_is_learned_from_or_held_out(folder, monkeypatch, block_rows):
    monkeypatch.setattr(parquet, "BLOCK_ROWS", block_rows)
    shards = read(folder, 0.1)
    blocks = list(shards.blocks(range(4)))
    assert max(map(len, blocks[-3:])) <= block_rows  # of one file, and of one group of rows in it
    learned = numbers(np.concatenate(blocks))
    held = numbers(shards.held.x)
    assert len(held) == 48 and len(learned) == len(shards) == 432
    assert len(set(shards.held.y.tolist())) > 5  # though the labels come round every ten rows
    assert labelled_right(shards.held.x, shards.held.y)
    assert set(learned) | set(held) == EVERY_ROW and len({*learned}) + len({*held}) == 480
    assert read(folder).held is None and len(read(folder)) == 480


def test_no_more_is_held_out_than_watching_needs_and_of_every_file(folder, monkeypatch):
    monkeypatch.setattr(shards, "MOST_HELD", 20)
    part = read(folder, 0.1)
    assert len(part) == 460 and [shard for shard, _ in numbers(part.held.x)] == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5


def test_files_are_told_apart_by_all_that_they_hold_and_come_in_the_order_of_their_names(folder):
    (folder / "train-0.csv").rename(folder / "train-9.csv")
    files = find_shards(folder)
    assert [path.name[6] for path in files] == ["1", "2", "3", "9"]
    before = read(folder).source
    assert before == read(folder).source and before["file"] == "train-1.csv.gz to train-9.csv, 4 files"
    files[-1].write_text(files[-1].read_text().replace("\n", "\r\n"))
    assert read(folder).source["sha256"] != before["sha256"]


def test_cells_are_read_as_they_were_written(folder):
    cells = np.concatenate(list(read(folder).blocks([2, 3])))
    for shard, seed in enumerate((2, 3)):
        table = digit_table(ROWS, seed).to_numpy()
        assert np.array_equal(cells[shard * ROWS : (shard + 1) * ROWS, 3:], table[:, 3:])
        assert np.array_equal(cells[shard * ROWS : (shard + 1) * ROWS, 0], table[:, 0])


def test_an_epoch_has_every_row_once_in_an_order_of_its_own(folder):
    orders = []
    for seed in (1, 2, 1):
        stream = Stream(read(folder), np.random.default_rng(seed), 40)
        taken = [stream.take() for _ in range(12)]
        assert all(labelled_right(*rows) for rows in taken)
        orders.append([row for pictures, _ in taken for row in numbers(pictures)])
    assert all(sorted(order) == sorted(EVERY_ROW) for order in orders)
    assert orders[0] != orders[1] and orders[0] == orders[2]
    assert orders[0] != sorted(orders[0])


def test_files_come_in_another_order_in_each_epoch(folder, monkeypatch):
    orders, blocks = [], Shards.blocks
    monkeypatch.setattr(Shards, "blocks", lambda self, order: orders.append(order) or blocks(self, order))
    stream = Stream(read(folder), np.random.default_rng(1), 480)
    for _ in range(4):
        stream.take()
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) >= 4 and len(set(map(tuple, orders))) >= 3


def test_rows_leave_the_buffer_mixed_and_none_twice():
    blocks = (np.arange(start, start + 10)[:, np.newaxis] for start in range(0, 7_000, 10))
    order = np.concatenate(list(shuffled(blocks, np.random.default_rng(1), buffer_rows=100)))[:, 0]
    assert np.array_equal(np.sort(order), np.arange(7_000))
    assert np.abs(order - np.arange(7_000)).mean() > 40
    assert len(list(shuffled(iter([]), np.random.default_rng(1)))) == 0


def test_a_block_larger_than_the_buffer_is_mixed_too():
    order = np.concatenate(list(shuffled(iter([np.arange(1_000)[:, np.newaxis]]), np.random.default_rng(1), 64)))
    assert np.array_equal(np.sort(order[:, 0]), np.arange(1_000)) and order[0, 0] < 64


def test_steps_take_the_rows_of_the_shards_and_can_leave_out_the_first(folder):
    sources = gather(read(folder), None, [], seed=1)
    steps = Steps(sources, 64, seed=1)
    (pictures, points, _), labels = steps[0]
    scanned = 64 - len(points)
    assert pictures.dtype == np.float32 and pictures.max() == 1 and labels.max() == 9
    second = steps[1][0][0]
    again = Steps(sources, 64, seed=1)
    again.skip(1)
    assert np.array_equal(again[1][0][0], second)
    assert len(steps) == -(-480 // scanned)


def test_files_are_shared_among_workers_and_must_suffice(folder):
    shards = read(folder)
    shares = [shards.share(index, 3) for index in range(3)]
    assert [[file.path.name for file in share.files] for share in shares] == [
        ["train-0.csv", "train-3.parquet"],
        ["train-1.csv.gz"],
        ["train-2.parquet"],
    ]
    material = Material(480, shards, None, read(folder, 0.1).sample(10), None, [], None, {})
    own = material.share(Cluster(("a:1", "b:1", "c:1"), 1))
    assert own.train == shares[1] and own.rows == 480
    with pytest.raises(ClusterError, match="4 files train-.* cannot be shared by 5 workers"):
        shards.share(0, 5)


def test_a_sample_is_spread_over_all_files(folder):
    sample = read(folder).sample(100)
    assert 90 <= len(sample) <= 100 and sample.source["rows"] == 480
    assert labelled_right(sample.pixels, sample.labels)
    rows = numbers(sample.pixels)
    for number in range(4):
        own = [row for shard, row in rows if shard == number]
        assert min(own) < 10 and max(own) >= ROWS - 10


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("train-4.csv", 256, "train-4.csv: row 17, column 5x5: '256', expected a whole number 0-255"),
        ("train-4.parquet", 256, "train-4.parquet: row 17, column 5x5: 256, expected a whole number 0-255"),
        ("train-4.parquet", -1, "train-4.parquet: row 17, column 5x5: -1, expected a whole number 0-255"),
        ("train-4.parquet", None, "train-4.parquet: row 17, column 5x5: is empty, expected a whole number 0-255"),
    ],
)
def test_a_wrong_cell_is_named_by_file_row_and_column(folder, name, value, wrong):
    table = digit_table(ROWS, 9).astype("Int64")
    table.loc[16, "5x5"] = value if value is not None else pd.NA
    if name.endswith(".csv"):
        table.to_csv(folder / name, index=False)
    else:
        table.to_parquet(folder / name, row_group_size=10)
    with pytest.raises(DatasetError, match=re.escape(wrong)):
        read(folder)


def test_other_columns_and_cut_off_files_are_refused_by_name(folder):
    digit_table(ROWS, 9).astype("float64").to_parquet(folder / "train-4.parquet")
    with pytest.raises(DatasetError, match="train-4.parquet: column label holds double, expected whole numbers 0-9"):
        read(folder)
    digit_table(ROWS, 9).drop(columns="7x7").to_parquet(folder / "train-4.parquet")
    with pytest.raises(DatasetError, match="train-4.parquet: has 0 columns '7x7'"):
        read(folder)
    (folder / "train-4.parquet").write_bytes((folder / "train-2.parquet").read_bytes()[:-9])
    with pytest.raises(DatasetError, match="train-4.parquet: cannot be read as Parquet"):
        read(folder)
    (folder / "train-4.parquet").unlink()
    (folder / "train-1.csv.gz").write_bytes((folder / "train-1.csv.gz").read_bytes()[:-20])
    with pytest.raises(DatasetError, match="train-1.csv.gz: cannot be read"):
        read(folder)


def test_a_digit_that_no_shard_has_is_missed(tmp_path):
    for number in range(2):
        table = digit_table(ROWS, number)
        table[table["label"] != 4].to_csv(tmp_path / f"train-{number}.csv", index=False)
    with pytest.raises(DatasetError, match="no row has the label 4"):
        read(tmp_path)
    digit_table(ROWS, 0).to_csv(tmp_path / "train-0.csv", index=False)
    assert len(read(tmp_path).files) == 2


def test_a_csv_that_becomes_unusual_half_way_is_read_whole(tmp_path):
    table = digit_table(3_000, 1)
    table["1x1"], table["1x2"] = np.arange(3_000) // 250, np.arange(3_000) % 250
    lines = table.to_csv(index=False).splitlines()
    lines[2_500] = '"' + lines[2_500].replace(",", '","') + '"'
    (tmp_path / "train-0.csv").write_text("\n".join(lines))
    read_rows = numbers(np.concatenate(list(read(tmp_path).blocks([0]))))
    assert read_rows == [(row // 250, row % 250) for row in range(3_000)]


def run(data, out) -> subprocess.CompletedProcess:
    options = ["--epochs", "1", "--batch-size", "20", "--min-accuracy", "0"]
    command = [sys.executable, str(PROGRAM), "--data", str(data), "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)


def test_a_training_learns_from_shards_as_from_one_file(folder, easy_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert "no test file" in run(folder, out).stderr
    (folder / "test.csv").write_bytes((easy_data / "test.csv").read_bytes())
    result = run(folder, out)
    assert result.returncode == 0, result.stderr
    assert "432 digits to learn from, 100 to be examined on" in result.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["train"]["file"] == "train-0.csv to train-3.parquet, 4 files"
    assert (manifest["data"]["train"]["rows"], manifest["training"]["rows"]) == (480, 432)
    (folder / "train.csv").write_bytes((easy_data / "train.csv").read_bytes())
    assert "both train.csv and train-0.csv are there" in run(folder, out).stderr
