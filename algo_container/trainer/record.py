"""What people look at after a training, beside the model in its version's folder."""

from collections.abc import Sequence
from pathlib import Path

from trainer.dataset import Digits
from trainer.evaluation import Report
from trainer.json_text import to_json_text
from trainer.pictures import draw_pictures


def write_record(
    folder: Path, history: dict[str, list[float]], report: Report, test: Digits, lines: Sequence[str]
) -> None:
    """Write curves, confusions, worst mistakes, reliability, the figures behind them, and the log."""
    draw_pictures(folder, history, report, test)
    (folder / "report.json").write_text(to_json_text(report), encoding="utf-8")
    (folder / "history.json").write_text(to_json_text(history), encoding="utf-8")
    (folder / "training.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
