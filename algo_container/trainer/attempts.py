"""How far the feedback has been looked at, so that a crash or a restart neither forgets a label nor repeats a training.

Manifests say it, which appear in one moment with their versions; `attempt.json` says it where no version came out.
"""

from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from trainer.disk import locked, replace
from trainer.errors import PublishError
from trainer.json_text import to_json_text
from trainer.status import told
from trainer.versions import Manifest, in_service, manifests

FILE = "attempt.json"


@dataclass(frozen=True)
class Attempt:
    """The last look at the feedback.

    parent: the version in service then; through, actions_through: the highest numbers of drawings and of actions that
    were looked at; retrains_through, rollbacks_through: the last requests that were dealt with.
    """

    parent: str | None = None
    through: int = 0
    actions_through: int = 0
    retrains_through: int = 0
    rollbacks_through: int = 0


def last_attempt(shared_dir: Path) -> Attempt:
    """Put together what the file and the manifests say."""
    noted = _noted(shared_dir)
    every = manifests(shared_dir)
    looked = [manifest["feedback"] for manifest in every if isinstance(manifest.get("feedback"), dict)]
    through = max([noted.through, *(_number(feedback, "through") for feedback in looked)])
    actions_through = max([noted.actions_through, *(_number(feedback, "actions_through") for feedback in looked)])
    # Without the file it is not known which rollbacks were done; old ones must not come again.
    is_noted = (shared_dir / "training" / FILE).exists()
    attempt = Attempt(
        noted.parent,
        through,
        actions_through,
        max(noted.retrains_through, actions_through),
        noted.rollbacks_through if is_noted else actions_through,
    )
    now = in_service(shared_dir)
    if now is not None and _is_new_base(now[0], every, noted):
        return with_changes(attempt, through=0, actions_through=0)
    return attempt


def note(shared_dir: Path, **changes: object) -> None:
    """Write down what was looked at or dealt with; numbers only rise. Raises PublishError if that cannot be done."""
    try:
        with locked(shared_dir / "training" / ".attempt.lock"):  # the watcher and a training both write it
            before = asdict(
                _noted(shared_dir) if (shared_dir / "training" / FILE).exists() else last_attempt(shared_dir)
            )
            for name, value in changes.items():
                before[name] = max(before[name], value) if isinstance(value, int) else value
            replace(shared_dir / "training" / FILE, to_json_text(before).encode())
    except OSError as error:
        raise PublishError(
            f"{shared_dir / 'training' / FILE}: cannot be written ({error.strerror}); make room or mend its permissions"
        ) from error


def _noted(shared_dir: Path) -> Attempt:
    facts = told(shared_dir, FILE)
    parent = facts.get("parent")
    numbers = ("through", "actions_through", "retrains_through", "rollbacks_through")
    return Attempt(parent if isinstance(parent, str) else None, *(_number(facts, name) for name in numbers))


def _number(facts: dict[str, Any], name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) else 0


def _is_new_base(now: Manifest, every: list[Manifest], noted: Attempt) -> bool:
    """Tell whether the model in service was trained from scratch since: then all feedback is new to it.

    Not where somebody went back to it; what it was left for would only come again.
    """
    parents = {manifest.get("parent") for manifest in every} | {noted.parent}
    newest = max((manifest["version"] for manifest in every), default=None)
    return "feedback" not in now and now["version"] == newest and now["version"] not in parents
