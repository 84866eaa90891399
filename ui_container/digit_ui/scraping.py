"""GET /metrics: what is counted, and what is known of the model in service, as Prometheus reads it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from digit_ui.api import HEALTH, ApiBlueprint, contents
from digit_ui.metrics import Metrics
from digit_ui.store_watch import StoreWatch
from digit_ui.versions import Version, Versions
from digit_ui.workers import Workers

bp = ApiBlueprint("scraping", __name__, HEALTH)


@bp.get("/metrics", responses={200: contents("text/plain")})
def metrics() -> Response:
    """Give what all workers have counted since the server started, in Prometheus' text format."""
    counted: Metrics = current_app.extensions["metrics"]
    registry = CollectorRegistry()
    if counted.registry is None:
        registry.register(AllWorkers(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    else:
        registry.register(counted.registry)
    registry.register(ModelCollector(current_app.extensions["workers"], current_app.extensions["versions"]))
    if (store_watch := current_app.extensions["store_watch"]) is not None:
        registry.register(StoreCollector(store_watch))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class AllWorkers(Collector):
    """Adds up what the workers count in their files, as the library's own does, which fails on an empty one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Give the families of metrics."""
        files = [str(path) for path in self._folder.glob("*.db") if self._is_begun(path)]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call] # the library's own

    @staticmethod
    def _is_begun(path: Path) -> bool:
        """Tell whether there is something in a file: a worker makes it, and a moment later its first lines."""
        try:
            return path.stat().st_size > 0
        except FileNotFoundError:  # of a worker that has ended just now
            return False


class ModelCollector(Collector):
    """Knows the model in service by what the workers say, and by what its trainer left with it."""

    def __init__(self, workers: Workers, versions: Versions) -> None:
        self._workers = workers
        self._versions = versions

    def collect(self) -> Iterator[Metric]:
        """Give the families of metrics."""
        words = self._workers.words()
        said = [word for word in words if word is not None]
        yield GaugeMetricFamily("digits_workers", "Worker processes there are to be.", value=len(words))
        # Each worker counts them, and all see the same models.
        swaps, refused = (max((getattr(word, name) for word in said), default=0) for name in ("swaps", "refusals"))
        yield CounterMetricFamily("digits_model_swaps", "Models that came after the first one.", value=swaps)
        yield CounterMetricFamily("digits_models_refused", "Models that could not be served.", value=refused)
        info = GaugeMetricFamily("digits_model_info", "Workers that serve it.", labels=["version", "origin"])
        age = GaugeMetricFamily("digits_model_age_seconds", "Since it was published.", labels=["version"])
        served = GaugeMetricFamily("digits_model_service_seconds", "Since it was put into service.", labels=["version"])
        expected = GaugeMetricFamily(
            "digits_expected_answer_ratio", "Share of each digit in its test set.", labels=["version", "digit"]
        )
        for word in {word.model_version: word for word in said}.values():
            if word.model_version is None:
                continue
            serving = sum(other.model_version == word.model_version for other in said)
            version = self._versions.find(word.model_version)
            created_at = word.since if version is None else version.manifest.created_at.timestamp()
            info.add_metric([word.model_version, word.model_origin or ""], serving)
            age.add_metric([word.model_version], time.time() - created_at)
            served.add_metric([word.model_version], time.time() - word.since)
            for digit, share in enumerate(_test_shares(version)):
                expected.add_metric([word.model_version, str(digit)], share)
        yield from (info, age, served, expected)


class StoreCollector(Collector):
    """Knows how it stands with the object store."""

    def __init__(self, watch: StoreWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """Give the families of metrics."""
        state = self._watch.state()
        yield GaugeMetricFamily("digits_object_store_up", "Whether it answered last.", value=float(state.reached))
        if state.reached_at:
            silence_s = time.time() - state.reached_at
            yield GaugeMetricFamily("digits_object_store_silence_seconds", "Since it last answered.", value=silence_s)
        yield GaugeMetricFamily(
            "digits_object_store_faulty", "Whether it holds what is not whole.", value=float(state.is_faulty)
        )


def _test_shares(version: Version | None) -> list[float]:
    """Give the share of each digit in the test set; a tenth where nobody knows."""
    report = None if version is None else version.read("report.json")
    try:
        counts = {entry["digit"]: int(entry["n"]) for entry in (report or {})["digits"]}
        return [counts[digit] / sum(counts.values()) for digit in range(10)]
    except (LookupError, TypeError, ValueError, ZeroDivisionError):
        return [0.1] * 10
