"""How far the feedback has been looked at, so that a crash or a restart neither forgets a label nor repeats a training.

Manifests say it, which appear in one moment with their versions; `attempt.json` says it where no version came out.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.disk import replace
from trainer.errors import PublishError
from trainer.json_text import to_json_text
from trainer.status import told
from trainer.versions import Manifest, in_service, manifests

FILE = "attempt.json"


@dataclass(frozen=True)
class Attempt:
    """The last look at the feedback.

    parent: the version in service then; through, actions_through: the highest numbers of drawings and of actions that
    were looked at; requests_through: the last request that was dealt with.
    """

    parent: str | None = None
    through: int = 0
    actions_through: int = 0
    requests_through: int = 0


def last_attempt(shared_dir: Path) -> Attempt:
    """Put together what the file and the manifests say."""
    noted = _noted(shared_dir)
    every = manifests(shared_dir)
    looked = [manifest["feedback"] for manifest in every if isinstance(manifest.get("feedback"), dict)]
    through = max([noted.through, *(_number(feedback, "through") for feedback in looked)])
    actions_through = max([noted.actions_through, *(_number(feedback, "actions_through") for feedback in looked)])
    now = in_service(shared_dir)
    parent = None if now is None else str(now[0]["version"])
    if now is not None and _is_new_base(now[0], every, noted):
        through = actions_through = 0
    return Attempt(parent, through, actions_through, max(noted.requests_through, actions_through))


def note(shared_dir: Path, attempt: Attempt) -> None:
    """Write down an attempt. Raises PublishError if that cannot be done."""
    try:
        (shared_dir / "training").mkdir(parents=True, exist_ok=True)
        replace(shared_dir / "training" / FILE, to_json_text(asdict(attempt)).encode())
    except OSError as error:
        raise PublishError(f"{shared_dir / 'training' / FILE}: cannot be written ({error.strerror})") from error


def _noted(shared_dir: Path) -> Attempt:
    facts = told(shared_dir, FILE)
    parent = facts.get("parent")
    return Attempt(
        parent if isinstance(parent, str) else None,
        *(_number(facts, name) for name in ("through", "actions_through", "requests_through")),
    )


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
