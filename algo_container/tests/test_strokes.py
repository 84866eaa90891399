"""A stroke file is read and checked line by line; every drawing gets one form; no writer is on both sides."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from trainer.errors import DatasetError, DownloadError
from trainer.strokes import POINTS, read_strokes, resample, split_by_writer
from trainer.uci import find_strokes, parse_unipen

SEVEN = {"label": 7, "writer": "w1", "strokes": [[[0, 0], [100, 0], [40, 200]], [[30, 100], [80, 100]]]}


def write(folder, *lines):
    path = folder / "strokes.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def test_plain_and_gzipped_files_give_the_same_drawings(tmp_path):
    plain = write(tmp_path, SEVEN, {**SEVEN, "writer": "w2"}, "")
    zipped = tmp_path / "strokes.jsonl.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    (one, drawings, facts), (other, _, _) = read_strokes(plain), read_strokes(zipped)
    assert np.array_equal(one.points, other.points) and list(one.writers) == ["w1", "w2"]
    assert (facts["file"], facts["rows"], facts["writers"]) == ("strokes.jsonl", 2, 2)
    assert drawings[0] == [[tuple(point) for point in stroke] for stroke in SEVEN["strokes"]]


def test_a_drawing_is_centred_and_its_points_lie_evenly_on_the_strokes():
    points, pen = resample(SEVEN["strokes"])
    assert points.shape == (POINTS, 2) and pen.shape == (POINTS - 1,)
    assert points.min(0) == pytest.approx([-0.25, -0.5], abs=0.01) and points.max(0) == pytest.approx(
        [0.25, 0.5], abs=0.01
    )
    lifted = np.flatnonzero(pen == 0)
    assert len(lifted) == 1
    lengths = np.hypot(*np.diff(points, axis=0).T)[pen == 1]
    assert lengths.max() < 1.6 * np.median(lengths)


@pytest.mark.parametrize("drawing", [[[[5, 5]]], [[[0, 0], [0, 9]]], [[[i, i]] for i in range(200)]])
def test_dots_lines_and_very_many_strokes_have_a_form(drawing):
    points, pen = resample(drawing)
    assert np.isfinite(points).all() and points.shape == (POINTS, 2) and pen.sum() > 0


FAULTS = {
    "no JSON": ("{", "line 2 is not JSON"),
    "no object": ("[1]", "line 2 is '[1]', expected an object"),
    "no label": ({"strokes": [[[0, 0]]]}, "line 2: label is None, expected a whole number 0-9"),
    "label 10": ({**SEVEN, "label": 10}, "line 2: label is 10"),
    "true": ({**SEVEN, "label": True}, "line 2: label is True"),
    "no strokes": ({"label": 1}, "line 2: strokes are None"),
    "only empty strokes": ({**SEVEN, "strokes": [[], []]}, "line 2: strokes are"),
    "a point of three": ({**SEVEN, "strokes": [[[1, 2, 3]]]}, "line 2: a stroke is"),
    "a point of text": ({**SEVEN, "strokes": [[["1", 2]]]}, "expected [[x, y], ...] with numbers up to 1000000"),
    "NaN": ('{"label": 1, "strokes": [[[NaN, 1]]]}', "with numbers up to"),
    "a number beyond floats": ('{"label": 1, "strokes": [[[1' + "0" * 400 + ", 1]]]}", "with numbers up to"),
    "depth": ("[" * 100_000, "line 2 is not JSON"),
    "a number as writer": ({**SEVEN, "writer": 3}, "line 2: writer is 3"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_line_is_named_with_what_it_has_and_what_was_wanted(tmp_path, fault):
    line, message = FAULTS[fault]
    with pytest.raises(DatasetError) as refused:
        read_strokes(write(tmp_path, SEVEN, line))
    assert message in str(refused.value) and "strokes.jsonl" in str(refused.value)


def test_missing_empty_and_cut_off_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_strokes(tmp_path / "none.jsonl")
    with pytest.raises(DatasetError, match="holds no drawing"):
        read_strokes(write(tmp_path, ""))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(json.dumps(SEVEN).encode() * 99)[:-20])
    with pytest.raises(DatasetError, match="cannot be read"):
        read_strokes(tmp_path / "cut.jsonl.gz")


def test_no_writer_is_on_both_sides_of_the_split(tmp_path):
    lines = [{**SEVEN, "writer": f"w{number % 10}"} for number in range(50)]
    strokes, drawings, _ = read_strokes(write(tmp_path, *lines))
    kept, kept_drawings, held = split_by_writer(strokes, drawings, 0.15, seed=1)
    assert len(kept) == len(kept_drawings) == 40 and len(held) == 10
    assert not set(kept.writers) & set(held.writers)
    assert split_by_writer(strokes, drawings, 0, seed=1)[2] is None


def test_one_writer_alone_is_learned_from_not_held_out(tmp_path):
    strokes, drawings, _ = read_strokes(write(tmp_path, SEVEN, SEVEN))
    assert split_by_writer(strokes, drawings, 0.5, seed=1)[2] is None


UNIPEN = """.VERSION 1.0
 .INCLUDE dene.doc
.SEGMENT DIGIT 0-1 ? "7"
.COMMENT 7 12 224
.PEN_DOWN
 0 500
 100 500
.PEN_UP
.DT 100
.PEN_DOWN
 30 400
 80 400
.PEN_UP
.SEGMENT DIGIT 2 ? "1"
.COMMENT 1 9 3
.PEN_DOWN
 5 9
 5 1
.PEN_UP
"""


def test_the_uci_repository_s_form_is_read_with_y_turned_down():
    assert list(parse_unipen(UNIPEN)) == [
        {"label": 7, "writer": "tra12", "strokes": [[[0, 0], [100, 0]], [[30, 100], [80, 100]]]},
        {"label": 1, "writer": "tra9", "strokes": [[[5, 491], [5, 499]]]},
    ]


def test_a_file_is_taken_as_it_is_and_a_fetched_one_is_not_fetched_again(tmp_path):
    assert find_strokes(tmp_path / "mine.jsonl", tmp_path) == tmp_path / "mine.jsonl"
    (tmp_path / "pendigits_train.jsonl.gz").touch()
    assert find_strokes(Path("uci"), tmp_path) == tmp_path / "pendigits_train.jsonl.gz"


def test_without_a_network_uci_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.uci.ADDRESS", "http://127.0.0.1:9/pendigits.zip")
    with pytest.raises(DownloadError, match="name a file with --strokes"):
        find_strokes(Path("uci"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_real_strokes_are_read(strokes_file):
    strokes, _, facts = read_strokes(strokes_file)
    assert len(strokes) == 7494 and facts["writers"] == 30
    assert sorted(set(strokes.labels.tolist())) == list(range(10))
