"""What a training is made from: everything that the files hold, read and checked, and what is held out of it."""

import sys
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path

from trainer.cluster import Cluster
from trainer.dataset import FILE_NAMES, Digits, Part, find_csvs, read_digits, split
from trainer.download import fetch_csvs
from trainer.errors import DatasetError, DownloadError
from trainer.settings import Settings
from trainer.shards import Shards, find_shards, read_shards
from trainer.strokes import Drawing, Strokes, read_strokes, split_by_writer
from trainer.uci import find_strokes

# Of shards, as many as are replayed in a retraining: MNIST's own number.
REPLAYED_ROWS = 60_000


@dataclass(frozen=True)
class Material:
    """What is learned from and examined on.

    rows: scanned digits to learn from, over all workers; train: those of this worker; strokes and drawings: in both
    forms; unseen_writers: strokes that are held out; data: what the files are, as the manifest has it.
    """

    rows: int
    train: Part | Shards
    validation: Part | None
    test: Digits
    strokes: Strokes | None
    drawings: list[Drawing]
    unseen_writers: Strokes | None
    data: dict[str, dict[str, object]]

    def share(self, cluster: Cluster) -> "Material":
        """Give a worker its own rows, and all strokes, which are few. Raises ClusterError."""
        if isinstance(self.train, Shards):
            return with_changes(self, train=self.train.share(cluster.index, len(cluster)))
        own = slice(cluster.index, None, len(cluster))
        return with_changes(self, train=Part(self.train.x[own], self.train.y[own]))


def read_material(settings: Settings) -> Material:
    """Read all that a training from scratch takes, and hold out what it is watched by. Raises DatasetError."""
    train, test, strokes, drawings, data = read_data(settings)
    part: Part | Shards
    validation: Part | None
    if isinstance(train, Shards):
        part, validation = train, train.held
    else:
        part, validation = split(train, settings.validation_share, settings.seed)
    unseen_writers = None
    if strokes is not None:
        strokes, drawings, unseen_writers = split_by_writer(strokes, drawings, settings.validation_share, settings.seed)
    return Material(len(part), part, validation, test, strokes, drawings, unseen_writers, data)


def read_data(
    settings: Settings,
) -> tuple[Digits | Shards, Digits, Strokes | None, list[Drawing], dict[str, dict[str, object]]]:
    """Read the digits to learn from and to be examined on, the strokes in both forms, and what the files are."""
    train: Digits | Shards
    if shards := find_shards(settings.data_dir):
        test = read_digits(_test_beside(settings.data_dir, shards[0]))
        train = read_shards(shards, settings.validation_share)
    else:
        paths = find_csvs(settings.data_dir) or fetch_csvs(settings.data_dir)
        train, test = read_digits(paths["train"]), read_digits(paths["test"])
    data = {"train": train.source, "test": test.source}
    strokes: Strokes | None = None
    drawings: list[Drawing] = []
    if stroke_file := stroke_file_of(settings):
        strokes, drawings, data["strokes"] = read_strokes(stroke_file)
    return train, test, strokes, drawings, data


def stroke_file_of(settings: Settings) -> Path | None:
    """Give the stroke file to learn from, if any; a service that cannot fetch one trains without it."""
    if settings.strokes is None:
        return None
    try:
        return find_strokes(settings.strokes, settings.data_dir)
    except DownloadError as error:
        if not settings.unattended:
            raise
        print(f"cnn_mnist.py: {error}; training without them", file=sys.stderr)
        return None


def _test_beside(data_dir: Path, shard: Path) -> Path:
    """Find the test file that belongs to shards."""
    whole = [name for name in FILE_NAMES["train"] if (data_dir / name).is_file()]
    if whole:
        raise DatasetError(
            f"{data_dir}: both {whole[0]} and {shard.name} are there; keep the one file or the shards, not both"
        )
    names = (*FILE_NAMES["test"], "test.parquet")
    for name in names:
        if (data_dir / name).is_file():
            return data_dir / name
    raise DatasetError(
        f"{data_dir}: {shard.name} is there, but no test file; put one beside it (accepted names: {', '.join(names)})"
    )
