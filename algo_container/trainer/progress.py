"""What a person watches while the network trains: a bar an epoch on a terminal, a line an epoch in a log."""

import shutil
import time
from typing import TextIO

import keras
from tqdm import tqdm

from trainer.heartbeat import beat
from trainer.status import JobStatus

BAR_WIDTH = 20
BAR_FORMAT = "{desc} |{bar:20}| {n_fmt}/{total_fmt} {elapsed}, ETA {remaining}{postfix}"


class Progress(keras.callbacks.Callback):  # type: ignore[misc] # Keras comes without types
    """Shows epochs on `stream` and in `status`, and keeps the lines, without control characters, in `lines`."""

    def __init__(self, stream: TextIO, epochs: int, status: JobStatus | None = None) -> None:
        super().__init__()
        self._status = status
        if status is not None:
            status.plans(epochs)
        self.lines: list[str] = []
        self.epoch_durations_s: list[float] = []
        self._stream = stream
        self._epochs = epochs
        self._live = stream.isatty()
        self._bar: tqdm | None = None
        self._epoch_started = 0.0
        self._epochs_before = 0

    def say(self, line: str) -> None:
        """Show one line, above the bar if there is one, and keep it."""
        beat()
        if self._status is not None:
            self._status.says(line)
        self.lines.append(line)
        if self._bar is None:
            print(line, file=self._stream, flush=True)
        else:
            tqdm.write(line, file=self._stream)

    def resumes(self, epochs_done: int, history: dict[str, list[float]]) -> None:
        """Begin after some epochs that another process has shown. Their time is unknown here."""
        self._epochs_before = epochs_done
        if self._status is not None:
            for epoch in range(epochs_done):
                self._status.finishes_epoch(epoch + 1, {name: values[epoch] for name, values in history.items()})

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Open the epoch's bar."""
        self._epoch_started = time.monotonic()
        if self._live:
            columns, rows = shutil.get_terminal_size()  # 80 by 24 where a container's terminal claims to be 0 by 0
            self._bar = tqdm(
                total=self.params["steps"],
                desc=self._name(epoch),
                file=self._stream,
                bar_format=BAR_FORMAT,
                leave=False,
                ncols=columns,
                nrows=rows,
            )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the epoch's bar."""
        beat()
        if self._status is not None:
            passed_s = sum(self.epoch_durations_s) + time.monotonic() - self._epoch_started
            done_here = len(self.epoch_durations_s) + (batch + 1) / self.params["steps"]
            done = self._epochs_before + done_here
            self._status.learns(done, logs or {}, passed_s / done_here * (self._epochs - done))
        if self._bar is not None:
            self._bar.set_postfix_str(_figures(logs or {}), refresh=False)
            self._bar.update(batch + 1 - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Replace the epoch's bar by one line that stays."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self.epoch_durations_s.append(time.monotonic() - self._epoch_started)
        done = epoch + 1
        if self._status is not None:
            self._status.finishes_epoch(done, logs or {})
        remaining_s = sum(self.epoch_durations_s) / len(self.epoch_durations_s) * (self._epochs - done)
        filled = BAR_WIDTH * done // self._epochs
        self.say(
            f"{self._name(epoch)} [{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {self.epoch_durations_s[-1]:.1f} s, "
            f"ETA {int(remaining_s // 60)} min {int(remaining_s % 60):02d} s  {_figures(logs or {})}"
        )

    def _name(self, epoch: int) -> str:
        return f"Epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"


def _figures(logs: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in sorted(logs.items(), key=lambda item: item[0][::-1]))
