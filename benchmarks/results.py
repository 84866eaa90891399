"""What a benchmark leaves behind: one JSON file in `results/`, from which `report.py` makes tables and charts."""

import datetime
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import describe_machine

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Table:
    """A table of the report. rows: text as it is to be read, each as long as `columns`."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart of the report. series: name to points (x, y); name: of its file, without ending."""

    name: str
    title: str
    x_label: str
    y_label: str
    series: dict[str, Sequence[tuple[float, float]]]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Spread:
    """Repetitions of one figure."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def text(self, unit: str = "", digits: int = 2) -> str:
        """Say the median, the least and the most of how many."""
        median, least, most = (f"{value:.{digits}f}" for value in (self.median, min(self.values), max(self.values)))
        return f"{median}{f' {unit}' if unit else ''} ({least} to {most}, n {len(self.values)})"


def path_of(name: str) -> Path:
    """Name the file of a result."""
    return FOLDER / f"{name}.json"


def save(
    name: str, command: str, figures: dict[str, object], tables: Sequence[Table], charts: Sequence[Chart] = ()
) -> None:
    """Write `results/<name>.json`. figures: what was measured, raw, for programs; command: that measures it again."""
    result = {
        "command": command,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": describe_machine(),
        "figures": figures,
        "tables": [asdict(table) for table in tables],
        "charts": [asdict(chart) for chart in charts],
    }
    FOLDER.mkdir(exist_ok=True)
    path_of(name).write_text(json.dumps(result, indent=1) + "\n")
