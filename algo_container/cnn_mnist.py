"""Train a CNN on handwritten digits and publish it: load, normalise, build, fit, evaluate, publish.

99.50 % of the 10,000 MNIST test digits (95 % interval 99.34 to 99.62 %) for the model in shared/pretrained, and 99.32 %
of what writers draw whom the network has not seen, in 19 min 47 s on 2 busy cores (benchmarks/README.md).

With TF_CONFIG set it is one of several workers that train together (trainer/together.py). With --watch or --retrain
the model in service learns from people's feedback (trainer/retraining.py); --rollback puts an earlier one into service
again.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from trainer.attempts import note
from trainer.checkpoint import Checkpoint, path_in, spent
from trainer.cluster import Cluster, read_cluster
from trainer.cores import divide_cores
from trainer.errors import AccuracyTooLowError, ClusterError, DownloadError, PeerLostError, TrainerError
from trainer.feedback_store import FeedbackStore
from trainer.heartbeat import beat
from trainer.job import only_training
from trainer.lasting import lasting
from trainer.material import REPLAYED_ROWS, Material, read_data, read_material
from trainer.published import published_from
from trainer.rejoining import rejoin
from trainer.settings import MAX_SEED, PROJECT_SHARED_DIR, Settings, read_settings
from trainer.shards import Shards
from trainer.status import JobStatus
from trainer.store_mark import begin_copy
from trainer.store_news import news_brought
from trainer.versions import only_publisher, roll_back
from trainer.watching import REFUSED_STATUS, watch

if TYPE_CHECKING:  # they take TensorFlow along, which takes seconds to start
    from trainer.lesson import Lesson
    from trainer.progress import Progress
    from trainer.team import Team
    from trainer.training import Training

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
    signal.signal(signal.SIGTERM, on_terminate)
    beat()
    started = time.monotonic()
    try:
        cluster = read_cluster(os.environ)
        divide_cores(1 if cluster is None else cluster.on_this_host())
        if (store := settings.store) is not None:
            settings = with_changes(settings, shared_dir=own_copy(settings.shared_dir, cluster))
            begin_copy(settings.shared_dir, store, PROJECT_SHARED_DIR / "pretrained")
        if cluster is not None:
            return work_together(settings, cluster, started)
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


def work_together(settings: Settings, cluster: Cluster, started: float) -> int:
    """Train as one worker of a cluster, of which the chief alone holds the folder; return the process's exit status.

    started: when this process began, by the monotonic clock. Raises TrainerError.
    """
    if settings.watch or settings.retrain or settings.roll_back:
        raise ClusterError(
            "TF_CONFIG is set, and several workers can only train from scratch; unset it to watch, retrain or roll back"
        )
    print(f"{cluster.name}, {'the chief' if cluster.is_chief else f'the chief is {cluster.addresses[0]}'}", flush=True)
    if settings.store is not None and settings.unattended:
        with only_publisher(settings.shared_dir, store_may_be_away=True):
            pass  # each finds by the same store whether there is anything to do: who does would wait for the others
    try:
        if not cluster.is_chief:
            return train(settings, JobStatus(None, "training"), cluster)
        with only_training(settings.shared_dir), news_brought(settings.shared_dir):
            status = JobStatus(settings.shared_dir, "training")
            with status.told_at_the_end():
                return train(settings, status, cluster)
    except PeerLostError as lost:
        rejoin(lost, started)


def own_copy(copy: Path, cluster: Cluster | None) -> Path:
    """Give each worker a copy of the store of its own: others may be on this machine, too."""
    return copy if cluster is None or cluster.is_chief else copy.with_name(f"{copy.name}-{cluster.index}")


def on_terminate(_signal: int, _frame: FrameType | None) -> None:
    """Stop at once; as the first process of a container Python would not hear the signal otherwise."""
    print("cnn_mnist.py: told to stop; what was published before stays", file=sys.stderr)
    sys.exit(TERMINATED)


def train(settings: Settings, status: JobStatus, cluster: Cluster | None = None) -> int:
    """Train as `settings` say and publish, unless a person stopped it or the model is not good enough.

    cluster: the workers to train with. Return the process's exit status. Raises TrainerError with the sentence for the
    person who started it.
    """
    material = read_material(settings)
    recipe = {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "validation_share": settings.validation_share,
        "quick": settings.quick,
    }
    if settings.unattended and (version := published_from(settings.shared_dir, recipe, material.data)):
        print(f"version {version} serves, and the newest training had this data and these options: nothing to do")
        return 0

    # Only now: TensorFlow takes seconds to start, and what is wrong with the data should be said at once.
    with lasting():
        from trainer.progress import Progress
        from trainer.publishing import check_writable

    status.enters("learning")
    if cluster is None or cluster.is_chief:
        goes_on = cluster is not None and path_in(settings.shared_dir).exists()
        check_writable(settings.shared_dir, store_may_be_away=goes_on)
    progress = Progress(sys.stdout, settings.epochs, status)
    progress.say(f"{material.rows} digits to learn from, {len(material.test)} to be examined on")
    if material.strokes is not None:
        writers = len(set(material.strokes.writers))
        progress.say(f"and {len(material.strokes)} drawings by {writers} writers to learn from")
    lesson, training, together = learn(settings, recipe, material, cluster, progress)
    if training.interrupted:
        status.ends("stopped")
        progress.say(f"stopped after epoch {training.epochs_done} of {settings.epochs}; nothing is published")
        return INTERRUPTED
    if together is None:
        examine_and_publish(settings, recipe, material, (lesson, training), progress, status)
        return 0
    team, checkpoint = together
    if not team.cluster.is_chief:
        return team.hear()
    with team.telling(), spent(checkpoint):
        examine_and_publish(settings, recipe, material, (lesson, training), progress, status)
    return 0


def learn(
    settings: Settings, recipe: Mapping[str, object], material: Material, cluster: Cluster | None, progress: "Progress"
) -> "tuple[Lesson, Training, tuple[Team, Checkpoint] | None]":
    """Build the network and fit it, alone or with other workers, who are given back, with what they have kept.

    Raises TrainerError.
    """
    from trainer.lesson import Lesson
    from trainer.network import build_cnn
    from trainer.sources import QUICK, THOROUGH, gather
    from trainer.team import Team
    from trainer.together import fit_together, steps_an_epoch
    from trainer.training import PEAK_LEARNING_RATE, QUICK_PEAK_LEARNING_RATE, Recipe, fit, make_reproducible

    team = None
    if cluster is not None:
        material, team = material.share(cluster), Team(cluster)
    make_reproducible(settings.seed)
    model = build_cnn()
    seed = settings.seed if cluster is None else cluster.own_seed(settings.seed)
    mixture = QUICK if settings.quick else THOROUGH
    sources = gather(material.train, material.strokes, material.drawings, seed, mixture)
    lesson = Lesson(model, seed)
    rate = QUICK_PEAK_LEARNING_RATE if settings.quick else PEAK_LEARNING_RATE
    how = Recipe(settings.epochs, settings.batch_size, settings.seed, peak_learning_rate=rate)
    if team is None:
        return lesson, fit(lesson, sources, material.validation, how, progress), None
    how = with_changes(how, steps=steps_an_epoch(team.cluster, sources, material.rows, settings.batch_size))
    digests = {part: facts["sha256"] for part, facts in material.data.items()}
    checkpoint = keep(settings, {**recipe, "steps": how.steps, "data": digests}, team, progress)
    with checkpoint.kept():
        training = fit_together(team, lesson, sources, material.validation, how, progress, checkpoint)
    return lesson, training, (team, checkpoint)


def keep(settings: Settings, plan: Mapping[str, object], team: "Team", progress: "Progress") -> Checkpoint:
    """Give the place where the chief keeps how far the workers have come: a folder, or an object store and its copy."""
    if settings.store is None or not team.cluster.is_chief:
        return Checkpoint(settings.shared_dir, plan)
    from trainer.checkpoint_copy import CheckpointCopy
    from trainer.object_store import open_store
    from trainer.stored_checkpoint import StoredCheckpoint

    stored = StoredCheckpoint(open_store(settings.store), plan)
    return CheckpointCopy(settings.shared_dir, plan, stored, progress.say)


def examine_and_publish(
    settings: Settings,
    recipe: Mapping[str, object],
    material: Material,
    learned: "tuple[Lesson, Training]",
    progress: "Progress",
    status: JobStatus,
) -> None:
    """Examine the network on what it has not learned from, and publish it. Raises TrainerError."""
    from trainer.dataset import normalise
    from trainer.evaluation import draw_once, evaluate, evaluate_drawn, metrics, predict, summary
    from trainer.publishing import publish
    from trainer.record import write_record

    lesson, training = learned
    status.enters("examining")
    report = evaluate(predict(lesson.network, normalise(material.test.pixels)), material.test)
    if material.unseen_writers is not None:
        drawn = draw_once(material.unseen_writers, settings.seed)
        report["drawn"] = evaluate_drawn(predict(lesson.network, drawn), material.unseen_writers)
    progress.say(summary(report))
    if report["accuracy"] < settings.min_accuracy:
        raise AccuracyTooLowError(
            f"{report['accuracy']:.2%} is below the {settings.min_accuracy:.2%} that may be published "
            "(--min-accuracy); what was published before stays: train longer, or lower the bar"
        )

    def write_extras(folder: Path) -> None:
        write_record(folder, training.history, report, material.test, progress.lines)

    facts = {
        "metrics": metrics(report),
        "training": {"rows": material.rows, **recipe, "duration_s": round(training.duration_s, 1)},
        "data": material.data,
    }
    status.enters("publishing")
    version = publish(lesson.network, lesson.is_digit, settings.shared_dir, material.test, facts, write_extras)
    progress.say(f"published version {version} in {settings.store or settings.shared_dir}")
    status.ends("served", version)


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
    if isinstance(train_digits, Shards):
        train_digits = train_digits.sample(REPLAYED_ROWS)

    with lasting():
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


if __name__ == "__main__":
    sys.exit(main())
