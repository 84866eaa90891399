"""Which model is in service now: chosen at start, watched for, swapped between two requests."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from digit_ui.artefacts import ArtefactError, Candidate, TransientError, candidates
from digit_ui.classifier import Classifier
from digit_ui.conversion import converted, forget
from digit_ui.problems import Problem
from digit_ui.settings import Settings
from digit_ui.workers import InService, Workers

# What was refused for a reason that may pass, such as a full disk or too little memory, is tried again this often.
RETRY_S = 30

log = logging.getLogger(__name__)


@dataclass
class ModelInService:
    """Holds the model that answers; a request takes it once and keeps it to its end.

    workers: who is told what is in service; refusals: for each place whose model cannot be served, the sentence that
    says why.
    """

    settings: Settings
    workers: Workers = field(default_factory=Workers)
    refusals: dict[str, str] = field(default_factory=dict)
    _classifier: Classifier | None = None
    _since: float = 0.0
    _swaps: int = 0
    _refusals: int = 0
    _seen: list[tuple[object, ...]] | None = None
    _retry_at: float = float("inf")

    def get(self) -> Classifier:
        """Return the model in service. Raises Problem 503 while there is none."""
        if self._classifier is None:
            raise Problem(503, "no_model", self.why_none(), retry_after_s=2)
        return self._classifier

    @property
    def current(self) -> Classifier | None:
        """Give the model in service, if there is one."""
        return self._classifier

    def why_none(self) -> str:
        """Say why there is no model to answer with."""
        if self._seen is None:
            return "the model is being loaded; try again in a moment"
        if not self.refusals:
            place = self.settings.store_url or self.settings.shared_dir
            return (
                f"no model in {place}: train one, or put model.json and model.h5 there, "
                "or restore the folder pretrained/"
            )
        return "no model can be served: " + "; ".join(self.refusals.values())

    def refresh(self) -> None:
        """Look at the shared folder and load the best model there if anything has changed.

        The one in service stays on any failure.
        """
        present = list(candidates(self.settings.shared_dir, self.settings.pretrained_dir))
        seen = [candidate.signature() for candidate in present]
        if seen == self._seen and time.monotonic() < self._retry_at:
            return
        refusals: dict[str, str] = {}
        passing = False
        for candidate in present:
            try:
                self._serve(candidate)
                break
            except Exception as error:  # noqa: BLE001 # whatever one model stumbles over, the next must get its turn
                passing = passing or not isinstance(error, ArtefactError) or isinstance(error, TransientError)
                refusals[candidate.origin] = str(error) or type(error).__name__
                self._refusals += 1
                log.error("the %s is refused: %s", candidate.origin, error)
                if self._classifier is not None:
                    break  # what serves goes on serving; only a start looks further down the list
        self.refusals = refusals
        self._seen = seen
        self._retry_at = time.monotonic() + RETRY_S if passing else float("inf")
        self._tell()

    def watch(self, after: Callable[[], None] | None = None) -> threading.Thread:
        """Refresh now and then again every poll interval, in a thread that ends with the process.

        after: returns when there is something to look at.
        """
        thread = threading.Thread(target=self._watch, args=(after,), name="model-watcher", daemon=True)
        thread.start()
        return thread

    def _watch(self, after: Callable[[], None] | None) -> None:
        if after is not None:
            after()
        pause = threading.Event()
        while True:
            try:
                self.refresh()
            except Exception:
                log.exception("the shared folder could not be looked at; what is in service stays")
            pause.wait(self.settings.poll_interval_s)

    def _tell(self) -> None:
        model = self._classifier
        self.workers.tell(
            InService(
                model_version=None if model is None else model.version,
                model_origin=None if model is None else model.origin,
                lacking=self.why_none() if model is None else None,
                refused=list(self.refusals.values()),
                since=self._since,
                swaps=self._swaps,
                refusals=self._refusals,
            )
        )

    def _serve(self, candidate: Candidate) -> None:
        artefact = candidate.read()
        if self._classifier is not None and self._classifier.artefact == artefact:
            return
        folder = converted(artefact, self.settings.cache_dir)
        try:
            classifier = Classifier(artefact, folder)
        except ArtefactError:
            forget(folder)
            raise
        self._swaps += self._classifier is not None
        self._since = time.time()
        self._classifier = classifier  # one assignment: a request sees the old one or the new one
        log.info("serving %s, version %s", candidate.origin, artefact.version)
