"""The files of a model, and the manifest that says of which version they are."""

# The pair, beside it how to tell what is no digit, and both once more in the form that browsers read.
ARTEFACTS = ("model.json", "model.h5", "is_digit.json", "model.onnx")
# Earlier trainers wrote no other form.
NEEDED = ARTEFACTS[:3]
MANIFEST = "manifest.json"
