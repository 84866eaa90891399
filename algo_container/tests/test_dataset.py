"""Good CSVs are read whole; bad ones are refused with the file, the row and the column."""

import contextlib
import gzip
import sys

import numpy as np
import pytest
from conftest import digit_table
from trainer import dataset
from trainer.dataset import COLUMNS, find_csvs, normalise, read_digits, split
from trainer.errors import DatasetError


@pytest.fixture(autouse=True, params=["first start", "later start"])
def start(request, monkeypatch) -> None:
    """Let every test read a file for the first time, and again after another start has read it."""

    def read_again(path):
        with contextlib.suppress(DatasetError):
            dataset.read_digits(path)
        return dataset.read_digits(path)

    if request.param == "later start":
        monkeypatch.setattr(sys.modules[__name__], "read_digits", read_again)


@pytest.fixture
def lines() -> list[str]:
    return digit_table(30, 0).to_csv(index=False).splitlines()


def write(path, lines) -> None:
    path.write_text("\n".join(lines) + "\n")


def with_cell(lines: list[str], row: int, column: int, cell: str) -> list[str]:
    cells = lines[row].split(",")
    cells[column] = cell
    return [*lines[:row], ",".join(cells), *lines[row + 1 :]]


def test_a_csv_comes_back_cell_by_cell(tmp_path, lines):
    write(tmp_path / "train.csv", lines)
    digits = read_digits(tmp_path / "train.csv")
    table = digit_table(30, 0).to_numpy()
    assert digits.labels.dtype == digits.pixels.dtype == np.uint8
    assert np.array_equal(digits.labels, table[:, 0])
    assert np.array_equal(digits.pixels.reshape(30, -1), table[:, 1:])
    assert digits.source["rows"] == 30


@pytest.mark.parametrize("dress", ["gzip", "windows lines", "byte order mark", "blank line at the end"])
def test_the_usual_dresses_of_a_csv_are_read(tmp_path, lines, dress):
    path = tmp_path / ("train.csv.gz" if dress == "gzip" else "train.csv")
    text = "\n".join(lines) + "\n"
    content = {
        "gzip": gzip.compress(text.encode()),
        "windows lines": text.replace("\n", "\r\n").encode(),
        "byte order mark": text.encode("utf-8-sig"),
        "blank line at the end": (text + "\n\n").encode(),
    }[dress]
    path.write_bytes(content)
    assert len(read_digits(path)) == 30


BAD_CELLS = [
    (17, 5, "1e999", r"row 17, column 1x5: '1e999', expected a whole number 0-255"),
    (17, 5, "256", r"row 17, column 1x5: '256', expected a whole number 0-255"),
    (17, 5, "-1", r"row 17, column 1x5: '-1'"),
    (17, 784, "12.5", r"row 17, column 28x28: '12.5'"),
    (17, 5, "", r"row 17, column 1x5: is empty, expected a whole number 0-255"),
    (17, 5, "x", r"row 17, column 1x5: 'x'"),
    (17, 5, "65536", r"row 17, column 1x5: '65536'"),
    (17, 5, "99999999999999999999", r"row 17, column 1x5: '99999999999999999999'"),
    (17, 5, "٣", r"row 17, column 1x5"),
    (3, 0, "10", r"row 3, column label: '10', expected a whole number 0-9"),
    (3, 0, "", r"row 3, column label: is empty"),
]


@pytest.mark.parametrize(("row", "column", "cell", "message"), BAD_CELLS)
def test_a_bad_cell_is_named(tmp_path, lines, row, column, cell, message):
    write(tmp_path / "train.csv", with_cell(lines, row, column, cell))
    with pytest.raises(DatasetError, match=rf"train.csv: {message}"):
        read_digits(tmp_path / "train.csv")


def test_a_row_of_the_wrong_length_is_named(tmp_path, lines):
    for change, pixels in ((lambda row: row.rsplit(",", 1)[0], 783), (lambda row: row + ",0", 785)):
        write(tmp_path / "train.csv", [*lines[:17], change(lines[17]), *lines[18:]])
        with pytest.raises(DatasetError, match=f"row 17 has {pixels} pixels, expected 784"):
            read_digits(tmp_path / "train.csv")


