"""The files of a model, and the manifest that says of which version they are."""

# The pair, and beside it how to tell what is no digit.
ARTEFACTS = ("model.json", "model.h5", "is_digit.json")
MANIFEST = "manifest.json"
