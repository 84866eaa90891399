"""What each worker of this server has in service. Without gunicorn this process is the only one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from digit_ui.board import Board


class InService(BaseModel):
    """What a worker says of its model; `lacking` says why there is none, `refused` what it would not serve and why.

    since: when the model was put into service, in seconds since 1970; swaps: how many models came after the first one;
    refusals: how often one was refused.
    """

    model_version: str | None = None
    model_origin: str | None = None
    lacking: str | None = None
    refused: list[str] = []
    since: float = 0.0
    swaps: int = 0
    refusals: int = 0


@dataclass
class Workers:
    """One worker, and through `board`, where there is one, all of them. place: this one's on the board."""

    board: Board | None = None
    place: int = 1
    _own: InService | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Workers":
        """Read what gunicorn.conf.py has written there."""
        if "WORKERS_DIR" not in environment:
            return cls()
        return cls(Board(Path(environment["WORKERS_DIR"])), int(environment["WORKER_PLACE"]))

    def tell(self, word: InService) -> None:
        """Tell all what this worker has in service, if it is not what it last said."""
        if word == self._own:
            return
        if self.board is not None:
            self.board.tell(self.place, word.model_dump_json())
        self._own = word

    def words(self) -> list[InService | None]:
        """Give the word of each worker there is to be; None of one that has said nothing yet."""
        if self.board is None:
            return [self._own]
        words = [InService.model_validate_json(word) if word else None for word in self.board.words()]
        return words + [None] * (self.board.expected() - len(words))
