"""What a person may choose: each option on the command line, by environment variable, or by its default."""

import argparse
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

MAX_SEED = 2**31 - 1  # TensorFlow's stateless generators take 32 bits
EPOCHS, QUICK_EPOCHS = 30, 2
BATCH_SIZE = 128
PROJECT_SHARED_DIR = Path(__file__).resolve().parents[2] / "shared"
STORE_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()-]+)*/?")


@dataclass(frozen=True)
class Settings:
    """The choices of one training run. shared_dir: a copy of the object store `store`, where that is given."""

    data_dir: Path
    strokes: Path | None
    shared_dir: Path
    quick: bool
    epochs: int
    batch_size: int
    seed: int
    min_accuracy: float
    validation_share: float
    unattended: bool
    feedback: URL
    retrain_after: int
    watch: bool
    retrain: bool
    roll_back: bool
    roll_back_to: str | None
    store: str | None = None


def read_settings(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the options; an option given on the command line wins over its environment variable.

    Exits with status 2 and the option's name if a value is not what it must be.
    """
    parser = argparse.ArgumentParser(
        prog="cnn_mnist.py",
        description="Train a CNN on handwritten digits and publish it for the user interface.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def option(name: str, variable: str, kind: Callable[[str], object], default: object, text: str) -> None:
        # A string default goes through `kind` as a typed value does, so a bad variable is refused in the same words.
        parser.add_argument(
            name, type=kind, default=environment.get(variable) or str(default), help=f"{text} [{variable}]"
        )

    parser.add_argument(
        "--data",
        type=Path,
        default=environment.get("DATA_DIR") or argparse.SUPPRESS,
        help="folder with train.csv and test.csv (also .csv.gz, mnist_train.csv, mnist_test.csv; or shards "
        "instead of train.csv: train-*.csv, train-*.csv.gz, train-*.parquet), which are fetched "
        "if absent [DATA_DIR] (default: the folder of --out)",
    )
    parser.add_argument(
        "--strokes",
        type=Path,
        default=environment.get("STROKES") or None,
        help="file of pen strokes to learn from as well, JSON lines, plain or .gz; `uci` fetches 7,494 digits by 30 "
        "writers from the UCI repository, which an unattended training does without if it must [STROKES]",
    )
    option(
        "--out",
        "SHARED_DIR",
        _place,
        PROJECT_SHARED_DIR,
        "folder in which the model is published, or s3://bucket/prefix",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        default=environment.get("QUICK") == "1",
        help="train for less than a minute instead of a quarter of an hour, with fewer drawings: reads MNIST almost as "
        "well, but other hands less well [QUICK=1]",
    )
    parser.add_argument(
        "--epochs",
        type=_whole(1),
        default=environment.get("EPOCHS") or argparse.SUPPRESS,
        help=f"passes over the training rows [EPOCHS] (default: {EPOCHS}; {QUICK_EPOCHS} with --quick)",
    )
    option("--batch-size", "BATCH_SIZE", _whole(1), BATCH_SIZE, "rows a training step")
    option("--seed", "SEED", _whole(0, MAX_SEED), 1, "same seed, same machine: same model")
    option("--min-accuracy", "MIN_ACCURACY", _share(1.0), 0.98, "publish nothing below this accuracy on the test rows")
    option(
        "--validation-share",
        "VALIDATION_SHARE",
        _share(0.5),
        0.1,
        "share of the training rows held out to watch the training; 0 trains on all of them",
    )
    parser.add_argument(
        "--unattended",
        action="store_true",
        default=environment.get("UNATTENDED") == "1",
        help="for a service: nothing to do is no failure, so end with status 0 where there is no data to train on, "
        "or the published model was trained on this data with these options [UNATTENDED=1]",
    )
    parser.add_argument(
        "--feedback",
        type=_database,
        default=environment.get("DATABASE_URL") or argparse.SUPPRESS,
        help="URL of the database in which the user interface keeps the feedback [DATABASE_URL] "
        "(default: feedback/feedback.db in the folder of --out)",
    )
    option("--retrain-after", "RETRAIN_AFTER", _whole(1), 20, "new labels that lead to a training while watching")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--watch", action="store_true", help="watch the feedback and retrain from it, until stopped")
    modes.add_argument("--retrain", action="store_true", help="retrain the model in service from the feedback now")
    modes.add_argument(
        "--rollback",
        nargs="?",
        const="",
        metavar="VERSION",
        default=argparse.SUPPRESS,
        help="put a version of the folder versions/ into service again; without a name the one before",
    )
    chosen = parser.parse_args(arguments)
    store = None if isinstance(chosen.out, Path) else chosen.out
    shared_dir = chosen.out if store is None else _copy_dir(environment, store)
    if store is not None and (chosen.watch or chosen.retrain) and not hasattr(chosen, "feedback"):
        parser.error(
            "--feedback: not given, and an object store cannot hold a database; name the one in which the user "
            "interface keeps the feedback [DATABASE_URL]"
        )
    database = URL.create("sqlite", database=str(shared_dir / "feedback" / "feedback.db"))
    return Settings(
        data_dir=getattr(chosen, "data", shared_dir if store is None else PROJECT_SHARED_DIR),
        strokes=chosen.strokes,
        shared_dir=shared_dir,
        quick=chosen.quick,
        epochs=getattr(chosen, "epochs", QUICK_EPOCHS if chosen.quick else EPOCHS),
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        min_accuracy=chosen.min_accuracy,
        validation_share=chosen.validation_share,
        unattended=chosen.unattended,
        feedback=getattr(chosen, "feedback", database),
        retrain_after=chosen.retrain_after,
        watch=chosen.watch,
        retrain=chosen.retrain,
        roll_back=hasattr(chosen, "rollback"),
        roll_back_to=getattr(chosen, "rollback", None) or None,
        store=store,
    )


def _place(text: str) -> Path | str:
    """Take a folder, or the address of an object store; one with credentials is not repeated."""
    if "://" not in text:
        return Path(text)
    if "@" in text:
        raise argparse.ArgumentTypeError(
            "has credentials in it; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if not STORE_URL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a folder, or s3://bucket/prefix")
    return text.rstrip("/")


def _copy_dir(environment: Mapping[str, str], store: str) -> Path:
    """Give the folder for this trainer's copy of the store: another one for each address."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "projet-digit"
    folder = Path(environment.get("STORE_COPY_DIR") or cache / "store")
    return folder / f"trainer-{hashlib.sha256(store.encode()).hexdigest()[:12]}"


def _database(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a database's URL, such as sqlite:///feedback.db"
        ) from error


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least and (most is None or int(text) <= most)):
            limits = f"of {least} or more" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number {limits}")
        return int(text)

    return parse


def _share(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= most:  # also false for NaN
            raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 to {most}, such as 0.1")
        return value

    return parse
