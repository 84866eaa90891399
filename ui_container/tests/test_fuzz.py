"""Whatever the bytes are, the server answers, or refuses them in its own words."""

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

from conftest import DIGIT_STROKES, PAIRS, data_url, draw, encode, install_pair, write_manifest
from digit_ui.artefacts import ArtefactError, Candidate
from digit_ui.drawing import DrawingBody, read_drawing
from digit_ui.fields import parse_json, validate
from digit_ui.pair_reader import PairError, read_config
from digit_ui.picture import ink_of_picture
from digit_ui.preprocessing import to_network_input
from digit_ui.problems import Problem
from fuzzing import INPUTS, fuzz

SMALL = draw(4, size=32, box=(4, 4, 24), width=3)
PICTURES = [
    encode(SMALL),
    encode(SMALL.convert("1")),
    encode(SMALL.convert("RGBA")),
    encode(SMALL.convert("RGB").quantize(8), transparency=0),
    encode(SMALL, "JPEG"),
    encode(SMALL.convert("CMYK"), "JPEG", progressive=True),
]
READER = Path(__file__).with_name("read_damaged_weights.py")
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_picture(data: bytes) -> None:
    assert to_network_input(ink_of_picture(data)).shape == (28, 28)


def with_right_checksums(data: bytes) -> bytes:
    """Give each chunk of a damaged PNG the checksum of what it holds now, or the decoder would look no further."""
    if not data.startswith(SIGNATURE):
        return data
    whole, at = SIGNATURE, len(SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind_and_content = data[at + 4 : at + 8 + length]
        whole += data[at : at + 4] + kind_and_content + struct.pack(">I", zlib.crc32(kind_and_content))
        at += 12 + length
    return whole


def test_damaged_pictures_are_read_or_refused():
    outcome = fuzz(read_picture, PICTURES, Problem)
    assert min(outcome.taken, outcome.refused) > INPUTS / 20


def test_damaged_pictures_with_right_checksums_are_read_or_refused():
    outcome = fuzz(lambda data: read_picture(with_right_checksums(data)), PICTURES[:4], Problem)
    assert min(outcome.taken, outcome.refused) > INPUTS / 20


def test_damaged_bodies_are_read_or_refused():
    def read(data: bytes) -> None:
        read_drawing(validate(DrawingBody, parse_json(data)), None)

    bodies = [{"strokes": DIGIT_STROKES[4]}, {"image": data_url(PICTURES[0])}]
    outcome = fuzz(read, [json.dumps(body).encode() for body in bodies], Problem)
    assert min(outcome.taken, outcome.refused) > INPUTS / 20


def test_damaged_manifests_are_taken_or_refused(tmp_path):
    candidate = Candidate("published model", tmp_path, has_manifest=True)
    probe = install_pair(tmp_path)
    manifest = write_manifest(tmp_path, "fuzzed", {name: part[:1] for name, part in probe.items()}).read_bytes()

    def read(data: bytes) -> None:
        (tmp_path / "manifest.json").write_bytes(data)
        candidate.read()

    outcome = fuzz(read, [manifest], ArtefactError)
    assert min(outcome.taken, outcome.refused) > INPUTS / 20


def test_damaged_networks_are_taken_or_refused_before_keras_sees_them():
    texts = [(PAIRS / pair / "model.json").read_bytes() for pair in ("keras-2.15", "keras-2.2.4")]
    outcome = fuzz(lambda data: read_config(data.decode(errors="replace")), texts, PairError)
    assert min(outcome.taken, outcome.refused) > INPUTS / 20


def test_damaged_weights_are_read_or_refused_and_seldom_end_their_reader(tmp_path):
    """They may end or hang it, as it is a process of its own with a limit of time, but in any other way it goes on."""
    last, deaths, files = -1, 0, INPUTS // 10  # each takes ten times as long as any other input here
    while last < files - 1:
        command = [sys.executable, READER, str(last + 1), str(files), tmp_path / "model.h5"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60 + files)
        assert result.returncode <= 0, result.stderr
        last = int(result.stdout.split()[-1])
        deaths += result.returncode < 0
    assert deaths < files / 10
