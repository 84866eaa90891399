"""What is counted and timed, for Prometheus; digit_ui.scraping shows it.

Under gunicorn each worker counts in files of its own, which prometheus_client keeps in PROMETHEUS_MULTIPROC_DIR. They
are named by the worker's place rather than by its process: the next one in that place counts on.
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
from flask import Flask, Response, current_app, g, has_app_context, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.context_managers import Timer

STAGES = ("parse", "decode", "preprocess", "model")
STAGE_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
REQUEST_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIDENCE_BUCKETS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
# For whatever a client may invent: a label's values must be few.
OTHER = "other"
UNCOUNTED = "scraping.metrics"

Given = ParamSpec("Given")
Result = TypeVar("Result")


def count_at(place: int) -> None:
    """Have all that this process counts from now on kept under the place of its worker."""
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call] # the library's own


def stage(name: str) -> AbstractContextManager[object]:
    """Time one of STAGES for the application at work, if there is one."""
    if not has_app_context():
        return nullcontext()
    metrics: Metrics = current_app.extensions["metrics"]
    return metrics.stage(name)


def timed(name: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Time every call of a function as one of STAGES."""

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def call(*given: Given.args, **named: Given.kwargs) -> Result:
            with stage(name):
                return function(*given, **named)

        return call

    return decorate


class Metrics:
    """The counters of one application. registry: None where workers count in files.

    seen_at: tells when the request that is being answered was seen to be here (`time.perf_counter`); in_line: how many
    are here and wait for the one thread that answers them all. A server that knows sets both.
    """

    def __init__(self) -> None:
        self.seen_at: Callable[[], float] = time.perf_counter
        self.in_line: Callable[[], int] = lambda: 0
        shares_files = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self.registry = None if shares_files else CollectorRegistry()
        self._requests = Counter(
            "digits_http_requests", "Requests.", ["endpoint", "method", "status"], registry=self.registry
        )
        self._request_durations = Histogram(
            "digits_http_request_duration_seconds",
            "From when the request is here to the answer's head, the wait for a thread and for a turn included.",
            ["endpoint"],
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        durations = Histogram(
            "digits_stage_duration_seconds",
            "What reading a drawing takes: its fields, its ink, the network's input, the network.",
            ["stage"],
            buckets=STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._stages = {stage: durations.labels(stage) for stage in STAGES}
        answers = Counter(
            "digits_answers", "Drawings read, by the answer.", ["digit", "is_digit"], registry=self.registry
        )
        self._answers = {
            (digit, is_digit): answers.labels(str(digit), str(is_digit).lower())
            for digit in range(10)
            for is_digit in (True, False)
        }
        self._confidence = Histogram(
            "digits_answer_confidence",
            "The probability of the digit that was answered.",
            buckets=CONFIDENCE_BUCKETS,
            registry=self.registry,
        )
        feedback = Counter(
            "digits_feedback", "Drawings that were labelled, by what was answered.", ["answer"], registry=self.registry
        )
        self._feedback = {answer: feedback.labels(answer) for answer in ("right", "wrong", "unknown")}
        self._problems = Counter(
            "digits_problems", "Requests that ended with a problem.", ["code", "status"], registry=self.registry
        )
        self._working = Gauge(
            "digits_drawings_working",
            "Drawings that are being read.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._waiting = Gauge(
            "digits_drawings_waiting",
            "Drawings that wait for their turn, and requests in line for the thread that answers most.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def stage(self, name: str) -> Timer:
        """Time one of STAGES."""
        return self._stages[name].time()

    def answered(self, digits: list[int], is_digit: list[bool], confidences: np.ndarray) -> None:
        """Count what was answered for n drawings; confidences: float (n,)."""
        for digit, is_one, confidence in zip(digits, is_digit, confidences.tolist(), strict=True):
            self._answers[digit, is_one].inc()
            self._confidence.observe(confidence)

    def labelled(self, label: int, digit: int | None) -> None:
        """Count a drawing whose author meant `label` and was answered `digit`, where that is known."""
        self._feedback["unknown" if digit is None else "right" if digit == label else "wrong"].inc()

    def problem(self, code: str, status: int) -> None:
        """Count a request that could not be answered."""
        self._problems.labels(code, str(status)).inc()

    def turns(self, working: int, waiting: int) -> None:
        """Note how many drawings are being read, and how many wait."""
        self._working.set(working)
        self._waiting.set(waiting + self.in_line())

    def init_app(self, app: Flask) -> None:
        """Count and time every request of `app` but those for the metrics."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def _begin(self) -> None:
        g.began = self.seen_at()

    def _end(self, response: Response) -> Response:
        if request.endpoint != UNCOUNTED:
            endpoint = OTHER if request.url_rule is None else request.url_rule.rule
            method = request.method if request.method in METHODS else OTHER
            self._requests.labels(endpoint, method, str(response.status_code)).inc()
            self._request_durations.labels(endpoint).observe(time.perf_counter() - g.began)
        return response
