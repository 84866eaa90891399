"""Train a CNN on handwritten digits and publish it: load, normalise, build, fit, evaluate, publish.

99.50 % of the 10,000 MNIST test digits (95 % interval 99.34 to 99.62 %) for the model in shared/pretrained, and 99.32 %
of what writers draw whom the network has not seen, in 19 min 47 s on 2 busy cores (benchmarks/README.md).
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from trainer.dataset import find_csvs, read_digits, split
from trainer.download import fetch_csvs
from trainer.errors import AccuracyTooLowError, DownloadError, TrainerError
from trainer.heartbeat import beat
from trainer.json_text import to_json_text
from trainer.published import published_from
from trainer.settings import Settings, read_settings
from trainer.strokes import Drawing, Strokes, read_strokes, split_by_writer
from trainer.uci import find_strokes

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
TERMINATED = 143  # likewise for one that was told to stop, as `docker stop` does


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one training; return the process's exit status."""
    settings = read_settings(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("trainer").setLevel(logging.INFO)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # below it are notes to TensorFlow's own developers
    signal.signal(signal.SIGTERM, on_terminate)
    beat()
    try:
        return train(settings)
    except DownloadError as error:
        print(f"cnn_mnist.py: {error}", file=sys.stderr)
        return 0 if settings.unattended else 1
    except TrainerError as error:
        print(f"cnn_mnist.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cnn_mnist.py: interrupted; nothing is published", file=sys.stderr)
        return INTERRUPTED


def on_terminate(_signal: int, _frame: FrameType | None) -> None:
    """Stop at once; as the first process of a container Python would not hear the signal otherwise."""
    print("cnn_mnist.py: told to stop; what was published before stays", file=sys.stderr)
    sys.exit(TERMINATED)


def train(settings: Settings) -> int:
    """Train as `settings` say and publish, unless a person stopped it or the model is not good enough.

    Return the process's exit status. Raises TrainerError with the sentence for the person who started it.
    """
    paths = find_csvs(settings.data_dir) or fetch_csvs(settings.data_dir)
    train_digits, test_digits = read_digits(paths["train"]), read_digits(paths["test"])
    data = {"train": train_digits.source, "test": test_digits.source}
    strokes: Strokes | None = None
    drawings: list[Drawing] = []
    if stroke_file := stroke_file_of(settings):
        strokes, drawings, data["strokes"] = read_strokes(stroke_file)
    recipe = {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "validation_share": settings.validation_share,
    }
    if settings.unattended and (version := published_from(settings.shared_dir, recipe, data)):
        print(f"version {version} is published and was trained on this data with these options: nothing to do")
        return 0
    train_part, validation_part = split(train_digits, settings.validation_share, settings.seed)
    unseen_writers = None
    if strokes is not None:
        strokes, drawings, unseen_writers = split_by_writer(strokes, drawings, settings.validation_share, settings.seed)

    # Only now: TensorFlow takes seconds to start, and what is wrong with the data should be said at once.
    from trainer.evaluation import evaluate, evaluate_drawn, summary
    from trainer.network import build_cnn
    from trainer.pictures import draw_pictures
    from trainer.progress import Progress
    from trainer.publishing import check_writable, publish
    from trainer.sources import gather
    from trainer.training import fit, make_reproducible

    check_writable(settings.shared_dir)
    progress = Progress(sys.stdout, settings.epochs)
    progress.say(f"{len(train_part.y)} digits to learn from, {len(test_digits)} to be examined on")
    if strokes is not None:
        progress.say(f"and {len(strokes)} drawings by {len(set(strokes.writers))} writers to learn from")
    make_reproducible(settings.seed)
    model = build_cnn()
    sources = gather(train_part, strokes, drawings, settings.seed)
    training = fit(model, sources, validation_part, settings.epochs, settings.batch_size, settings.seed, progress)
    if training.interrupted:
        progress.say(f"stopped after epoch {training.epochs_done} of {settings.epochs}; nothing is published")
        return INTERRUPTED

    report = evaluate(model, test_digits)
    if unseen_writers is not None:
        report["drawn"] = evaluate_drawn(model, unseen_writers, settings.seed)
    progress.say(summary(report))
    if report["accuracy"] < settings.min_accuracy:
        raise AccuracyTooLowError(
            f"{report['accuracy']:.2%} is below the {settings.min_accuracy:.2%} that may be published "
            "(--min-accuracy); what was published before stays: train longer, or lower the bar"
        )

    def write_extras(folder: Path) -> None:
        draw_pictures(folder, training.history, report, test_digits)
        (folder / "report.json").write_text(to_json_text(report), encoding="utf-8")
        (folder / "history.json").write_text(to_json_text(training.history), encoding="utf-8")
        (folder / "training.log").write_text("\n".join(progress.lines) + "\n", encoding="utf-8")

    facts = {
        "metrics": {name: report[name] for name in ("dataset", "n", "correct", "accuracy", "accuracy_ci95")},
        "training": {"rows": len(train_part.y), **recipe, "duration_s": round(training.duration_s, 1)},
        "data": data,
    }
    version = publish(model, training.lesson.is_digit, settings.shared_dir, test_digits, facts, write_extras)
    progress.say(f"published version {version} in {settings.shared_dir}")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
