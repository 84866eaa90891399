"""What is published already, read without the weight of Keras."""

from collections.abc import Mapping
from pathlib import Path

from trainer.artefacts import NEEDED
from trainer.digest import sha256
from trainer.versions import manifests, read_manifest


def published_from(
    shared_dir: Path, recipe: Mapping[str, object], data: Mapping[str, Mapping[str, object]]
) -> str | None:
    """Give the version in service if it is whole and the newest training from scratch was by `recipe` on `data`.

    Else None. A retrained version counts as what it began with, and where somebody went back to an older one, a
    training like the newest would undo that. recipe: entries of the manifest's `training`; data: the manifest's `data`,
    compared by digest.
    """
    manifest = read_manifest(shared_dir)
    if manifest is None:
        return None
    try:
        begun = max(
            (one.get("base") or one for one in (*manifests(shared_dir), manifest)), key=lambda one: one["version"]
        )
        trained = {"quick": False, **begun["training"]}
        same_recipe = all(trained[name] == value for name, value in recipe.items())
        same_data = {part: source["sha256"] for part, source in begun["data"].items()} == {
            part: source["sha256"] for part, source in data.items()
        }
        complete = set(manifest["files"]) >= set(NEEDED)
        whole = all(sha256(shared_dir / name) == facts["sha256"] for name, facts in manifest["files"].items())
        return str(manifest["version"]) if same_recipe and same_data and complete and whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # not by us, or cut short: a training replaces it
