"""Train a CNN on handwritten digits and publish it: load, normalise, build, fit, evaluate, publish.

99.50 % of the 10,000 MNIST test digits (95 % interval 99.34 to 99.62 %) for the model in shared/pretrained, and 99.32 %
of what writers draw whom the network has not seen, in 19 min 47 s on 2 busy cores (benchmarks/README.md).

With --watch or --retrain the model in service learns from people's feedback (trainer/retraining.py); --rollback puts an
earlier one into service again.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from trainer.attempts import note
from trainer.cores import divide_cores
from trainer.dataset import Digits, find_csvs, read_digits, split
from trainer.download import fetch_csvs
from trainer.errors import AccuracyTooLowError, DownloadError, TrainerError
from trainer.feedback_store import FeedbackStore
from trainer.heartbeat import beat
from trainer.job import only_training
from trainer.published import published_from
from trainer.settings import MAX_SEED, PROJECT_SHARED_DIR, Settings, read_settings
from trainer.status import JobStatus
from trainer.store_mark import begin_copy
from trainer.store_news import news_brought
from trainer.strokes import Drawing, Strokes, read_strokes, split_by_writer
from trainer.uci import find_strokes
from trainer.versions import only_publisher, roll_back
from trainer.watching import REFUSED_STATUS, watch

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
TERMINATED = 143  # likewise for one that was told to stop, as `docker stop` does


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the process's exit status."""
    return run(read_settings(arguments))


def run_alone(settings: Settings) -> None:
    """Be the process in which a watcher's training runs."""
    sys.exit(run(settings))


def run(settings: Settings) -> int:
    """Do what the settings ask for; say what went wrong in one sentence, and return the process's exit status."""
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("trainer").setLevel(logging.INFO)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # below it are notes to TensorFlow's own developers
    divide_cores()
    signal.signal(signal.SIGTERM, on_terminate)
    beat()
    try:
        if settings.store is not None:
            begin_copy(settings.shared_dir, settings.store, PROJECT_SHARED_DIR / "pretrained")
        if settings.watch:
            watch(settings, run_alone)
        elif settings.roll_back:
            version, changed = roll_back(settings.shared_dir, settings.roll_back_to)
            print(f"version {version} {'is in service now' if changed else 'is in service already'}")
        else:
            return work(settings)
        return 0
    except DownloadError as error:
        print(f"cnn_mnist.py: {error}", file=sys.stderr)
        return 0 if settings.unattended and not settings.retrain else 1
    except TrainerError as error:
        print(f"cnn_mnist.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cnn_mnist.py: interrupted; nothing is published", file=sys.stderr)
        return INTERRUPTED


def work(settings: Settings) -> int:
    """Train, or retrain, as the only one in the folder; return the process's exit status.

    How it ends is told in `training/status.json`, too. Raises TrainerError.
    """
    with only_training(settings.shared_dir), news_brought(settings.shared_dir):
        status = JobStatus(settings.shared_dir, "retraining" if settings.retrain else "training")
        with status.told_at_the_end():
            if settings.store is not None:
                with only_publisher(settings.shared_dir):
                    pass  # the copy is what the store is, before it is asked what serves
            return retrain(settings, status) if settings.retrain else train(settings, status)


def on_terminate(_signal: int, _frame: FrameType | None) -> None:
    """Stop at once; as the first process of a container Python would not hear the signal otherwise."""
    print("cnn_mnist.py: told to stop; what was published before stays", file=sys.stderr)
    sys.exit(TERMINATED)


