"""The schema is a schema, and the shipped model keeps it."""

import hashlib
import json

import jsonschema
from conftest import ROOT

PRETRAINED = ROOT / "shared" / "pretrained"
SCHEMA = json.loads((ROOT / "shared" / "manifest.schema.json").read_text())


def test_the_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_manifest_keeps_the_schema_and_describes_the_shipped_files():
    manifest = json.loads((PRETRAINED / "manifest.json").read_text())
    jsonschema.validate(manifest, SCHEMA, format_checker=jsonschema.FormatChecker())
    for name, facts in manifest["files"].items():
        content = (PRETRAINED / name).read_bytes()
        assert facts == {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}


def test_the_shipped_model_was_trained_on_all_of_mnist():
    manifest = json.loads((PRETRAINED / "manifest.json").read_text())
    assert manifest["training"]["rows"] == manifest["data"]["train"]["rows"] == 60_000
    assert manifest["metrics"]["n"] == 10_000 and manifest["metrics"]["accuracy"] >= 0.995


def test_the_shipped_model_was_trained_on_strokes_and_its_test_for_digits_keeps_the_schema():
    manifest = json.loads((PRETRAINED / "manifest.json").read_text())
    assert manifest["data"]["strokes"]["rows"] == 7494 and manifest["data"]["strokes"]["writers"] == 30
    jsonschema.validate(json.loads((PRETRAINED / "is_digit.json").read_text()), SCHEMA["$defs"]["is_digit"])


def test_every_writer_is_read_by_one_model_that_has_not_seen_that_hand():
    unseen = []
    for fold in sorted((ROOT / "benchmarks" / "folds").glob("[0-9]")):
        manifest = json.loads((fold / "manifest.json").read_text())
        writers = json.loads((fold / "unseen_writers.json").read_text())
        assert manifest["data"]["strokes"]["writers"] == 30 - len(writers)
        unseen += writers
    assert len(unseen) == len(set(unseen)) == 30