def test_every_row_longer_than_the_header_is_named_too(tmp_path, lines):
    write(tmp_path / "train.csv", [lines[0], *(line + ",0" for line in lines[1:])])
    with pytest.raises(DatasetError, match="row 1 has 785 pixels, expected 784"):
        read_digits(tmp_path / "train.csv")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "is empty, expected the header"),
        (",".join(COLUMNS[:-1]), "the header has 784 columns, expected 785"),
        (",".join(["digit", *COLUMNS[1:]]), "header column 1 is 'digit', expected 'label'"),
        (",".join(["label", *(f"pixel{n}" for n in range(784))]), "header column 2 is 'pixel0', expected '1x1'"),
    ],
)
def test_a_wrong_header_is_named(tmp_path, lines, header, message):
    write(tmp_path / "train.csv", [header, *lines[1:]] if header else [])
    with pytest.raises(DatasetError, match=message):
        read_digits(tmp_path / "train.csv")


def test_a_digit_without_a_row_is_named(tmp_path, lines):
    write(tmp_path / "train.csv", [line for line in lines if not line.startswith(("4,", "7,"))])
    with pytest.raises(DatasetError, match="none of its 24 rows has the label 4, 7"):
        read_digits(tmp_path / "train.csv")


def test_a_header_alone_is_refused(tmp_path, lines):
    write(tmp_path / "train.csv", lines[:1])
    with pytest.raises(DatasetError, match="header but no rows"):
        read_digits(tmp_path / "train.csv")


def test_a_file_that_is_no_csv_at_all_is_refused(tmp_path):
    (tmp_path / "train.csv").write_text("x" * 200_000)
    with pytest.raises(DatasetError, match="train.csv: cannot be read"):
        read_digits(tmp_path / "train.csv")


def test_a_cut_off_gzip_file_is_refused(tmp_path, lines):
    whole = gzip.compress("\n".join(lines).encode())
    (tmp_path / "train.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"train.csv.gz: cannot be read"):
        read_digits(tmp_path / "train.csv.gz")


@pytest.mark.parametrize("names", [("train.csv", "test.csv.gz"), ("mnist_train.csv", "mnist_test.csv")])
def test_files_are_found_by_all_their_names(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    assert find_csvs(tmp_path) == {"train": tmp_path / names[0], "test": tmp_path / names[1]}


def test_half_a_data_set_is_refused_with_what_is_missing(tmp_path):
    assert find_csvs(tmp_path) is None
    (tmp_path / "train.csv").touch()
    with pytest.raises(DatasetError, match="train.csv is there, but no test file"):
        find_csvs(tmp_path)


def test_normalising_uses_the_fixed_range_not_the_batchs_own():
    x = normalise(np.full((2, 28, 28), 51, dtype=np.uint8))
    assert x.shape == (2, 28, 28, 1) and x.dtype == np.float32
    assert x == pytest.approx(0.2)
    assert normalise(np.arange(256, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)).max() == 1


def test_the_held_out_part_has_its_share_of_every_digit(tmp_path, easy_data):
    digits = read_digits(easy_data / "train.csv")
    fitted, held = split(digits, 0.1, seed=1)
    assert (len(fitted.y), len(held.y)) == (360, 40)
    assert np.bincount(held.y).tolist() == [4] * 10
    everything, nothing = split(digits, 0, seed=1)
    assert len(everything.y) == 400 and nothing is None


def test_too_few_rows_to_hold_any_out_are_refused(tmp_path, lines):
    write(tmp_path / "train.csv", lines[:11])
    with pytest.raises(DatasetError, match="too few to hold out 10%"):
        split(read_digits(tmp_path / "train.csv"), 0.1, seed=1)


def test_all_of_mnist_is_read(mnist_dir):
    digits = read_digits(mnist_dir / "train.csv.gz")
    assert len(digits) == 60_000
    assert np.bincount(digits.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