def train(settings: Settings, status: JobStatus) -> int:
    """Train as `settings` say and publish, unless a person stopped it or the model is not good enough.

    Return the process's exit status. Raises TrainerError with the sentence for the person who started it.
    """
    train_digits, test_digits, strokes, drawings, data = read_data(settings)
    recipe = {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "validation_share": settings.validation_share,
        "quick": settings.quick,
    }
    if settings.unattended and (version := published_from(settings.shared_dir, recipe, data)):
        print(f"version {version} serves, and the newest training had this data and these options: nothing to do")
        return 0
    train_part, validation_part = split(train_digits, settings.validation_share, settings.seed)
    unseen_writers = None
    if strokes is not None:
        strokes, drawings, unseen_writers = split_by_writer(strokes, drawings, settings.validation_share, settings.seed)

    # Only now: TensorFlow takes seconds to start, and what is wrong with the data should be said at once.
    from trainer.dataset import normalise
    from trainer.evaluation import draw_once, evaluate, evaluate_drawn, metrics, predict, summary
    from trainer.lesson import Lesson
    from trainer.network import build_cnn
    from trainer.progress import Progress
    from trainer.publishing import check_writable, publish
    from trainer.record import write_record
    from trainer.sources import QUICK, THOROUGH, gather
    from trainer.training import PEAK_LEARNING_RATE, QUICK_PEAK_LEARNING_RATE, Recipe, fit, make_reproducible

    status.enters("learning")
    check_writable(settings.shared_dir)
    progress = Progress(sys.stdout, settings.epochs, status)
    progress.say(f"{len(train_part.y)} digits to learn from, {len(test_digits)} to be examined on")
    if strokes is not None:
        progress.say(f"and {len(strokes)} drawings by {len(set(strokes.writers))} writers to learn from")
    make_reproducible(settings.seed)
    model = build_cnn()
    sources = gather(train_part, strokes, drawings, settings.seed, QUICK if settings.quick else THOROUGH)
    lesson = Lesson(model, settings.seed)
    rate = QUICK_PEAK_LEARNING_RATE if settings.quick else PEAK_LEARNING_RATE
    how = Recipe(settings.epochs, settings.batch_size, settings.seed, peak_learning_rate=rate)
    training = fit(lesson, sources, validation_part, how, progress)
    if training.interrupted:
        status.ends("stopped")
        progress.say(f"stopped after epoch {training.epochs_done} of {settings.epochs}; nothing is published")
        return INTERRUPTED

    status.enters("examining")
    report = evaluate(predict(model, normalise(test_digits.pixels)), test_digits)
    if unseen_writers is not None:
        report["drawn"] = evaluate_drawn(predict(model, draw_once(unseen_writers, settings.seed)), unseen_writers)
    progress.say(summary(report))
    if report["accuracy"] < settings.min_accuracy:
        raise AccuracyTooLowError(
            f"{report['accuracy']:.2%} is below the {settings.min_accuracy:.2%} that may be published "
            "(--min-accuracy); what was published before stays: train longer, or lower the bar"
        )

    def write_extras(folder: Path) -> None:
        write_record(folder, training.history, report, test_digits, progress.lines)

    facts = {
        "metrics": metrics(report),
        "training": {"rows": len(train_part.y), **recipe, "duration_s": round(training.duration_s, 1)},
        "data": data,
    }
    status.enters("publishing")
    version = publish(model, lesson.is_digit, settings.shared_dir, test_digits, facts, write_extras)
    progress.say(f"published version {version} in {settings.store or settings.shared_dir}")
    status.ends("served", version)
    return 0


def retrain(settings: Settings, status: JobStatus) -> int:
    """Teach the model in service what the feedback store holds; return the process's exit status.

    Raises TrainerError with the sentence for the person who started it.
    """
    status.enters("reading")
    contents = FeedbackStore(settings.feedback).read()
    if not contents.drawings:
        note(settings.shared_dir, through=contents.through, actions_through=contents.actions_through)
        return end(status, "nothing", None, "the feedback store holds no drawing yet")
    train_digits, test_digits, strokes, drawings, data = read_data(settings)

    from trainer import retraining  # only now, as above

    taught = retraining.Taught(train_digits, test_digits, strokes, drawings, data)
    # Another seed for more feedback: others are held out then. The same for the same: so it can be done again.
    seed = (settings.seed + contents.through) % MAX_SEED
    outcome = retraining.retrain(contents, taught, settings.shared_dir, seed, settings.min_accuracy, status)
    return end(status, outcome.verdict, outcome.version, outcome.reason)


def end(status: JobStatus, verdict: str, version: str | None, reason: str | None) -> int:
    """Say how a retraining ended; return the process's exit status."""
    status.ends(verdict, version, reason)
    what = {"served": "is in service now", "refused": "is refused"}.get(verdict, verdict)
    line = ": ".join(filter(None, [f"version {version} {what}" if version else what, reason]))
    print(line, file=sys.stderr if verdict == "refused" else sys.stdout, flush=True)
    return {"refused": REFUSED_STATUS, "stopped": INTERRUPTED}.get(verdict, 0)


def read_data(
    settings: Settings,
) -> tuple[Digits, Digits, Strokes | None, list[Drawing], dict[str, dict[str, object]]]:
    """Read the digits to learn from and to be examined on, the strokes in both forms, and what the files are."""
    paths = find_csvs(settings.data_dir) or fetch_csvs(settings.data_dir)
    train_digits, test_digits = read_digits(paths["train"]), read_digits(paths["test"])
    data = {"train": train_digits.source, "test": test_digits.source}
    strokes: Strokes | None = None
    drawings: list[Drawing] = []
    if stroke_file := stroke_file_of(settings):
        strokes, drawings, data["strokes"] = read_strokes(stroke_file)
    return train_digits, test_digits, strokes, drawings, data


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
